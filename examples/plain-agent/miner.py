#!/usr/bin/env python3
"""A program that knows nothing of runner: no SDK, no state file, nothing it could be started again with.

It works through a list of sums with a child that does the arithmetic, and holds everything in memory: how far it is, what it found, a random
number it was born with. It writes down what it finds and never reads it back. Killed, it would begin at one, as another program.
"""

import hashlib
import os
import pathlib
import sys
import threading
import time

STEPS = int(sys.argv[1]) if len(sys.argv) > 1 else 100
ROUNDS = 20_000  # of hashing in each step
PAUSE = 0.05  # seconds between two steps


def work(questions, answers):
    """The child: one number a line in, its hash of hashes out."""
    for line in questions:
        digest = line.strip().encode()
        for _ in range(ROUNDS):
            digest = hashlib.sha256(digest).digest()
        print(digest.hex(), file=answers, flush=True)


def main():
    (child_reads, we_write), (we_read, child_writes) = os.pipe(), os.pipe()
    if os.fork() == 0:
        os.close(we_write), os.close(we_read)
        work(os.fdopen(child_reads), os.fdopen(child_writes, "w"))
        os._exit(0)
    os.close(child_reads), os.close(child_writes)
    questions, answers = os.fdopen(we_write, "w"), os.fdopen(we_read)

    born = os.urandom(4).hex()
    found = []
    ticks = [0]

    def clock():
        while True:
            time.sleep(0.01)
            ticks[0] += 1

    threading.Thread(target=clock, daemon=True).start()
    results = open(pathlib.Path("results.txt"), "w", buffering=1, encoding="ascii")
    for step in range(1, STEPS + 1):
        print(step, file=questions, flush=True)
        found.append(answers.readline().strip())
        so_far = hashlib.sha256("".join(found).encode()).hexdigest()[:16]
        print(step, born, so_far, file=results)
        print(f"step {step} of {STEPS}, {ticks[0]} ticks old", flush=True)
        time.sleep(PAUSE)
    questions.close()
    os.wait()
    print(f"done: {len(found)} found by {born}", flush=True)


if __name__ == "__main__":
    main()

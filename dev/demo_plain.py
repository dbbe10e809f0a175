#!/usr/bin/env python3
"""The second act of the demo: a program that knows nothing of runner is killed with SIGKILL, all of it, and goes on at the very instruction.

    dev/demo_plain.py --runner .build/release/runner [--kills 4] [--steps 160] [--seed N]

Exit status 0: all promises held, or there can be no images of processes here, and why is said; 1: one did not hold; 2: the demo could not be run.
"""

import argparse
import json
import os
import pathlib
import random
import shutil
import signal
import subprocess
import sys
import tempfile
import time

ROOT = pathlib.Path(__file__).resolve().parent.parent
NAME = "miner"
LOOK_EVERY = 0.01  # there is no event for "the status changed"
TIME_LIMIT = 120.0


class Unusable(Exception):
    """The demo itself could not go on."""


class SecondAct:
    def __init__(self, options):
        self.options = options
        self.chance = random.Random(options.seed)
        self.began = time.monotonic()
        self.folder = pathlib.Path(tempfile.mkdtemp(prefix="runner-demo-"))
        self.home = self.folder / "agent"
        self.store = self.folder / "store"
        self.results = self.home / "workspace" / "results.txt"
        self.kills = []
        self.runner = None

    def why_not(self):
        """Why there can be no images of processes here; None: there can."""
        answer = subprocess.run([self.options.runner, "doctor", "--json"], capture_output=True, text=True, timeout=60)
        findings = {finding["name"]: finding for finding in json.loads(answer.stdout)["findings"]}
        criu = findings["criu"]
        return None if criu["verdict"] == "works" else criu["what"]

    def begin(self):
        shutil.copytree(ROOT / "examples" / "plain-agent", self.home)
        (self.home / "workspace").mkdir()
        output = open(self.folder / "output.txt", "wb")
        self.runner = subprocess.Popen(
            [
                self.options.runner, "run", str(self.home / "agent.yaml"), "--store", str(self.store),
                "--", "python3", str(self.home / "miner.py"), str(self.options.steps),
            ],
            stdin=subprocess.DEVNULL, stdout=output, stderr=subprocess.STDOUT,
        )  # fmt: skip

    # MARK: looking

    def ask(self, *words):
        answer = subprocess.run([self.options.runner, *words, "--json", "--store", str(self.store)], capture_output=True, text=True, timeout=30)
        return json.loads(answer.stdout) if answer.returncode == 0 and answer.stdout.strip() else None

    def status(self):
        try:
            return json.loads((self.store / "agents" / NAME / "status.json").read_text(encoding="utf-8"))
        except (FileNotFoundError, ValueError):
            return {}

    def lines(self):
        try:
            return [line.split() for line in self.results.read_text(encoding="ascii").splitlines()]
        except FileNotFoundError:
            return []

    def wait_until(self, condition, otherwise):
        while not (found := condition()):
            if time.monotonic() - self.began > TIME_LIMIT:
                raise Unusable(f"{otherwise} within {TIME_LIMIT:.0f} s of the demo")
            time.sleep(LOOK_EVERY)
        return found

    def tree(self, pid):
        """The process and everything below it."""
        found = [pid]
        for number in found:
            for task in pathlib.Path(f"/proc/{number}/task").glob("*/children"):
                try:
                    found += [int(word) for word in task.read_text().split()]
                except OSError:
                    continue
        return found

    # MARK: the play

    def play(self):
        incarnation = 1
        for number in range(1, self.options.kills + 1):
            status = self.wait_until(lambda: self.up(incarnation, number), "the program did not get on")
            if self.runner.poll() is not None:
                return
            until = time.monotonic() + self.chance.uniform(0.1, 0.9)
            while time.monotonic() < until:
                time.sleep(LOOK_EVERY)
            tree, step = self.tree(status["pid"]), len(self.lines())
            # The child first: whatever is left of a program whose parent is gone would end by itself.
            for pid in reversed(tree):
                try:
                    os.kill(pid, signal.SIGKILL)
                except ProcessLookupError:
                    continue
            at = time.time()
            self.say(f"kill {number}: SIGKILL to all {len(tree)} processes after step {step} of {self.options.steps}")
            back = self.wait_until(lambda: self.back(incarnation), "the program was not restored")
            incarnation = back["incarnation"]
            self.kills.append(back)
            ms = 1000 * max(0.0, time.time() - at)
            self.say(f"        → restored from version {back['origin']}, after step {self.step_of(back['origin'])}, within {ms:.0f} ms")
        self.say("no more kills; the program may finish")
        self.wait_until(lambda: self.runner.poll() is not None, "the program did not finish")

    def up(self, incarnation, number):
        """Its status, once it has done something in this life and there is a version of it."""
        if self.runner.poll() is not None:
            return self.status()
        status = self.status()
        wanted = self.options.steps * (number - 1) // (self.options.kills + 1)
        good = status.get("pid") and status.get("incarnation", 0) >= incarnation and status.get("latest")
        return status if good and len(self.lines()) > wanted else None

    def back(self, incarnation):
        if self.runner.poll() is not None:
            raise Unusable(f"runner ended with status {self.runner.returncode}")
        status = self.status()
        return status if status.get("incarnation", 0) > incarnation and status.get("pid") else None

    def step_of(self, origin):
        content = self.store / "agents" / NAME / "versions" / str(origin) / "workspace" / "results.txt"
        try:
            return content.read_bytes().count(b"\n")
        except OSError:
            return "?"

    # MARK: the judgement

    def check(self):
        lines = self.lines()
        born = {line[1] for line in lines}
        versions = self.ask("versions", NAME) or []
        pauses = [version["frozenMicroseconds"] / 1000 for version in versions if version.get("frozenMicroseconds")]
        restored = [kill for kill in self.kills if kill["origin"] != "clean"]
        said = (self.folder / "output.txt").read_text(errors="replace")
        return [
            (f"it was killed {self.options.kills} times", len(self.kills) == self.options.kills, len(self.kills)),
            ("each time its processes were restored", len(restored) == len(self.kills), f"{len(restored)} times"),
            ("results.txt has every step once, in order", [int(line[0]) for line in lines] == list(range(1, self.options.steps + 1)), f"{len(lines)} lines"),
            ("it was one program all the time", len(born) == 1, f"born as {', '.join(sorted(born))}"),
            ("it finished and runner ended with its status, 0", self.runner.returncode == 0 and "done: " in said, self.runner.returncode),
            (
                "a checkpoint stops it for a moment only",
                bool(pauses) and max(pauses) < 1000,
                f"{min(pauses, default=0):.0f} to {max(pauses, default=0):.0f} ms for {max((v['size'] for v in versions), default=0) / 1e6:.1f} MB",
            ),
        ]

    def say(self, text):
        print(f"{time.monotonic() - self.began:6.1f} s  {text}", flush=True)

    def end(self):
        if self.runner is not None and self.runner.poll() is None:
            self.runner.terminate()
            try:
                self.runner.wait(30)
            except subprocess.TimeoutExpired:
                self.runner.kill()
                self.runner.wait()


def main():
    parser = argparse.ArgumentParser(description="Kills a plain program again and again and shows that it goes on where it was.")
    parser.add_argument("--runner", required=True)
    parser.add_argument("--kills", type=int, default=4)
    parser.add_argument("--steps", type=int, default=160)
    parser.add_argument("--seed", type=int, default=None)
    parser.add_argument("--keep", action="store_true", help="leave the demo's folder behind to look at")
    options = parser.parse_args()
    options.seed = random.randrange(1 << 32) if options.seed is None else options.seed
    options.runner = str(pathlib.Path(options.runner).absolute())
    act = SecondAct(options)
    print(f"\nA plain Python program, without any SDK, is killed {options.kills} times on the way (seed {options.seed}).\n")
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(143))
    kept = options.keep
    try:
        if why := act.why_not():
            print(f"Left out: {why}.")
            return 0
        act.begin()
        act.play()
        verdicts = act.check()
        print()
        for promise, held, detail in verdicts:
            print(f"  {'ok    ' if held else 'BROKEN'}  {promise} ({detail})")
        if all(held for _, held, _ in verdicts):
            print("\nEvery promise was held.")
            return 0
        kept = True
        print(f"\nA promise was broken. Everything is in '{act.folder}'.")
        return 1
    except Unusable as error:
        kept = True
        print(f"\nThe demo could not go on: {error}. Everything is in '{act.folder}'.", file=sys.stderr)
        return 2
    finally:
        act.end()
        if not kept:
            shutil.rmtree(act.folder, ignore_errors=True)


if __name__ == "__main__":
    sys.exit(main())

#!/usr/bin/env python3
"""The agent of most of these tests: does one small step after another until it is told that it is enough, and can be told to misbehave.

A step appends one line to results.txt in the workspace; the state holds the number of the next one. Both belong to one version, so whatever is
restored, the file must end with every step exactly once. Orders are files in the folder ORDERS, outside of the workspace:

    enough    finish: leave report.txt and end with status 0
    die       end with the status written in it, as soon as the state was handed over
    fail      say 'failed' with the text in it
    child     run the shell command in it, once, beside the work
"""

import argparse
import fcntl
import os
import pathlib
import subprocess
import sys
import time

from runner_agent import Agent


def only_copy(orders):
    """Holds a lock that two living copies cannot both hold; whoever does not get it leaves the proof behind."""
    lock = open(orders / "only-copy", "a")
    try:
        fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except OSError:
        with open(orders / "two-copies", "a") as proof:
            proof.write(f"{os.environ.get('RUNNER_INCARNATION')} found another copy at work\n")
    return lock


def begin(results):
    """A clean start: what lies in the workspace belongs to no state of ours."""
    results.unlink(missing_ok=True)
    return {"next": 0}


def order(orders, name):
    try:
        return (orders / name).read_text().strip()
    except FileNotFoundError:
        return None


def obey(agent, orders):
    """Dies, fails or has children when told so."""
    if (status := order(orders, "die")) is not None:
        print(f"dying with status {status} as told", flush=True)
        os._exit(int(status or 3))
    if (text := order(orders, "fail")) is not None:
        agent.failed(text)
        os._exit(0)
    if (command := order(orders, "child")) is not None:
        (orders / "child").unlink()
        subprocess.Popen(["/bin/sh", "-c", command], stdin=subprocess.DEVNULL)


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("--orders", type=pathlib.Path, required=True)
    parser.add_argument("--workspace", type=pathlib.Path, required=True)
    parser.add_argument("--pace", type=float, default=0.02, help="seconds of work in a step")
    parser.add_argument("--padding", type=int, default=0, help="bytes of state besides the number")
    parser.add_argument("--save-first", action="store_true", help="ask for a version before the first step of each life")
    parser.add_argument("--talk", type=int, default=0, help="bytes to print after each step")
    parser.add_argument("--save-every", type=int, default=0, help="ask for a version after this many steps")
    parser.add_argument("--effects", action="store_true", help="every step has an effect outside: a line in the file 'effects'")
    options = parser.parse_args()
    results = options.workspace / "results.txt"
    lock = only_copy(options.orders)

    with Agent(schema="worker/1") as agent:
        state = agent.restored or begin(results)
        obey(agent, options.orders)
        if options.padding and len(state.get("padding", "")) != options.padding:
            if agent.restored:
                print("the padding is not what was handed over", flush=True)
                os._exit(4)
            state["padding"] = "x" * options.padding
        origin = agent.welcome.restored_from if agent.welcome else None
        print(f"going on at step {state['next']}" + (f" from version {origin}" if origin else ""), flush=True)
        if options.save_first:
            print(f"saved version {agent.save(state, step=state['next'])}", flush=True)
        while order(options.orders, "enough") is None:
            obey(agent, options.orders)
            if agent.should_stop:
                print(f"stopping before step {state['next']}", flush=True)
                return 0
            take_step(agent, state, results, options)
        (options.workspace / "report.txt").write_text(f"{state['next']}\n")
        agent.done()
    lock.close()
    return 0


def take_step(agent, state, results, options):
    number = state["next"]

    def act():
        with open(options.orders / "effects", "a") as effects:
            effects.write(f"{number}\n")
        return number

    if options.effects:
        agent.once(f"step:{number}", act, idempotent=True)
    time.sleep(options.pace)  # the work
    with open(results, "a") as file:
        file.write(f"{number}\n")
    state["next"] = number + 1
    agent.beat(step=number + 1)
    agent.checkpoint_point(state)
    if options.talk:
        print(f"step {number} ".ljust(options.talk - 1, "."), flush=True)
    if options.save_every and state["next"] % options.save_every == 0:
        agent.save(state, step=state["next"], wait=False)


if __name__ == "__main__":
    sys.exit(main())

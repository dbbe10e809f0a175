"""Peers that break every rule of the protocol, from inside the sandbox and from outside: the runner lives and the agent notices nothing."""

import os
import pathlib
import re
import shutil
import time

from stage import HERE, wait_until

ATTACKS = ["truncated", "oversized", "unknown", "interleaved", "byte_by_byte", "random_frames", "crowd", "half_open", "deaf"]
# What the attacks may add to the runner's memory: buffers of connections that are closed again, and what an allocator keeps.
MEMORY_BOUND = 24 << 20


def memory(pid):
    """Private and shared pages in use, in bytes."""
    return int(pathlib.Path(f"/proc/{pid}/statm").read_text().split()[1]) * os.sysconf("SC_PAGE_SIZE")


def descriptors(pid):
    return len(os.listdir(f"/proc/{pid}/fd"))


def minutes_since(begun):
    """How many windows of a minute may have begun since."""
    return 2 + int((time.monotonic() - begun) // 60)


def test_hostile_peers_do_no_harm(stages, anyone):
    stage = stages("target", anyone)
    shutil.copy(HERE / "agents" / "knocker.py", stage.folder / "knocker.py")
    stage.write_spec(stage.worker("--pace", "0.02"), health={"heartbeat": "60s"})
    runner = stage.run()
    stage.wait_for_checkpoints(1)
    stage.wait_for_more_steps()
    before = stage.wait_until_running()
    begun = time.monotonic()
    used, opened = memory(runner.pid), descriptors(runner.pid)
    for attack in ATTACKS:
        # The worker starts it as its own child: inside its sandbox, with its environment.
        stage.order("child", f"{stage.user.python} {stage.folder / 'knocker.py'} $RUNNER_SOCKET 7 {attack}")
        stage.wait_for_log(rf"out knocked {attack}", within=90)
        stage.wait_for_more_steps()
        assert not runner.ended, f"{attack}: {runner.text[-2000:]}"
    wait_until(lambda: descriptors(runner.pid) <= opened + 2, "all connections are closed again")
    grown = memory(runner.pid) - used
    print(f"the runner's memory grew by {grown / 1024:.0f} kB to {memory(runner.pid) / 1024:.0f} kB")
    assert grown < MEMORY_BOUND
    after = stage.wait_until_running()
    assert (after["pid"], after["incarnation"], after["restarts"]) == (before["pid"], 1, 0)
    # It is told in sentences, and does not drown what matters: some a minute, the rest is counted.
    told = re.findall(r"run closed a connection at the agent's door: could not (.*)", stage.log())
    assert any(sentence.startswith("read a frame: ") for sentence in told) and len(told) <= 20 * minutes_since(begun)
    assert stage.ask("events", stage.name).stdout.count(" protocol ") <= 20 * minutes_since(begun)
    # The agent's own connection still works: a version with its state.
    number = stage.checkpoint_after_more_steps()
    assert stage.manifest(number)["state"] and not stage.manifest(number)["forced"]
    stage.order("enough")
    assert runner.wait() == 0
    assert stage.steps() == list(range(len(stage.steps())))

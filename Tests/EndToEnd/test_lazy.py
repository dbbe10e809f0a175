"""`restore.pages: lazy`: a large plain agent runs before its memory is there, and everything still holds."""

import os
import signal

import pytest
from stage import wait_until

pytestmark = [pytest.mark.criu, pytest.mark.root]

LARGE = """
import os, time
block = bytes(range(1, 251)) * 4200
held = block * 150
n = 0
while True:
    n += 1
    at = n * 7919 * 4096 % len(held)
    print(n, held[at] == block[at % len(block)], flush=True)
    time.sleep(.005)
"""


def write_large(stage, **settings):
    stage.write_spec(
        ["python3", "-c", LARGE], restore={"pages": "lazy"}, checkpoint={"every": None, "on_stop": False},
        recovery={"backoff": {"initial": "10ms"}}, **settings,
    )  # fmt: skip


def lines(stage):
    return [line.split()[2:] for line in stage.log().splitlines() if " out " in line]


def test_an_agent_goes_on_before_its_memory_is_there(stage):
    write_large(stage)
    stage.run()
    stage.wait_for_log(" out 20 True")
    version = stage.json("checkpoint", stage.name, "--mode", "process")["version"]
    for round in (2, 3):
        before = len(lines(stage))
        os.kill(stage.wait_until_running(round - 1)["pid"], signal.SIGKILL)
        stage.wait_until_running(round)
        wait_until(lambda: len(lines(stage)) > before + 100, "it says a hundred lines more")
        assert all(whole == "True" for _, whole in lines(stage))
        reached = int(lines(stage)[before + 5][0])
        assert reached > 20, "it went on from the cut"
        # Whatever was still to come has come: a version is whole again.
        assert stage.json("checkpoint", stage.name, "--mode", "process")["version"] > version


def test_the_supervisor_may_die_while_memory_comes(stage):
    write_large(stage)
    running = stage.run()
    stage.wait_for_log(" out 20 True")
    stage.json("checkpoint", stage.name, "--mode", "process")
    os.kill(stage.wait_until_running(1)["pid"], signal.SIGKILL)
    before = len(lines(stage))
    wait_until(lambda: len(lines(stage)) > before, "it goes on")
    running.kill()
    stage.run()
    status = stage.wait_until_running(2)
    wait_until(lambda: len(lines(stage)) > before + 100, "it says a hundred lines more")
    assert all(whole == "True" for _, whole in lines(stage))
    assert stage.status()["incarnation"] >= status["incarnation"] >= 2

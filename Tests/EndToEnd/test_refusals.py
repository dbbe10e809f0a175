"""What a supervisor was asked for and could not do: its sentence reaches whoever asked, with exit status 1, and the agent is as it was.

Rows as in test_exit_codes.py.
"""

import json
import os
import signal
import socket

import pytest
from sentences import answered, asking, says


@pytest.fixture
def working(stage):
    """A living agent with a version."""
    stage.write_spec(checkpoint={"every": "1h"})
    stage.run()
    stage.checkpoint_after_more_steps()
    return stage


def test_a_checkpoint_that_is_refused(stage):
    stage.write_spec(checkpoint={"every": "1h", "size_limit": "1MB"})
    (stage.workspace / "large").write_bytes(b"x" * 2_000_000)
    stage.run()
    stage.wait_for_more_steps()
    says(
        stage.ask("checkpoint", "agent-1", "--json"), 1, "E-CHECKPOINT-REFUSED",
        "could not take a checkpoint of 'agent-1': it takes 2.0 MB, and the limit is 1.0 MB. Put that right, or leave it out of the checkpoint; older versions are untouched",
    )  # fmt: skip
    says(
        stage.ask("restart", "agent-1", "--json"), 1, "E-CHECKPOINT-REFUSED",
        "could not restart 'agent-1': no last version could be taken: it takes 2.0 MB, and the limit is 1.0 MB. Put that right, or leave it out of the checkpoint; older versions are untouched. It runs on; '--from' a version or 'clean' does without a last version",
    )  # fmt: skip
    assert (stage.status()["state"], stage.status()["incarnation"]) == ("running", 1)
    says(
        stage.ask("stop", "agent-1", "--json"), 1, "E-STOP-UNSAVED",
        "'agent-1' is stopped, but no last version could be taken: it takes 2.0 MB, and the limit is 1.0 MB. Put that right, or leave it out of the checkpoint; older versions are untouched",
    )  # fmt: skip


def test_a_checkpoint_that_the_agent_does_not_live_to_see(stage):
    stage.write_spec(stage.worker("--pace", "1000"), checkpoint={"every": "1h", "deadline": "10m"})
    stage.run()
    stage.wait_for_log("going on at step 0")
    answer = asking(stage, "checkpoint", "agent-1", "--json")
    stage.kill_agent()
    says(
        answered(answer), 1, "E-CHECKPOINT-ABORTED",
        "could not checkpoint 'agent-1': the agent ended before it was at a safe point. 'runner status agent-1' tells what comes next and when",
    )  # fmt: skip


def test_a_restart_that_does_not_come_about(working):
    working.workspace.rename(working.folder / "elsewhere")
    working.workspace.write_text("no directory\n")
    says(
        working.ask("restart", "agent-1", "--json"), 1, "E-RESTART-FAILED",
        f"could not restart 'agent-1': could not restore version 1: could not open the directory '{working.workspace}': it, or a part of its path, is not a directory. Check the path. Recovery goes on by its own rules: 'runner why agent-1' tells how",
    )  # fmt: skip
    says(
        working.ask("restart", "agent-1", "--from", "1", "--json"), 1, "E-RESTORE-FAILED",
        f"could not restore 'agent-1@1': could not open the directory '{working.workspace}': it, or a part of its path, is not a directory. Check the path. Recovery goes on by its own rules: 'runner why agent-1' tells how",
    )  # fmt: skip
    says(
        working.ask("checkpoint", "agent-1", "--json"), 75, "E-AGENT-NOT-RUNNING",
        "could not checkpoint 'agent-1': it is not running. 'runner status agent-1' tells what comes next and when",
    )  # fmt: skip


def test_a_stop_that_somebody_takes_back(stage):
    stage.write_spec(["/bin/sh", "-c", "trap '' TERM; echo deaf; while :; do sleep 0.1; done"], stop={"deadline": "10m"}, checkpoint={"every": "1h"})
    stage.run()
    stage.wait_for_log("out deaf")
    answer = asking(stage, "stop", "agent-1", "--no-checkpoint", "--json")
    again = asking(stage, "restart", "agent-1")
    says(
        answered(answer), 1, "E-STOP-FAILED",
        "could not stop 'agent-1': it was asked to run again meanwhile. Stop it again, if that still holds",
    )  # fmt: skip
    os.kill(stage.status()["pid"], signal.SIGKILL)
    assert answered(again).returncode == 0


def test_a_request_that_is_none(working):
    with socket.socket(socket.AF_UNIX) as peer:
        peer.connect(f"{working.runtime()}/agent-1/control.sock")
        peer.sendall(b'{"dance":{}}\n')
        failed = json.loads(peer.makefile().readline())["failed"]
    assert (failed["code"], failed["sentence"]) == (
        "E-CONTROL-BAD",
        "could not take the request: the line is no message: it is not JSON of a known message. Use the same release for the command and the supervisor, see 'runner version'",
    )  # fmt: skip


def test_a_start_in_the_background_that_goes_on_trying(stage):
    stage.write_spec(stage.worker(), workdir="/nonexist")
    answer = stage.ask("run", "-d", str(stage.spec_file))
    said = answer.stderr
    assert answer.returncode == 125, said
    assert said.startswith("runner: could not start 'agent-1': ") and said.endswith(". Its supervisor goes on trying\n"), said
    assert stage.ask("stop", "agent-1").returncode == 0

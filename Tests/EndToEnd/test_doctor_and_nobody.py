"""What a machine allows, told by `runner doctor`, and the whole way of an agent without any right."""

import json
import shutil

import pytest
from stage import User, wait_until


def findings(answer):
    return {finding["name"]: finding for finding in json.loads(answer.stdout)["findings"]}


@pytest.mark.root
def test_doctor_as_root(stage):
    answer = stage.ask("doctor", "--json")
    assert answer.returncode == 0
    found = findings(answer)
    assert found["user"]["what"] == "root: agents can be kept apart from the host and limited" and found["user"]["verdict"] == "works"
    assert found["runner-init"]["verdict"] == "works"
    text = " ".join(stage.ask("doctor").stdout.split())
    # Nothing of what is limited for root goes without a way to have it.
    limited = [finding for finding in found.values() if finding["verdict"] != "works"]
    well = "All is well, and nothing is left to install. Next: 'runner run agent.yaml', or without a file 'runner run --name hello -- COMMAND'."
    assert text.endswith(well) if not limited else "What to do next 1. " in text


@pytest.mark.criu
def test_doctor_tells_which_criu_is_used(stage):
    found = findings(stage.ask("doctor", "--json"))
    assert found["criu"]["verdict"] == "works" and found["criu"]["what"].startswith("CRIU 4."), found["criu"]
    assert found["images"]["what"]


def test_doctor_without_root_says_what_is_limited_and_what_to_do(stages, nobody):
    stage = stages("plain", nobody)
    answer = stage.ask("doctor", "--json")
    assert answer.returncode == 0, answer.stderr
    found = findings(answer)
    assert found["user"]["verdict"] == "limited" and found["user"]["what"].startswith(f"user {nobody.effective_uid}, not root: ")
    assert found["namespaces"]["verdict"] == "limited" and found["namespaces"]["what"].startswith("agents see the host's processes")
    assert found["runner-init"]["verdict"] == "works"
    assert found["criu"]["verdict"] == "limited" and "need root" in found["criu"]["what"]
    text = " ".join(stage.ask("doctor").stdout.split())
    assert "Agents run here as it is, and nothing must be installed for that; what is limited they go without" in text
    assert found["sockets"] == {"name": "sockets", "verdict": "works", "what": f"in '/tmp/runner-{nobody.effective_uid}'"}
    assert "What to do next 1. Run as root to keep agents apart from the host and to limit them: 'sudo runner run agent.yaml'." in text


def test_doctor_misses_runner_init(stage):
    alone = stage.folder / "alone"
    alone.mkdir()
    shutil.copy(stage.user.runner.resolve(), alone / "runner")
    stage.user = User(runner=alone / "runner")
    answer = stage.ask("doctor")
    assert answer.returncode == 1
    said = " ".join(answer.stdout.split())
    assert "No agent can run here yet: something is missing. What to do next 1. Install 'runner-init' beside 'runner'" in said


@pytest.mark.root
def test_doctor_finds_places_that_cannot_be_written(stages, nobody):
    stage = stages("plain", nobody)
    answer = stage.ask("doctor", "--json", RUNNER_STORE="/nonexistent/store", XDG_RUNTIME_DIR="/root/run")
    assert answer.returncode == 1
    found = findings(answer)
    assert found["store"]["what"] == "'/nonexistent/store' (RUNNER_STORE) is not there, and this user may not make it"
    assert found["store"]["remedy"] == "Choose another store with '--store DIR' or RUNNER_STORE."
    assert found["sockets"]["what"] == "'/root/run/runner' may not be written by this user"
    assert found["sockets"]["remedy"] == "Set XDG_RUNTIME_DIR to a directory of your own: supervisors have their sockets there."


def test_the_whole_way_without_a_right(stages, nobody):
    stage = stages("plain", nobody)
    stage.write_spec(stage.worker("--pace", "0.01"), limits={"memory": "512MB"}, checkpoint={"every": "1h"})
    runner = stage.run()
    first = stage.wait_until_running()
    # What this user's agents go without is said, not hidden.
    assert any("memory" in warning for warning in first["warnings"]), first["warnings"]
    version = stage.checkpoint_after_more_steps()
    stage.wait_for_more_steps()
    restored = stage.kill_and_wait()
    assert restored["origin"] == version
    stage.wait_for_more_steps()
    # A process that left the agent's session and its parent is found and ended all the same.
    stage.order("child", "setsid sh -c 'sleep 987 & exec sleep 986' >/dev/null 2>&1 &")
    wait_until(lambda: len([process for process in stage.processes() if process.command[:1] == ("sleep",)]) == 2, "it has daemons")
    stopped = stage.ask("stop", stage.name)
    assert stopped.returncode == 0, stopped.stderr
    assert runner.wait() == 0
    assert stage.processes() == []
    assert all(path.stat().st_uid == nobody.effective_uid for path in stage.store.rglob("*") if not path.is_symlink())
    # And goes on another day.
    again = stage.run()
    stage.wait_for_more_steps()
    stage.order("enough")
    assert again.wait() == 0
    assert stage.steps() == list(range(len(stage.steps())))

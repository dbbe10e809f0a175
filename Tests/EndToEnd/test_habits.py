"""What people expect of the commands, because other tools taught them: waiting, naming, stopping twice, planning."""

import json
import shutil

import pytest
from stage import Stage, wait_until


def test_a_checkpoint_is_durable_when_its_name_is_printed(stage):
    stage.write_spec(checkpoint={"every": "1h"})
    stage.run()
    stage.wait_for_more_steps()
    plain = stage.ask("checkpoint", "agent-1")
    assert (plain.returncode, plain.stdout, plain.stderr) == (0, "agent-1@1\n", "")
    assert stage.versions() == [1]
    stage.wait_for_more_steps()
    said = stage.ask("checkpoint", "agent-1", "--wait")
    assert (said.returncode, said.stdout) == (0, "agent-1@2\n")
    begun = stage.ask("checkpoint", "agent-1", "--no-wait")
    assert (begun.returncode, begun.stdout) == (0, "")
    assert begun.stderr == "runner: a checkpoint of 'agent-1' has begun; 'runner versions agent-1' shows it when it is stored\n"
    stage.wait_for_checkpoints(3)


def test_stopping_twice_is_stopping(stage):
    stage.write_spec(checkpoint={"every": "1h"})
    runner = stage.run()
    stage.wait_for_more_steps()
    first = stage.ask("stop", "agent-1")
    assert (first.returncode, first.stdout, first.stderr) == (0, "", "runner: 'agent-1' is stopped\n")
    assert runner.wait() == 0
    second = stage.ask("stop", "agent-1", "--json")
    assert (second.returncode, second.stderr) == (0, "")
    assert json.loads(second.stdout) == [{"agent": "agent-1", "outcome": "'agent-1' is not running"}]


def test_an_agent_without_its_supervisor_is_not_called_stopped(stage):
    stage.write_spec(checkpoint={"every": "1h"})
    runner = stage.run()
    stage.wait_for_more_steps()
    runner.kill()
    answer = stage.ask("stop", "agent-1")
    assert answer.returncode == 69
    assert answer.stderr == (
        "runner: could not stop 'agent-1': the agent runs on without a supervisor. 'runner run' takes it over; without one it ends by itself within "
        "its adoption term ('stop.adopt_within')\n"
    )
    stage.wait_for_more_steps()


def test_a_plan_makes_nothing(stage):
    stage.write_spec(checkpoint={"every": "1h"})
    runner = stage.run()
    stage.checkpoint_after_more_steps()
    assert stage.ask("stop", "agent-1").returncode == 0
    assert runner.wait() == 0
    shutil.rmtree(stage.workspace)
    plan = stage.json("restore", "agent-1", "1", "--dry-run")
    assert [step["path"] for step in plan["workspace"]["steps"]] == ["results.txt"]
    assert not stage.workspace.exists()
    assert stage.ask("restore", "agent-1", "1", "-y").returncode == 0
    assert [path.name for path in stage.workspace.iterdir()] == ["results.txt"]


@pytest.mark.parametrize("length", [40, 41, 63])
def test_every_name_that_is_a_name_can_run(stages, anyone, length):
    stage = stages("n" * length, anyone)
    stage.write_spec(checkpoint={"every": "1h"})
    runner = stage.run()
    version = stage.checkpoint_after_more_steps()
    assert stage.kill_and_wait()["origin"] == version
    assert stage.ask("stop", stage.name).returncode == 0
    assert runner.wait() == 0
    stage.wait_until_nothing_lives()


def test_an_adopted_agent_is_shown_as_what_it_runs_as(stage: Stage):
    """A changed spec reaches an agent with its next start, and until then it is told so."""
    stage.write_spec(checkpoint={"every": "1h"})
    former = stage.worker()
    warning = "'agent-1' runs with the former spec until it is restarted ('runner restart agent-1')"
    runner = stage.run()
    stage.checkpoint_after_more_steps()
    pid = stage.agent_pid()
    runner.kill()
    # What its supervisor alone goes by needs no restart.
    stage.write_spec(checkpoint={"every": "2h"})
    runner = stage.run()
    stage.wait_for_status(lambda status: status["supervisorPID"] == runner.pid, "it is taken over")
    assert stage.status()["warnings"] == []
    runner.kill()
    changed = stage.worker("--pace", "0.03")
    for _ in range(2):  # the second one knows as well as the first
        stage.write_spec(changed, checkpoint={"every": "1h"})
        runner = stage.run()
        status = stage.wait_for_status(lambda status: status["supervisorPID"] == runner.pid, "it is taken over")
        assert (status["pid"], status["command"], status["warnings"]) == (pid, former, [warning])
        assert stage.json("status", "agent-1")["command"] == former
        stage.wait_for_more_steps()
        runner.kill()
    runner = stage.run()
    stage.wait_for_status(lambda status: status["supervisorPID"] == runner.pid, "it is taken over")
    assert stage.ask("restart", "agent-1").returncode == 0
    status = wait_until(lambda: (found := stage.status()) and found["warnings"] == [] and found, "the warning goes")
    assert (status["incarnation"], status["command"]) == (2, changed)
    stage.order("enough")
    assert runner.wait() == 0
    assert stage.steps() == list(range(len(stage.steps())))

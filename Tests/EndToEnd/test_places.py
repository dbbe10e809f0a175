"""Another environment than the agent was started with, and what is left when runner and init are both killed: one agent, and no word of 'not
running' while anything of it runs."""

import os
import signal

import pytest
from stage import wait_until


@pytest.fixture
def elsewhere(stages, nobody):
    """A stage whose runner is started with a runtime directory of its own, and asked without one."""
    stage = stages("moved", nobody)
    runtime = stage.folder / "runtime"
    runtime.mkdir(mode=0o700)
    stage._hand_over(runtime)
    stage.write_spec(checkpoint={"every": "1h"})
    return stage, {"XDG_RUNTIME_DIR": str(runtime)}


def test_an_agent_is_found_whatever_the_environment_says(elsewhere):
    stage, there = elsewhere
    runner = stage.run(**there)
    version = stage.checkpoint_after_more_steps()
    assert stage.json("status", stage.name)["pid"] == stage.agent_pid()
    assert stage.ask("stop", stage.name).returncode == 0
    assert runner.wait() == 0
    assert stage.processes() == [] and stage.versions() == [version, version + 1]


def test_an_agent_that_lives_alone_is_found_whatever_the_environment_says(elsewhere):
    stage, there = elsewhere
    runner = stage.run(**there)
    version = stage.checkpoint_after_more_steps()
    agent = stage.agent_pid()
    runner.kill()
    assert stage.ask("restore", stage.name, version, "-y").returncode == 75
    assert stage.ask("stop", stage.name).returncode == 69
    second = stage.run()
    assert stage.wait_for_status(lambda status: status["supervisorPID"] == second.pid, "it was taken over")["pid"] == agent
    stage.wait_for_more_steps()
    assert not (stage.orders / "two-copies").exists()
    # The other way round, too.
    assert stage.ask("stop", stage.name, "--no-checkpoint", **there).returncode == 0
    second.wait()  # with the agent's status, which depends on whether it had found its way back to the new runner
    assert stage.processes() == []


def test_an_agent_whose_doors_were_removed_gets_no_second_beside_it(elsewhere):
    stage, there = elsewhere
    runner = stage.run(**there)
    version = stage.checkpoint_after_more_steps()
    runner.kill()
    os.rename(there["XDG_RUNTIME_DIR"], there["XDG_RUNTIME_DIR"] + "-gone")  # as at the end of a login
    assert stage.ask("restore", stage.name, version, "-y").returncode == 75
    second = stage.run()
    stage.wait_for_status(lambda status: status["supervisorPID"] == second.pid and status["state"] == "running", "it runs anew")
    stage.wait_for_more_steps()
    assert not (stage.orders / "two-copies").exists()
    assert stage.ask("stop", stage.name).returncode == 0
    second.wait()
    assert stage.processes() == []


def leave_children(stage):
    """Kills runner and init; the agent goes with its init, and its child stays. Without namespaces, that is."""
    stage.write_spec(checkpoint={"every": "1h"})
    runner = stage.run()
    version = stage.checkpoint_after_more_steps()
    stage.order("child", f"while :; do date >> {stage.workspace}/child.txt; sleep 0.05; done")
    wait_until(lambda: (stage.workspace / "child.txt").exists(), "the child writes")
    inits = [process for process in stage.processes() if process.command and "runner-init" in process.command[0]]
    runner.kill()
    for process in inits:
        os.kill(process.pid, signal.SIGKILL)
    wait_until(lambda: not any(process.lives for process in inits), "init is gone")
    assert stage.processes() != []
    return version


def test_nothing_is_restored_under_what_an_agent_left(stages, nobody):
    stage = stages("left", nobody)
    version = leave_children(stage)
    refused = stage.ask("restore", stage.name, version, "-y")
    assert refused.returncode == 75 and "the agent runs on without a supervisor" in refused.stderr, refused.stderr
    assert stage.versions() == [version] and stage.processes() != []


def test_what_an_agent_left_is_ended_by_stop(stages, nobody):
    stage = stages("left", nobody)
    version = leave_children(stage)
    stopped = stage.ask("stop", stage.name)
    assert (stopped.returncode, stopped.stderr) == (0, "runner: 'left' had lost its supervisor; what it had left running is killed\n")
    assert stage.processes() == []
    assert stage.ask("stop", stage.name).stderr == "runner: 'left' is not running\n"
    assert stage.ask("restore", stage.name, version, "-y").returncode == 0


def test_what_is_stopped_can_be_started_at_once(stage):
    stage.write_spec(checkpoint={"every": "1h"})
    for _ in range(30):
        begun = stage.run("-d")
        assert begun.wait() == 0, begun.text
        stopped = stage.ask("stop", stage.name, "--no-checkpoint")
        assert stopped.returncode == 0, stopped.stderr
    stage.wait_until_nothing_lives()


def test_of_many_first_runs_one_wins_and_the_others_are_told(stage):
    stage.write_spec(checkpoint={"every": "1h"})
    stage.run(command=["true"], spec=False).wait()  # there is a store
    for round in range(4):
        name = f"new-{round}"
        runs = [stage.run("--name", name, command=["sleep", "1000"], spec=False) for _ in range(8)]
        wait_until(lambda: sum(not run.ended for run in runs) == 1, "one is left")
        statuses = sorted(run.process.poll() for run in runs if run.ended)
        assert statuses == [75] * 7, [run.text for run in runs]
        assert all("it is held by" in run.text for run in runs if run.ended)
        assert stage.ask("stop", name, "--no-checkpoint").returncode == 0

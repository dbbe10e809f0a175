"""The runner is gone and its agent lives on: what may be done meanwhile, and what may not."""

from outside import text_of


def test_no_workspace_is_restored_under_a_living_agent(stages, anyone):
    stage = stages("alone", anyone)
    stage.write_spec(checkpoint={"every": "1h"})
    runner = stage.run()
    version = stage.checkpoint_after_more_steps()
    agent = stage.agent_pid()
    runner.kill()
    stage.wait_for_more_steps()
    refused = stage.ask("restore", stage.name, version, "-y")
    assert refused.returncode == 75 and "the agent runs on without a supervisor" in refused.stderr, refused.stderr
    before = len(stage.steps())
    assert len(stage.wait_for_more_steps()) > before
    assert stage.versions() == [version]

    # The next runner takes it over, and may be asked.
    runner = stage.run()
    assert stage.wait_for_status(lambda status: status["supervisorPID"] == runner.pid, "it was taken over")["pid"] == agent
    assert stage.ask("restore", stage.name, version, "-y").returncode == 0
    assert stage.wait_until_running(2)["origin"] == version
    assert stage.ask("stop", stage.name, "--no-checkpoint").returncode == 0
    assert runner.wait() == 0
    # Nothing lives: nothing to refuse for.
    assert stage.ask("restore", stage.name, version, "-y").returncode == 0
    stored = text_of(stage.versions_folder / str(version), "workspace/results.txt")
    assert (stage.workspace / "results.txt").read_text() == stored
    stage.order("enough")
    assert stage.run().wait() == 0
    assert stage.steps() == list(range(len(stage.steps())))

"""An agent that dies at once after every start: down the ladder to one call for help, and told in plain words."""

from outside import prints_of_versions
from stage import wait_until

RECOVERY = {
    "probation": "1h",
    "restore_attempts": 2,
    "window": "5m",
    "backoff": {"initial": "200ms", "factor": 2, "max": "10s", "jitter": 0, "starts": 10},
    "flapping": {"deaths": 5, "within": "5m", "cool_down": "1s", "cool_downs": 1},
    "when_exhausted": "park",
}


def test_the_ladder_is_walked_to_its_end_and_a_person_is_called_once(stage):
    calls = stage.write_hook("on-incident")
    stage.write_spec(stage.worker(), checkpoint={"every": "1h", "rehearse": "never"}, recovery=RECOVERY, hooks=str(stage.folder / "hooks"))
    runner = stage.run()
    first = stage.checkpoint_after_more_steps()
    second = stage.checkpoint_after_more_steps()
    third = stage.checkpoint_after_more_steps()
    stage.order("die", "3")
    status = stage.wait_for_status(lambda status: status["state"] == "needs-help", "a person is called")
    assert first < second < third

    # What was decided, in order; launches and first words in between are not the ladder's.
    steps = [reason for reason in stage.reasons() if reason.startswith(("restoring", "starting clean in", "cooling", "calling"))]
    assert steps == [
        f"restoring version {third} (stored): it exited with status 3",
        f"restoring version {second} (stored): it exited with status 3",
        "starting clean in 200 ms: 2 restores failed within 5 min; it exited with status 3",
        "starting clean in 400 ms: 2 restores failed within 5 min; it exited with status 3",
        "starting clean in 800 ms: 2 restores failed within 5 min; it exited with status 3",
        "cooling down for 1 s: 5 deaths within 5 min without progress; it exited with status 3",
        "calling a person and leaving it down: it exited with status 3, again after 1 cool-down",
    ]
    # `runner why` tells the same as a person reads it.
    told = " ".join(stage.why().split())
    assert told.startswith(
        f"{stage.name} is needs-help: calling a person and leaving it down: it exited with status 3, again after 1 cool-down."
    )
    for step in steps:
        assert f"it exited with status 3 so: {step}" in told
    assert "the wait was over so: starting clean: the cool-down is over and 2 restores failed within 5 min" in told
    assert f"- mark version {third} suspect: died" in told and f"- mark version {second} suspect: died" in told

    # The standings are on disk, the oldest version was never touched, and nothing runs.
    assert [stage.standing(number) for number in (first, second, third)] == ["stored", "suspect", "suspect"]
    assert status.get("pid") is None and status["lastEnd"] == {"kind": "exited", "status": 3}
    assert not [process for process in stage.processes() if stage.is_agent(process)]

    # The hook was called for the beginning and exactly once for help; each time with its report and the environment promised.
    def moments():
        return [call["environment"]["RUNNER_MOMENT"] for call in calls()]

    wait_until(lambda: "escalated" in moments(), "the hook was called for help")
    assert sorted(moments()) == ["escalated", "opened"]
    call = next(call for call in calls() if call["environment"]["RUNNER_MOMENT"] == "escalated")
    environment = call["environment"]
    assert environment["RUNNER_AGENT"] == stage.name and environment["RUNNER_STORE"] == str(stage.store)
    assert environment["RUNNER_PARKED"] == "1" and environment["RUNNER_CAUSE"] == "exit"
    assert environment["RUNNER_INCIDENT_ID"] == status["incident"] and environment["RUNNER_INCIDENT"].endswith("/report.md")
    assert environment["RUNNER_TITLE"] == f"{stage.name} is down and needs a person: it exited with status 3"
    assert environment["RUNNER_REASON"] == "calling a person and leaving it down: it exited with status 3, again after 1 cool-down"
    assert environment["RUNNER_VERSION"] == str(first)
    assert "STAGE" not in environment and call["input"] == ""
    assert "dying with status 3 as told" in call["report"] and f"version {third}" in call["report"]

    # A person mends it and names what the report named: it starts at once from there and finishes its task.
    stage.withdraw("die")
    versions = prints_of_versions(stage.versions_folder)
    restored = stage.ask("restore", stage.name, environment["RUNNER_VERSION"], "-y")
    assert restored.returncode == 0, restored.stderr
    mended = stage.wait_until_running(status["incarnation"] + 1)
    assert mended["origin"] == first
    stage.wait_for_more_steps()
    stage.order("enough")
    assert runner.wait() == 0
    assert stage.steps() == list(range(len(stage.steps())))
    after = prints_of_versions(stage.versions_folder)
    assert {name: after[name] for name in versions} == versions
    assert moments().count("escalated") == 1


def test_a_call_for_help_survives_the_runner_and_is_not_repeated(stage):
    calls = stage.write_hook("on-incident")
    flapping = {**RECOVERY, "flapping": {**RECOVERY["flapping"], "deaths": 2, "cool_downs": 0}, "restore_attempts": 0}
    stage.write_spec(["/bin/sh", "-c", "exit 7"], checkpoint={"every": "1h"}, recovery=flapping, hooks=str(stage.folder / "hooks"))
    runner = stage.run()
    stage.wait_for_status(lambda status: status["state"] == "needs-help", "a person is called")
    wait_until(lambda: len(calls()) == 2, "the hook was called at the beginning and for help")
    runner.kill()
    # Whoever starts it by hand wants it to start: the ladder begins anew, the incident is the same.
    again = stage.run()
    stage.wait_for_status(lambda status: status["state"] == "needs-help" and status["supervisorPID"] == again.pid, "a person is called")
    assert again.text.count("calling a person and leaving it down") + again.text.count("a person was called already") == 1
    again.signal(15)
    assert again.wait() == 7

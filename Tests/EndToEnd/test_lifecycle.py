"""From `runner run` to the end: signals, the background, the log, the environment, hangs, limits, going back, effects, hooks."""

import json
import os
import shutil
import signal

import pytest
from outside import prints_of_versions, text_of
from stage import HERE, wait_until


def test_a_signal_checkpoints_stops_and_passes_the_status_on(stage, number=signal.SIGTERM):
    for number in (signal.SIGTERM, signal.SIGINT):
        stage.write_spec(checkpoint={"every": "1h"})
        before = stage.checkpoints() if stage.versions_folder.exists() else []
        runner = stage.run()
        stage.wait_until_running()
        steps = len(stage.wait_for_more_steps())
        runner.signal(number)
        assert runner.wait() == 0
        (version,) = [number for number in stage.checkpoints() if number not in before]
        manifest = stage.manifest(version)
        assert manifest["reason"] == "stop" and manifest["step"] >= steps and not manifest["forced"]
        # What was saved is what there is: nothing was done between the last version and the end.
        stored = text_of(stage.versions_folder / str(version), "workspace/results.txt")
        assert stored == (stage.workspace / "results.txt").read_text()
        assert stage.processes() == [] and stage.status()["state"] == "stopped"
    # The next one goes on there.
    stage.order("enough")
    assert stage.run().wait() == 0
    assert stage.steps() == list(range(len(stage.steps())))


def test_an_agent_that_does_not_heed_the_stop_is_killed(stage):
    stage.write_spec(["/bin/sh", "-c", "trap '' TERM; echo deaf; while :; do sleep 1; done"], workspace=None, stop={"deadline": "300ms"})
    runner = stage.run()
    stage.wait_for_log("out deaf")
    runner.signal(signal.SIGTERM)
    assert runner.wait() == 128 + 9
    assert f"{stage.name} did not end in time and is killed" in runner.text
    assert stage.processes() == []


def test_in_the_background(stage):
    stage.write_spec()
    begun = stage.run("--detach")
    assert begun.wait() == 0
    assert begun.text.startswith(f"{stage.name}\n") or begun.text.endswith(f"{stage.name}\n"), begun.text
    status = stage.wait_until_running()
    assert status["supervisorPID"] != begun.pid
    stage.wait_for_more_steps()
    # A second one is told why not, in the foreground's words.
    second = stage.run("-d")
    assert second.wait() in (75, 125) and "it is held by runner (pid" in second.text
    row = next(row for row in stage.json("ls") if row["agent"] == stage.name)
    assert row["state"] == "running"
    stage.order("enough")
    stage.wait_for_status(lambda status: status["state"] == "finished", "it finished")
    stage.wait_until_nothing_lives()


def test_nothing_of_the_tree_outlives_the_agent(stages, anyone):
    stage = stages("parent", anyone)
    daemons = "for i in 1 2 3; do (setsid sh -c 'trap \"\" TERM HUP; sleep 98$0 & sleep 97$0' $i &) ; done >/dev/null 2>&1"
    stage.write_spec(["/bin/sh", "-c", f"{daemons}; echo begun; sleep 1; exit 5"], workspace=None, recovery={"restart": "never"})
    runner = stage.run()
    stage.wait_for_log("out begun")
    wait_until(lambda: len([process for process in stage.processes() if process.command[:1] == ("sleep",)]) >= 6, "the daemons are there")
    assert runner.wait() == 5
    assert stage.processes() == []
    assert stage.groups() == []


def test_the_log_is_turned_over_and_dated(stage):
    stage.write_spec(stage.worker("--pace", "0.002", "--talk", "400"), log={"size": "8kB", "keep": 3}, checkpoint={"every": "1h"})
    runner = stage.run()
    stage.wait_for_more_steps(100)
    folder = stage.home / "log"
    wait_until(lambda: sorted(path.name for path in folder.glob("*.log")) == ["1.log", "2.log", "3.log", "current.log"], "the log was turned over")
    stage.order("enough")
    assert runner.wait() == 0
    # What was read at once, and got one time, stays together.
    assert all(path.stat().st_size <= 8000 or len({line.split(" ", 1)[0] for line in path.read_text().splitlines()}) == 1 for path in folder.glob("*.log"))
    said = [line.split(" ", 2) for line in stage.log().splitlines()]
    assert all(len(line) == 3 and line[0].endswith("Z") and line[1] in ("out", "err", "run") for line in said)
    numbers = [int(line[2].split()[1]) for line in said if line[2].startswith("step ")]
    assert numbers == list(range(numbers[0], numbers[-1] + 1)) and numbers[-1] == len(stage.steps()) - 1
    shown = stage.ask("logs", stage.name, "-n", "3").stdout.splitlines()
    assert [line.split(" ", 2)[2] for line in shown] == [line[2] for line in said[-3:]]


def test_the_environment_an_agent_gets(stage):
    (stage.folder / "one.env").write_text("# secrets\nexport API_KEY='a $weird #value'\nBOTH=file\n")
    stage.write_spec(
        ["/bin/sh", "-c", "env | sort"], workspace=None, env_file="one.env", recovery={"restart": "never"}, health={"heartbeat": "30s"},
        env={"BOTH": "spec", "FROM": "${API_KEY}!", "HANDED": "${GIVEN}"},
    )  # fmt: skip
    runner = stage.run("--env", "EXTRA=1", "--env", "GIVEN", GIVEN="by the runner", UNTOLD="never")
    assert runner.wait() == 0, runner.text
    got = dict(line.split("=", 1) for line in runner.text.splitlines() if "=" in line and not line.startswith("runner:"))
    assert got["API_KEY"] == "a $weird #value" and got["BOTH"] == "spec" and got["FROM"] == "a $weird #value!"
    assert got["HANDED"] == got["GIVEN"] == "by the runner" and got["EXTRA"] == "1" and "UNTOLD" not in got
    assert got["RUNNER_AGENT"] == stage.name and got["RUNNER_INCARNATION"] == "1" and got["WATCHDOG_USEC"] == "30000000"
    assert {"RUNNER_SOCKET", "RUNNER_STAGING", "NOTIFY_SOCKET"} <= set(got) and "RUNNER_RESTORED_FROM" not in got
    assert "a $weird" not in stage.ask("config", "show", stage.spec_file, GIVEN="x").stdout


def test_an_agent_that_only_speaks_sd_notify(stage):
    if not shutil.which("perl"):
        pytest.skip("needs perl")
    script = shutil.copy(HERE / "agents" / "notifier.sh", stage.folder / "notifier.sh")
    stage.write_spec(["/bin/sh", str(script), str(stage.orders)], workdir=str(stage.workspace), health={"heartbeat": "1500ms"})
    runner = stage.run()
    stage.wait_for_status(lambda status: status.get("note") == "up in incarnation 1, watchdog 1500000", "its STATUS is shown")
    stage.wait_for_log("run version 1 is stored")
    # Only what is older than its last word is trusted after a silence.
    beats = stage.workspace / "lives.txt"
    heard = len(beats.read_text().split())
    wait_until(lambda: len(beats.read_text().split()) > heard + 3, "it beats after the version")
    stage.order("hang")
    status = stage.wait_until_running(2)
    assert status["origin"] != "clean"
    assert any(reason.endswith(": it was silent for 1.5 s") for reason in stage.reasons()), stage.reasons()
    assert set((stage.workspace / "lives.txt").read_text().split()) <= {"1", "2"}
    runner.signal(signal.SIGTERM)
    assert runner.wait() == 128 + 15


def test_a_hung_agent_is_restored(stage):
    stage.write_spec(stage.worker("--pace", "0.01"), checkpoint={"every": "1h"}, health={"heartbeat": "1s"})
    runner = stage.run()
    version = stage.checkpoint_after_more_steps()
    # Only what is older than its last word is trusted after a silence: time for a heartbeat to come after the version.
    stage.wait_for_more_steps(150)
    before = stage.kill_agent(signal.SIGSTOP)
    restored = stage.wait_until_running(before["incarnation"] + 1)
    assert restored["origin"] == version
    # It may have been rehearsed meanwhile.
    restoring = [f"restoring version {version} ({standing}): it was silent for 1 s" for standing in ("stored", "rehearsed")]
    assert set(restoring) & set(stage.reasons()), stage.reasons()
    stage.order("enough")
    assert runner.wait() == 0
    assert stage.steps() == list(range(len(stage.steps())))


@pytest.mark.root
@pytest.mark.cgroup
def test_an_agent_killed_for_memory_is_told_apart(stage):
    calls = stage.write_hook("on-incident")
    eat = "import time\nhoard = []\nfor _ in range(400):\n    hoard.append(bytearray(b'x' * (1 << 20)))\ntime.sleep(60)"
    stage.write_spec(
        [str(stage.user.python), "-c", eat], workspace=None, limits={"memory": "64MB"}, recovery={"restart": "never"},
        hooks=str(stage.folder / "hooks"),
    )  # fmt: skip
    runner = stage.run()
    assert runner.wait() == 137, runner.text
    assert stage.status()["lastEnd"] == {"kind": "signaled", "outOfMemory": True, "signal": 9}
    assert "it was killed for memory (signal 9)" in runner.text and "it was killed for memory (signal 9)" in stage.why()
    assert [call["environment"]["RUNNER_CAUSE"] for call in calls()][:1] in ([], ["out-of-memory"])
    assert stage.groups() == []


def test_an_agent_that_reports_a_failure(stage):
    stage.write_spec(checkpoint={"every": "1h"})
    runner = stage.run()
    version = stage.checkpoint_after_more_steps()
    stage.order("fail", "the model's answers make no sense")
    said = stage.wait_for_log("it reported a failure: the model's answers make no sense")
    stage.withdraw("fail")
    assert said
    status = stage.wait_until_running(2)
    assert status["origin"] in (version, "clean")
    stage.order("enough")
    assert runner.wait() == 0


def test_a_state_too_large_for_a_frame_goes_through_a_file(stage):
    size = 3 << 20
    stage.write_spec(stage.worker("--padding", size), checkpoint={"every": "1h"})
    runner = stage.run()
    version = stage.checkpoint_after_more_steps()
    assert stage.manifest(version)["state"]["size"] > size
    assert stage.kill_and_wait()["origin"] == version
    stage.wait_for_more_steps()
    assert "the padding is not what was handed over" not in stage.log()
    stage.order("enough")
    assert runner.wait() == 0
    assert stage.steps() == list(range(len(stage.steps())))


def test_going_back_by_hand(stage):
    stage.write_spec(checkpoint={"every": "1h"})
    runner = stage.run()
    first = stage.checkpoint_after_more_steps()
    taken = stage.manifest(first)["takenAt"]
    second = stage.checkpoint_after_more_steps()
    # The answer of a checkpoint is the version, whole.
    answer = stage.json("checkpoint", stage.name, "--wait")
    third = answer["version"]
    assert answer["standing"] == "stored" and answer["reason"] == "operator" and answer["step"] == stage.manifest(third)["step"]
    plain = stage.ask("checkpoint", stage.name, "--wait")
    assert plain.stdout == f"{stage.name}@{third + 1}\n"
    # A plan changes nothing.
    before = prints_of_versions(stage.versions_folder)
    planned = stage.ask("restore", stage.name, first, "--dry-run")
    assert planned.returncode == 0 and "results.txt" in planned.stdout
    assert prints_of_versions(stage.versions_folder) == before and stage.status()["incarnation"] == 1
    # By time: the newest version from then or before.
    assert stage.ask("restore", stage.name, "--at", taken, "-y").returncode == 0
    status = stage.wait_until_running(2)
    assert status["origin"] == first
    (aside,) = [number for number in stage.versions() if stage.manifest(number)["kind"] == "aside"]
    assert stage.manifest(aside)["reason"] == "aside"
    assert len(text_of(stage.versions_folder / str(aside), "workspace/results.txt").split()) >= stage.manifest(third)["step"]
    # Only the workspace, while nothing runs: the state stays what the next start takes.
    assert stage.ask("stop", stage.name).returncode == 0
    assert runner.wait() == 0
    assert stage.ask("restore", stage.name, second, "--only", "workspace", "-y").returncode == 0
    stored = text_of(stage.versions_folder / str(second), "workspace/results.txt")
    assert (stage.workspace / "results.txt").read_text() == stored
    # By number, offline: the next run starts there.
    assert stage.ask("restore", stage.name, second, "-y").returncode == 0
    again = stage.run()
    assert stage.wait_until_running(3)["origin"] == second
    stage.order("enough")
    assert again.wait() == 0
    assert stage.steps() == list(range(len(stage.steps())))


def test_an_effect_nobody_knows_the_end_of_waits_for_a_person(stage):
    script = stage.folder / "payer.py"
    script.write_text(
        "import os, pathlib, sys, time\n"
        "from runner_agent import Agent, UnknownEffect\n"
        f"orders = pathlib.Path({str(stage.orders)!r})\n"
        "with Agent() as agent:\n"
        "    agent.save({'n': 1})\n"
        "    while True:\n"
        "        try:\n"
        "            with agent.effect('pay-41', description='pay 41') as effect:\n"
        "                if effect.first:\n"
        "                    open(orders / 'paid', 'a').write('paid\\n')\n"
        "                    print('paying', flush=True)\n"
        "                    time.sleep(1000)\n"
        "            print('result', effect.result, flush=True)\n"
        "            agent.done()\n"
        "            sys.exit(0)\n"
        "        except UnknownEffect:\n"
        "            print('unknown', flush=True)\n"
        "            time.sleep(0.2)\n"
    )
    stage.write_spec([str(stage.user.python), str(script)], workspace=None, checkpoint={"every": "1h"})
    runner = stage.run()
    stage.wait_for_log("out paying")
    status = stage.wait_until_running()
    os.kill(status["pid"], signal.SIGKILL)
    stage.wait_for_log("out unknown")
    stage.wait_for_status(lambda status: status["unknownEffects"] == ["pay-41"], "the status names the key")
    told = stage.ask("status", stage.name).stdout
    assert "nobody knows whether 'pay-41' happened" in " ".join(told.split())
    assert stage.ask("settle", stage.name, "pay-42", "--happened").returncode == 66
    assert stage.ask("settle", stage.name, "pay-41", "--happened", "--result", '"receipt 7"').returncode == 0
    stage.wait_for_log("out result receipt 7")
    assert runner.wait() == 0
    assert (stage.orders / "paid").read_text() == "paid\n"
    assert stage.ask("settle", stage.name, "pay-41", "--happened").returncode == 69


def test_hooks_are_called_with_what_is_documented(stage):
    names = ["before-checkpoint", "after-checkpoint", "before-restore", "after-restore", "on-incident"]
    calls = {name: stage.write_hook(name) for name in names}
    stage.write_spec(checkpoint={"every": "1h"}, hooks=str(stage.folder / "hooks"))
    runner = stage.run(SECRET="not for hooks")
    version = stage.checkpoint_after_more_steps()
    stage.kill_and_wait()
    wait_until(lambda: all(calls[name]() for name in names), "every hook was called")
    stage.order("enough")
    assert runner.wait() == 0
    common = {"RUNNER_AGENT": stage.name, "RUNNER_STORE": str(stage.store)}
    for name in names:
        call = calls[name]()[0]
        environment = call["environment"]
        assert common.items() <= environment.items(), name
        assert environment["RUNNER_MOMENT"] == ("opened" if name == "on-incident" else name)
        assert "SECRET" not in environment and call["input"] == ""
        if name != "on-incident":
            assert environment["RUNNER_WORKSPACE"] == str(stage.workspace)
        if name in ("after-checkpoint", "before-restore", "after-restore", "on-incident"):
            assert environment["RUNNER_VERSION"] == str(version), name
    assert calls["before-checkpoint"]()[0]["environment"]["RUNNER_REASON"] == "operator"
    assert "RUNNER_VERSION" not in calls["before-checkpoint"]()[0]["environment"]
    assert calls["before-restore"]()[0]["environment"]["RUNNER_REASON"] == f"restoring version {version} (stored): it was killed by signal 9"
    assert calls["on-incident"]()[0]["environment"]["RUNNER_CAUSE"] == "signal"

"""To disk and back: nothing of the agent lives meanwhile, and it goes on as if nothing had been."""

import datetime
import re
import signal

import pytest
from stage import wait_until

# Knows nothing of runner. What it draws at its start it has from memory only.
COUNTER = """
import os, secrets, sys, time
word, memory, count = secrets.token_hex(8), bytearray(os.urandom(1 << 20) * 32), 0
while True:
    count += 1
    with open("count.txt", "a") as file:
        file.write(f"{word} {count}\\n")
    time.sleep(0.02)
"""


def write_counter(stage, **settings):
    script = stage.folder / "worker.py"
    script.write_text(COUNTER)
    stage.write_spec([str(stage.user.python), str(script)], workdir=str(stage.workspace), checkpoint={"every": "1h"}, **settings)


def counted(stage):
    try:
        lines = (stage.workspace / "count.txt").read_text().split("\n")[:-1]
    except FileNotFoundError:
        return []
    return [(word, int(count)) for word, count in (line.split() for line in lines)]


def is_gone(stage):
    """The kernel knows nothing of it: no process, and no control group that would hold its memory."""
    return not [process for process in stage.processes() if stage.is_agent(process)] and not stage.groups()


def suspend(stage, *words):
    answer = stage.ask("suspend", stage.name, *words)
    assert answer.returncode == 0, answer.stderr
    return answer.stderr


def test_a_cooperative_agent_goes_on_at_the_step_it_had(stage):
    stage.write_spec(checkpoint={"every": "1h", "mode": "cooperative"})
    stage.run()
    stage.wait_until_running()
    stage.wait_for_more_steps()
    said = suspend(stage)
    assert is_gone(stage)
    version = stage.checkpoints()[-1]
    assert said == f"runner: '{stage.name}' is suspended in version {version}; 'runner resume {stage.name}' brings it back\n"
    assert (stage.versions_folder / str(version) / "state").exists()
    steps = stage.steps()
    status = stage.json("status", stage.name)
    assert status["state"] == "suspended" and status["suspended"] == {"version": version} and "pid" not in status
    assert status["restarts"] == 0 and "lastEnd" not in status and "incident" not in status

    answer = stage.ask("resume", stage.name)
    assert (answer.returncode, answer.stderr) == (0, f"runner: '{stage.name}' runs (incarnation 2, from version {version})\n")
    stage.wait_for_more_steps()
    stage.order("enough")
    assert stage._running[-1].wait() == 0
    assert stage.steps()[: len(steps)] == steps and stage.steps() == list(range(len(stage.steps())))
    assert stage.json("status", stage.name)["restarts"] == 0
    assert not list((stage.home / "incidents").iterdir())


@pytest.mark.criu
def test_a_plain_program_goes_on_at_the_very_instruction(stage):
    write_counter(stage)
    stage.run()
    stage.wait_until_running()
    wait_until(lambda: len(counted(stage)) > 20, "it counts")
    suspend(stage)
    assert is_gone(stage)
    before = counted(stage)
    assert "process" in stage.manifest(stage.checkpoints()[-1])
    assert stage.ask("resume", stage.name).returncode == 0
    wait_until(lambda: len(counted(stage)) > len(before) + 20, "it counts on")
    lines = counted(stage)
    assert lines[: len(before)] == before
    # The same word, and not one number twice or left out.
    assert lines == [(before[0][0], number + 1) for number in range(len(lines))]


@pytest.mark.criu
@pytest.mark.parametrize("end", [signal.SIGTERM, signal.SIGKILL])
def test_it_comes_back_when_its_time_has_come_whoever_waits_for_it(stage, end):
    write_counter(stage)
    runner = stage.run()
    stage.wait_until_running()
    wait_until(lambda: len(counted(stage)) > 5, "it counts")
    suspend(stage, "--until", "4s")
    until = datetime.datetime.fromisoformat(stage.json("status", stage.name)["suspended"]["until"])
    before = counted(stage)
    runner.signal(end)
    assert runner.wait() == (0 if end == signal.SIGTERM else -signal.SIGKILL)
    alone = stage.json("status", stage.name)
    assert alone["state"] == "suspended" and "next" not in alone
    stage.run()
    stage.wait_until_running(2)
    woken = [event for event in stage.json("events", stage.name) if event["what"] == "the time it was suspended until had come"]
    assert len(woken) == 1 and datetime.datetime.fromisoformat(woken[0]["time"]) >= until
    wait_until(lambda: len(counted(stage)) > len(before) + 5, "it counts on")
    assert counted(stage) == [(before[0][0], number + 1) for number in range(len(counted(stage)))]


def test_what_could_not_be_kept_is_not_ended(stage):
    write_counter(stage)
    stage.spec_file.write_text(stage.spec_file.read_text().replace('"every": "1h"', '"every": "1h", "mode": "cooperative"'))
    stage.run()
    pid = stage.wait_until_running()["pid"]
    wait_until(lambda: counted(stage), "it counts")
    answer = stage.ask("suspend", stage.name)
    assert answer.returncode == 1
    assert answer.stderr == (
        f"runner: could not suspend '{stage.name}': version 1 holds its files and not what it is doing. It runs on; "
        f"'runner stop {stage.name}' ends it all the same\n"
    )
    before = len(counted(stage))
    wait_until(lambda: len(counted(stage)) > before + 5, "it counts on")
    assert stage.status()["pid"] == pid


@pytest.mark.criu
def test_two_versions_are_compared_and_a_living_agent_looked_at(stage):
    write_counter(stage)
    runner = stage.run()
    stage.wait_until_running()
    wait_until(lambda: len(counted(stage)) > 5, "it counts")
    found = stage.json("doctor", stage.name)
    assert found["preflight"]["blockers"] == [] and found["preflight"]["criu"].startswith("4.")
    assert {finding["name"]: finding["verdict"] for finding in found["findings"]} == {"processes": "works", "state": "works", "files": "works"}
    first = stage.json("checkpoint", stage.name)["version"]
    (stage.workspace / "note.txt").write_text("hello")
    wait_until(lambda: len(counted(stage)) > 20, "it counts on")
    second = stage.json("checkpoint", stage.name)["version"]
    # What is stored needs no supervisor.
    runner.kill()
    stage.kill_what_is_left()
    told = stage.json("diff", f"{stage.name}@{first}", f"{stage.name}@{second}")
    assert {(file["path"], file["change"]) for file in told["files"]["files"]} == {("count.txt", "changed"), ("note.txt", "added")}
    (process,) = told["processes"]["processes"]
    assert process["name"].startswith("python") and process["pages"]["changed"] > 0 and process["pages"]["same"] > 8192
    assert not told["processes"]["processesAdded"] and told["sameSpec"]
    shown = stage.json("image", "show", f"{stage.name}@{second}")
    assert [each["pid"] for each in shown["processes"]] == [1000]
    checked = stage.ask("image", "check", f"{stage.name}@latest")
    assert checked.returncode == 0 and "is whole" in checked.stderr, checked.stderr


BLOCKED = """
import ctypes, time
# io_uring_setup(2), number 425.
descriptor = ctypes.CDLL(None, use_errno=True).syscall(425, 4, ctypes.create_string_buffer(120))
print("no io_uring" if descriptor < 0 else f"io_uring {descriptor}", flush=True)
while True:
    time.sleep(1)
"""


@pytest.mark.criu
def test_doctor_names_what_stands_in_the_way_before_it_matters(stage):
    write_counter(stage)
    (stage.folder / "worker.py").write_text(BLOCKED)
    stage.run()
    stage.wait_until_running()
    said = stage.wait_for_log(r"out (no io_uring|io_uring \d+)")[0]
    if said == "no io_uring":
        pytest.skip("needs io_uring")
    descriptor = said.split()[1]
    answer = stage.ask("doctor", stage.name)
    told = " ".join(answer.stdout.split())
    assert answer.returncode == 1, answer.stderr
    assert re.search(rf"limited processes fd {descriptor} of 'python[0-9.]*' \(process 1000\) is an io_uring; CRIU cannot dump it\.", told)
    assert f"'{stage.name}' would come back with its files, and begin its work anew." in told
    assert not stage.versions()

"""Every exit status of docs/commands/exit-codes.md, produced for real, with its sentence."""

import json
import re
import signal
import subprocess

import pytest
from stage import ROOT

def expect(answer, status, *sentences):
    """The status, and each sentence as a whole line's part; all talk is on standard error."""
    said = f"{answer.args[1:]} ended with {answer.returncode}: {answer.stderr}"
    assert answer.returncode == status, said
    for sentence in sentences:
        assert sentence in answer.stderr, said
    if status != 0 and sentences:
        assert answer.stdout == "", said
    return answer


@pytest.fixture
def stopped(stage):
    """An agent with two versions, stopped."""
    stage.write_spec(checkpoint={"every": "1h"})
    runner = stage.run()
    stage.checkpoint_after_more_steps()
    assert stage.ask("stop", stage.name).returncode == 0
    assert runner.wait() == 0
    return stage


def test_0_done_and_69_nobody_supervises(stopped):
    expect(stopped.ask("ls"), 0)
    expect(stopped.ask("version"), 0)
    for words in (["checkpoint", stopped.name], ["stop", stopped.name], ["restart", stopped.name], ["settle", stopped.name, "key", "--happened"]):
        expect(stopped.ask(*words), 69, f"runner: could not {words[0]}", "no supervisor", "'runner run")


def test_1_tried_without_success(stage):
    # An agent with neither state nor workspace: there is nothing to keep.
    stage.write_spec(["/bin/sleep", "1000"], workspace=None, checkpoint={"every": "1h"})
    runner = stage.run()
    stage.wait_until_running()
    expect(stage.ask("checkpoint", stage.name, "--wait"), 1, "there is nothing to keep: the agent handed over no state and has no workspace")
    runner.signal(signal.SIGTERM)
    assert runner.wait() == 128 + 15


def test_64_usage(stage):
    expect(stage.ask("chekpoint"), 64, "runner: unknown command 'chekpoint'; did you mean 'checkpoint'?")
    expect(stage.ask("status", "--jsno"), 64, "did you mean '--json'?")
    expect(stage.ask("run"), 64, "runner: say what to run: a spec such as agent.yaml, or a command after '--'. See 'runner run --help'")
    expect(stage.ask("restore", "agent-1", "--at", "yesterday"), 64, "yesterday")


def test_65_damaged(stopped):
    (newest,) = stopped.versions()[-1:]
    path = stopped.versions_folder / str(newest) / "state"
    path.write_bytes(b"?" + path.read_bytes()[1:])
    expect(stopped.ask("restore", stopped.name, newest, "-y"), 65, f"'{stopped.name}@{newest}'", "its bytes are not what was stored")
    expect(stopped.ask("verify", stopped.name), 65)
    assert stopped.standing(newest) == "broken"
    strange = stopped.folder / "strange"
    strange.mkdir()
    (strange / "format").write_text("runner-store 7\n")
    expect(stopped.ask("ls", "--store", strange), 65, "it has format 7, and this runner knows format 1")


def test_66_no_such(stopped):
    expect(stopped.ask("status", "agent-2"), 66, "agent-2")
    expect(stopped.ask("show", f"{stopped.name}@99"), 66, f"{stopped.name}@99", "there is no such version")
    expect(stopped.ask("explain", "E-NOTHING"), 66, "E-NOTHING")
    expect(stopped.ask("ls", "--store", stopped.folder / "none"), 66, "there is none yet. 'runner run' makes it; '--store' chooses another")
    missing = stopped.run(stopped.folder / "no.yaml", spec=False)
    assert missing.wait() == 66 and "no.yaml" in missing.text and missing.text.count("\n") == 1
    # As JSON: the same, with its code, and the sentence still on standard error.
    answer = stopped.ask("show", f"{stopped.name}@99", "--json")
    assert answer.returncode == 66 and answer.stderr
    error = json.loads(answer.stdout)["error"]
    assert error["code"] == "E-VERSION-MISSING" and error["message"] in answer.stderr
    assert stopped.ask("explain", error["code"]).returncode == 0


@pytest.mark.root
def test_73_cannot_be_written_and_74_cannot_be_read(stopped):
    # 73: a disk that takes nothing at all; test_disks.py has more of them.
    full = stopped.folder / "full"
    full.mkdir()
    subprocess.run(["mount", "-t", "tmpfs", "-o", "size=4k,nr_inodes=1,mode=755", "none", str(full)], check=True)
    try:
        expect(stopped.ask("run", "--store", full, "--", "true"), 73, f"could not open the store '{full}': the disk is full. Free space, or")
    finally:
        subprocess.run(["umount", "--lazy", str(full)], check=True)
    # 74: what should be a file is a directory, which the machine refuses to read.
    path = stopped.home / "journal" / "current.jsonl"
    path.unlink()
    path.mkdir()
    expect(stopped.ask("why", stopped.name), 74, "current.jsonl")


def test_75_not_now(stage):
    stage.write_spec(checkpoint={"every": "1h"})
    runner = stage.run()
    stage.wait_until_running()
    second = stage.run()
    assert second.wait() == 75
    assert f"could not lock the agent '{stage.name}': it is held by runner (pid {runner.pid}) since " in second.text
    assert second.text.endswith("Look with 'runner status', or end it with 'runner stop' first\n") and second.text.count("\n") == 1
    # A supervisor that is stopped answers nobody.
    runner.signal(signal.SIGSTOP)
    try:
        expect(stage.ask("checkpoint", stage.name, "--wait", "--timeout", "300ms"), 75, "did not answer")
    finally:
        runner.signal(signal.SIGCONT)
    stage.wait_for_more_steps()
    assert not runner.ended and stage.status()["incarnation"] == 1


@pytest.mark.root
def test_77_no_permission(stopped, nobody):
    other = type(stopped.user)(nobody.uid, nobody.runner, nobody.python, nobody.python_path)
    stopped.user, root = other, stopped.user
    try:
        expect(stopped.ask("ls"), 77, "permission denied")
    finally:
        stopped.user = root


def test_78_wrong_spec(stage):
    stage.spec_file.write_text("name: agent-1\ncomand: [sleep, '9']\nlimits:\n  memory: 512\n")
    wrong = stage.run()
    assert wrong.wait() == 78
    assert "agent.yaml:2:1: error: 'comand' is not a setting; did you mean 'command'? [E-SPEC-UNKNOWN]" in wrong.text
    assert "agent.yaml:4:11: error: 'memory: 512' has no unit; did you mean '512MB' or '512MiB'? [E-SPEC-UNIT]" in wrong.text
    expect(stage.ask("config", "check", stage.spec_file), 78)


def test_125_the_runner_itself_failed(stage):
    stage.write_spec(workspace=str(stage.folder))  # it holds the store
    refused = stage.run()
    assert refused.wait() == 125, refused.text
    assert "workspace" in refused.text and "store" in refused.text


def test_126_and_127_as_a_shell_has_them(stage):
    plain = stage.folder / "plain"
    plain.write_text("no program\n")
    plain.chmod(0o644)
    not_executable = stage.run("--name", "a", command=[plain], spec=False)
    assert not_executable.wait() == 126, not_executable.text
    assert f"runner: could not start 'a': could not execute '{plain}': permission denied." in not_executable.text
    not_found = stage.run("--name", "b", command=["no-such-program-anywhere"], spec=False)
    assert not_found.wait() == 127, not_found.text
    assert "runner: could not start 'b': " in not_found.text and "no-such-program-anywhere" in not_found.text


@pytest.mark.parametrize("command, status", [("exit 0", 0), ("exit 3", 3), ("exit 255", 255), ("kill -9 $$", 137), ("kill -15 $$", 143)])
def test_the_agents_own_status(stage, command, status):
    runner = stage.run("--name", "c", "--restart", "never", command=["/bin/sh", "-c", command], spec=False)
    assert runner.wait() == status, runner.text


def test_every_documented_status_is_produced_here():
    """70 contradicts itself by definition: no test can bring it about without planting the bug."""
    table = (ROOT / "docs" / "commands" / "exit-codes.md").read_text()
    documented = {int(number) for number in re.findall(r"^\| (\d+) \|", table, re.MULTILINE)}
    tests = [name for name in globals() if name.startswith("test_") and name != "test_every_documented_status_is_produced_here"]
    here = {int(number) for name in tests for number in re.findall(r"\d+", name)}
    assert documented - here == {70}

"""Every exit status of docs/commands/exit-codes.md, produced for real, with its whole sentence.

The rows are read as text by Tests/HouseTests/SentencesTests.swift: status, code and sentence stand side by side, as literals.
"""

import os
import re
import signal
import subprocess

import pytest
from sentences import ends, says
from stage import ROOT


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
    for words in (["ls"], ["version"], ["verify"]):
        assert stopped.ask(*words).returncode == 0
    says(stopped.ask("stop", "agent-1"), 0, "'agent-1' is not running")
    for words in (["checkpoint"], ["restart"]):
        says(
            stopped.ask(*words, "agent-1", "--json"), 69, "E-SUPERVISOR-NONE",
            f"could not {words[0]} 'agent-1': no supervisor of it runs. Start it with 'runner run', or see 'runner status agent-1' for how it ended",
        )  # fmt: skip


def test_1_nothing_to_checkpoint(stage):
    # An agent with neither state nor workspace: there is nothing to keep.
    stage.write_spec(["/bin/sleep", "1000"], workspace=None, checkpoint={"every": "1h", "mode": "cooperative"})
    runner = stage.run()
    stage.wait_until_running()
    says(
        stage.ask("checkpoint", "agent-1", "--json"), 1, "E-CHECKPOINT-EMPTY",
        "could not take a checkpoint of 'agent-1': there is nothing to keep: the agent handed over no state and has no workspace. Give it a 'workspace', or let it answer 'prepare'",
    )  # fmt: skip
    runner.signal(signal.SIGTERM)
    assert runner.wait() == 128 + 15


def test_1_doctor_and_65_verify_say_it_in_their_answer(stopped):
    """What they are asked for is their answer, not an error."""
    (newest,) = stopped.versions()[-1:]
    path = stopped.versions_folder / str(newest) / "state"
    path.write_bytes(b"?" + path.read_bytes()[1:])
    answer = stopped.ask("verify", "agent-1")
    # And one sentence on what to do next.
    assert answer.returncode == 65 and re.fullmatch(r"runner: 'agent-1': 1 of \d+ versions? is broken; [^\n]+\n", answer.stderr), answer.stderr
    assert re.search(rf"^agent-1@{newest} +broken +'state': its bytes are not what was stored$", answer.stdout, re.MULTILINE), answer.stdout
    assert stopped.standing(newest) == "broken"


def test_64_usage(stage):
    says(stage.ask("chekpoint"), 64, "E-USAGE", "unknown command 'chekpoint'; did you mean 'checkpoint'? See 'runner --help'")
    says(stage.ask("status", "--jsno"), 64, "E-USAGE", "unknown option '--jsno'; did you mean '--json'? See 'runner status --help'")
    says(
        stage.ask("restore", "agent-1", "--at", "yesterday", "--json"), 64, "E-USAGE",
        "'yesterday' for '--at' is not a time (how long ago, such as 2h, or when, such as 2026-11-21T08:38:00Z). See 'runner restore --help'",
    )  # fmt: skip


def test_65_damaged(stopped):
    path = stopped.versions_folder / "1" / "state"
    path.write_bytes(b"?" + path.read_bytes()[1:])
    says(
        stopped.ask("restore", "agent-1", "1", "-y", "--json"), 65, "E-VERSION-BROKEN",
        "could not restore 'agent-1@1': 'state' is broken: its bytes are not what was stored. Use another version, see 'runner versions agent-1'",
    )  # fmt: skip
    strange = stopped.folder / "strange"
    strange.mkdir()
    (strange / "format").write_text("runner-store 7\n")
    says(
        stopped.ask("ls", "--store", strange), 65, "E-STORE-FORMAT",
        f"could not open the store '{strange}': it has format 7, and this runner knows formats 1 to 3. Give the store's directory with --store, or an empty one to make a new store",
    )  # fmt: skip


def test_66_no_such(stopped):
    says(stopped.ask("status", "agent-2", "--json"), 66, "E-AGENT-MISSING", "unknown agent 'agent-2'; did you mean 'agent-1'?")
    says(
        stopped.ask("show", "agent-1@99", "--json"), 66, "E-VERSION-MISSING",
        "could not find 'agent-1@99': there is no such version. 'runner versions agent-1' lists those there are",
    )  # fmt: skip
    says(
        stopped.ask("ls", "--store", stopped.folder / "none"), 66, "E-STORE-MISSING",
        f"could not open the store '{stopped.folder}/none': there is none yet. 'runner run' makes it; '--store' chooses another",
    )  # fmt: skip
    ends(
        stopped.run("no.yaml", spec=False), 66, "E-SPEC-FILE",
        "could not read the spec 'no.yaml': there is no such file. Give its path, an agent's name for the spec it last ran with, or a command after '--'",
    )  # fmt: skip


@pytest.mark.root
def test_73_cannot_be_written_and_74_cannot_be_read(stopped):
    # 73: a disk that takes nothing at all; test_disks.py has more of them.
    full = stopped.folder / "full"
    full.mkdir()
    subprocess.run(["mount", "-t", "tmpfs", "-o", "size=4k,nr_inodes=1,mode=755", "none", str(full)], check=True)
    try:
        says(
            stopped.ask("run", "--store", full, "--", "true"), 73, "E-STORE-FULL",
            f"could not open the store '{full}': the disk is full. Free space, or give another store with --store",
        )  # fmt: skip
    finally:
        subprocess.run(["umount", "--lazy", str(full)], check=True)
    # 74: what should be a file is a directory, which the machine refuses to read.
    path = stopped.home / "journal" / "current.jsonl"
    path.unlink()
    path.mkdir()
    says(stopped.ask("why", "agent-1", "--json"), 74, "E-STORE-IO", f"could not open '{path}': it is a directory. Check the path")


@pytest.mark.parametrize("words", [["ls"], ["ls", "--help"], ["version"], ["status", "--json"], ["logs", "agent-1"], ["explain"], ["doctor"]])
def test_73_an_answer_that_is_not_taken(stopped, words):
    command = stopped.user.command([stopped.user.runner, *words])
    environment = stopped.user.environment({"RUNNER_STORE": str(stopped.store)})
    with open("/dev/full", "w") as full:
        answer = subprocess.run(command, stdout=full, stderr=subprocess.PIPE, text=True, env=environment)
    says(answer, 73, "E-FILE-FULL", "could not write the answer to 'standard output': the disk is full. Free space and try again")
    closed = subprocess.run(["/bin/sh", "-c", '"$@" >&-', "sh", *command], stderr=subprocess.PIPE, text=True, env=environment)
    says(closed, 74, "E-FILE-IO", "could not write the answer to 'standard output': the stream is closed. Do not close it, or send it to /dev/null")
    # A reader that has enough is no failure, and nothing is said of it.
    reading, writing = os.pipe()
    os.close(reading)
    hung_up = subprocess.run(command, stdout=writing, stderr=subprocess.PIPE, text=True, env=environment)
    os.close(writing)
    assert hung_up.returncode in (0, -signal.SIGPIPE) and hung_up.stderr == "", hung_up


def test_75_not_now(stage):
    stage.write_spec(checkpoint={"every": "1h"})
    runner = stage.run()
    stage.wait_until_running()
    holder = (stage.home / "lock").read_text().strip()
    for words in ([], ["--detach"]):
        ends(
            stage.run(*words), 75, "E-STORE-HELD",
            f"could not lock the agent 'agent-1': it is held by {holder}. Look with 'runner status', or end it with 'runner stop' first",
        )  # fmt: skip
    # A supervisor that is stopped answers nobody.
    runner.signal(signal.SIGSTOP)
    try:
        says(
            stage.ask("checkpoint", "agent-1", "--timeout", "300ms", "--json"), 75, "E-SUPERVISOR-SILENT",
            "could not checkpoint 'agent-1': its supervisor did not answer in time. Try again, or with a longer '--timeout'",
        )  # fmt: skip
    finally:
        runner.signal(signal.SIGCONT)
    stage.wait_for_more_steps()
    assert not runner.ended and stage.status()["incarnation"] == 1


@pytest.mark.root
def test_77_no_permission(stopped, nobody):
    other = type(stopped.user)(nobody.uid, nobody.runner, nobody.python, nobody.python_path)
    stopped.user, root = other, stopped.user
    try:
        says(stopped.ask("ls"), 77, "E-STORE-DENIED", f"could not open the directory '{stopped.store}': permission denied. Do it as its owner, or as root")
    finally:
        stopped.user = root


def test_78_wrong_spec(stage):
    stage.spec_file.write_text("name: agent-1\ncomand: [sleep, '9']\nlimits:\n  memory: 512\n")
    wrong = stage.run()
    ends(wrong, 78, "E-SPEC-MISSING", f"could not use '{stage.spec_file}': it has 3 mistakes. Mend it and try 'runner config check {stage.spec_file}'")
    assert "agent.yaml:2:1: error: 'comand' is not a setting; did you mean 'command'? [E-SPEC-UNKNOWN]" in wrong.text
    assert "agent.yaml:4:11: error: 'memory: 512' has no unit; did you mean '512MB' or '512MiB'? [E-SPEC-UNIT]" in wrong.text
    assert stage.ask("config", "check", stage.spec_file).returncode == 78


def test_125_the_runner_itself_failed(stage):
    stage.write_spec(workspace=str(stage.folder))  # it holds the store
    ends(
        stage.run(), 125, "E-LAUNCH-WORKSPACE",
        f"could not start 'agent-1': its workspace '{stage.folder}' holds the store '{stage.store}', so every version would hold all before it. Choose a smaller workspace, or another store with --store",
    )  # fmt: skip


@pytest.mark.parametrize("words", [[], ["-q"], ["--detach"]])
def test_126_and_127_as_a_shell_has_them(stage, words):
    plain = stage.folder / "plain"
    plain.write_text("no program\n")
    plain.chmod(0o644)
    ends(
        stage.run("--name", "a", *words, command=[plain], spec=False), 126, "E-LAUNCH-NOT-EXECUTABLE",
        f"could not start 'a': could not execute '{plain}': permission denied. Make it executable with 'chmod +x', or look at its first line",
    )  # fmt: skip
    ends(
        stage.run("--name", "b", *words, command=["/no/such/program"], spec=False), 127, "E-LAUNCH-NOT-FOUND",
        "could not start 'b': could not execute '/no/such/program': there is no such file. Correct the command, or give its whole path",
    )  # fmt: skip


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
    # Those of signals are brought about in test_long.py.
    assert documented - here == {70, 129, 130, 143}

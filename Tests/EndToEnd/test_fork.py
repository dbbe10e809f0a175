"""A version of an agent beside it: the same program, another life, fenced in."""

import os
import re

import pytest
from sentences import says
from stage import wait_until

# Knows nothing of runner. What it draws at its start it has from memory only.
COUNTER = """
import secrets, socket, time
word, count = secrets.token_hex(8), 0
while True:
    count += 1
    try:
        socket.create_connection(("192.0.2.1", 9), timeout=0.01).close()
        net = "open"
    except OSError as fault:
        net = "none" if fault.errno == 101 else "there"
    with open("count.txt", "a") as file:
        file.write(f"{word} {count} {net}\\n")
    time.sleep(0.02)
"""


def write_counter(stage, **checkpoint):
    script = stage.folder / "worker.py"
    script.write_text(COUNTER)
    stage.write_spec([str(stage.user.python), str(script)], workdir=str(stage.workspace), checkpoint={"every": "1h", **checkpoint})


def counted(workspace):
    try:
        lines = (workspace / "count.txt").read_text().split("\n")[:-1]
    except FileNotFoundError:
        return []
    return [(word, int(count), net) for word, count, net in (line.split() for line in lines)]


@pytest.fixture
def fork(stage):
    """Forks under a name that is stopped at the end."""
    names = []

    def start(target, *words):
        name = f"{stage.name}-{len(names)}b"
        names.append(name)
        return name, stage.ask("fork", target, "--as", name, *words)

    yield start
    for name in names:
        stage.ask("stop", name, "--no-checkpoint")


@pytest.mark.criu
def test_yesterdays_agent_runs_beside_todays(stage, fork):
    write_counter(stage)
    stage.run()
    stage.wait_until_running()
    wait_until(lambda: len(counted(stage.workspace)) > 20, "it counts")
    version = stage.json("checkpoint", stage.name)["version"]
    at_the_cut = len(counted(stage.workspace))
    wait_until(lambda: len(counted(stage.workspace)) > at_the_cut + 10, "it counts on")

    name, answer = fork(f"{stage.name}@{version}")
    assert (answer.returncode, answer.stdout) == (0, f"{name}\n"), answer.stderr
    workspace = stage.workspace.with_name(f"{stage.workspace.name}.{name}")
    assert answer.stderr == (
        f"runner: runs from where its processes were, in '{workspace}', without network and effects; 'runner logs -f {name}' follows it, "
        f"'runner stop {name}' stops it\n"
    )
    wait_until(lambda: len(counted(workspace)) > at_the_cut + 20, "the fork counts")
    lines = counted(workspace)
    # It is the same program, went on where the version was cut, and neither writes where the other does.
    assert [line[:2] for line in lines] == [(lines[0][0], number + 1) for number in range(len(lines))]
    assert counted(stage.workspace)[0][0] == lines[0][0]
    own = counted(stage.workspace)
    assert [count for _, count, _ in own] == list(range(1, len(own) + 1))
    assert {net for _, count, net in lines if count > at_the_cut + 10} == {"none"}
    pid = stage.json("status", name)["pid"]
    assert os.readlink(f"/proc/{pid}/ns/net") != os.readlink("/proc/self/ns/net")
    manifest = stage.json("show", f"{name}@1")["manifest"]
    assert f"forked from {stage.name}@{version}" in manifest["notes"] and manifest["agent"] == name
    assert stage.ask("verify", name).returncode == 0

    # Either lives and ends without the other.
    assert stage.ask("stop", name).returncode == 0
    end = len(counted(stage.workspace))
    wait_until(lambda: len(counted(stage.workspace)) > end + 5, "today's agent goes on")
    # Its last version was cut in its own network, and its spec starts it again from there.
    again = stage.ask("run", "-d", stage.store / "agents" / name / "agent.yaml")
    assert again.returncode == 0, again.stderr
    before = len(counted(workspace))
    wait_until(lambda: len(counted(workspace)) > before + 5, "the fork goes on")
    assert counted(workspace)[-1][0] == lines[0][0]


@pytest.mark.root
def test_a_fork_without_images_begins_from_state(stage, fork):
    stage.write_spec(checkpoint={"mode": "cooperative", "every": "1h"})
    stage.run()
    version = stage.checkpoint_after_more_steps(5)
    name, answer = fork(f"{stage.name}@{version}", "--network", "--effects")
    assert answer.returncode == 0, answer.stderr
    assert "runs from its state, in" in answer.stderr and "without" not in answer.stderr
    results = stage.workspace.with_name(f"{stage.workspace.name}.{name}") / "results.txt"
    wait_until(lambda: results.exists() and len(results.read_text().split()) > 8, "the fork works")
    steps = [int(line) for line in results.read_text().split()]
    assert steps == list(range(len(steps)))
    assert stage.json("status", name)["origin"] == 1


@pytest.mark.root
def test_a_forks_spec_lies_where_no_agent_can_write(stage, fork):
    """Beside the workspace may be the agent's own, and what a supervisor is started from is started as root."""
    stage.write_spec(checkpoint={"mode": "cooperative", "every": "1h"})
    stage.run()
    version = stage.checkpoint_after_more_steps(2)
    beside = stage.workspace.with_name(f"{stage.workspace.name}.{stage.name}-0b.yaml")
    theirs = [beside, beside.with_name(beside.name + ".new")]
    for path in theirs:
        path.write_text("theirs")
    name, answer = fork(f"{stage.name}@{version}")
    assert answer.returncode == 0, answer.stderr
    assert [path.read_text() for path in theirs] == ["theirs", "theirs"]
    spec = stage.store / "agents" / name / "agent.yaml"
    assert spec.stat().st_mode & 0o7777 == 0o600 and spec.read_text().startswith(f"# {name}, forked from {stage.name}@{version}\n")
    supervisor = stage.json("status", name)["supervisorPID"]
    command = open(f"/proc/{supervisor}/cmdline").read().split("\0")
    assert str(spec) in command and not [word for word in command if word.startswith(str(stage.workspace))]
    # That it lies in the store is no reason to show the store to the fork.
    assert "cannot be hidden" not in stage.ask("plan", spec).stdout + (stage.store / "agents" / name / "log" / "current.log").read_text()


@pytest.mark.root
def test_what_cannot_be_forked_is_told(stage):
    stage.write_spec(checkpoint={"mode": "cooperative", "every": "1h"})
    stage.run()
    version = stage.checkpoint_after_more_steps()
    target = f"{stage.name}@{version}"
    says(
        stage.ask("fork", target, "--as", stage.name), 73, "E-FORK-EXISTS",
        f"could not fork '{target}': there is an agent '{stage.name}' already. Choose another name",
    )  # fmt: skip
    says(
        stage.ask("fork", target, "--as", "other", "--workspace", stage.workspace), 73, "E-FORK-EXISTS",
        f"could not fork '{target}': '{stage.workspace}' is there already. Choose another with '--workspace'",
    )  # fmt: skip
    assert stage.ask("fork", f"{stage.name}@99", "--as", "other").returncode == 66
    file = stage.folder / "file"
    file.write_text("mine")
    says(
        stage.ask("fork", target, "--as", "other", "--workspace", file), 73, "E-FORK-EXISTS",
        f"could not fork '{target}': '{file}' is there already. Choose another with '--workspace'",
    )  # fmt: skip
    assert file.read_text() == "mine"
    assert not (stage.store / "agents" / "other").exists()


@pytest.mark.criu
def test_a_version_is_rehearsed_beside_the_living_agent(stage):
    write_counter(stage)
    stage.run()
    pid = stage.wait_until_running()["pid"]
    wait_until(lambda: len(counted(stage.workspace)) > 5, "it counts")
    version = stage.json("checkpoint", stage.name)["version"]
    wait_until(lambda: stage.standing(version) == "rehearsed", "it is rehearsed")
    status = stage.wait_for_status(lambda status: status.get("rehearsal"), "the rehearsal is told")
    assert status["rehearsal"]["version"] == version and status["pid"] == pid
    assert re.search(rf"rehearsal +version {version}, in [0-9.]+ s", stage.ask("status", stage.name).stdout)
    assert not list((stage.store / "staging").iterdir())
    lines = [line[:2] for line in counted(stage.workspace)]
    assert lines == [(lines[0][0], number + 1) for number in range(len(lines))]


@pytest.mark.criu
def test_a_version_that_is_whole_and_not_restorable_is_passed_over(stage):
    """A file beside the workspace that is mapped, and grows, is not rolled back, and CRIU insists on its size."""
    outside, order = stage.folder / "outside.txt", stage.folder / "hold"
    write_counter(stage, rehearse="always")
    script = stage.folder / "worker.py"
    more = f"open({str(outside)!r}, 'a').write('more')"
    growing = f"    if not held and os.path.exists({str(order)!r}): {more}; held = mmap.mmap(os.open({str(outside)!r}, os.O_RDONLY), 0, prot=mmap.PROT_READ)\n"
    growing += f"    if held: {more}\n"
    script.write_text("import mmap, os\nheld = None\n" + COUNTER.replace("    count += 1\n", "    count += 1\n" + growing))
    stage.run()
    stage.wait_until_running()
    wait_until(lambda: len(counted(stage.workspace)) > 5, "it counts")
    good = stage.json("checkpoint", stage.name)["version"]
    wait_until(lambda: stage.standing(good) == "rehearsed", "it is rehearsed")
    order.write_text("")
    wait_until(lambda: outside.exists() and outside.stat().st_size > 0, "it holds the file")
    bad = stage.json("checkpoint", stage.name)["version"]
    wait_until(lambda: stage.standing(bad) == "suspect", "it is found")
    assert stage.ask("verify", f"{stage.name}@{bad}").returncode == 0
    note = stage.json("show", f"{stage.name}@{bad}")["summary"]["note"]
    assert note.startswith(f"the processes of version {bad} could not be restored in a rehearsal: the file '{outside}' has ")
    order.unlink()
    stage.kill_agent()
    assert stage.wait_until_running(2)["origin"] == good
    before = len(counted(stage.workspace))
    wait_until(lambda: len(counted(stage.workspace)) > before + 5, "it counts on")
    lines = [line[:2] for line in counted(stage.workspace)]
    assert lines == [(lines[0][0], number + 1) for number in range(len(lines))]



# Takes its orders from a pipe beside its workspace, when it is told to look.
ORDERED = """
import os, sys, time
place = sys.argv[1]
pipe = os.open(place, os.O_RDWR | os.O_NONBLOCK)
while True:
    if os.path.exists(place + ".look"):
        try:
            print("order", os.read(pipe, 100).decode(), flush=True)
        except BlockingIOError:
            print("no order", flush=True)
    time.sleep(0.05)
"""


@pytest.mark.criu
def test_what_lay_in_a_named_pipe_is_read_once(stage, fork):
    """A restore puts what lay unread at the cut into the pipe, whoever reads there: the living agent would have its orders twice."""
    pipe, script = stage.folder / "pipe", stage.folder / "worker.py"
    os.mkfifo(pipe)
    script.write_text(ORDERED)
    stage.write_spec(
        [str(stage.user.python), str(script), str(pipe)], workdir=str(stage.workspace), checkpoint={"every": "1h", "rehearse": "always"}
    )
    stage.run()
    stage.wait_until_running()
    with open(pipe, "w", encoding="ascii") as orders:
        orders.write("deploy")
    version = stage.json("checkpoint", stage.name)["version"]
    why = f"version {version} is not rehearsed: what lay unread in the pipe '{pipe}' would be put into it again"
    wait_until(lambda: why in (stage.home / "journal" / "current.jsonl").read_text(), "it is not rehearsed")
    (stage.folder / "pipe.look").write_text("")
    stage.wait_for_log("no order")
    assert re.findall(r"out (order .*)", stage.log()) == ["order deploy"]
    _, answer = fork(f"{stage.name}@{version}")
    assert f"its processes are started anew: they hold the pipe '{pipe}' open" in answer.stderr, answer.stderr

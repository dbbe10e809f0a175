"""A plain program, without any SDK: whatever kills it, its processes go on where the newest known-good version has them."""

import os
import signal

import pytest
from outside import content, faults_of_version, text_of
from stage import wait_until

pytestmark = [pytest.mark.criu, pytest.mark.root]

# All it has is in memory: a word drawn at its start, a count, a child over pipes, a thread. It writes down and never reads back.
PROGRAM = """
import os, secrets, subprocess, sys, threading, time
word, count, held = secrets.token_hex(8), 0, []
child = subprocess.Popen(["cat"], stdin=subprocess.PIPE, stdout=subprocess.PIPE)
stop = threading.Event()
threading.Thread(target=stop.wait, daemon=True).start()
while True:
    count += 1
    child.stdin.write(b"%d\\n" % count); child.stdin.flush()
    assert int(child.stdout.readline()) == count
    with open("count.txt", "a") as file:
        file.write(f"{word} {count} {os.getpid()}\\n")
    try:
        with open(os.environ["STAGE"] + "/order") as file:
            order = file.read()
        os.unlink(os.environ["STAGE"] + "/order")  # the next life is not to obey it again
    except FileNotFoundError:
        order = ""
    while order == "eat":
        held.append(bytearray(16 << 20))
    if order == "crash":
        raise RuntimeError("the main thread ends")
    time.sleep(0.01)
"""


def write_program(stage, **settings):
    script = stage.folder / "worker.py"
    script.write_text(PROGRAM)
    checkpoint = {"every": "1h", "on_stop": False, **settings.pop("checkpoint", {})}
    stage.write_spec([str(stage.user.python), str(script)], workdir=str(stage.workspace), checkpoint=checkpoint, **settings)


def counted(stage):
    try:
        lines = (stage.workspace / "count.txt").read_text().split("\n")[:-1]
    except FileNotFoundError:
        return []
    return [(word, int(count), int(pid)) for word, count, pid in (line.split() for line in lines)]


def wait_for_more(stage, more=10):
    before = len(counted(stage))
    return wait_until(lambda: len(counted(stage)) >= before + more and counted(stage), f"{more} more lines")


def is_one_program(lines):
    words, counts, pids = zip(*lines)
    return len(set(words)) == 1 and list(counts) == list(range(1, len(lines) + 1)) and len(set(pids)) == 1


@pytest.mark.parametrize(
    ("order", "said"),
    [("", "it was killed by signal 9"), ("eat", "it was killed for memory"), ("crash", "it exited with status 1")],
)
def test_whatever_kills_it_it_goes_on_where_it_was(stage, order, said):
    write_program(stage, limits={"memory": "200MB"})
    stage.run()
    stage.wait_until_running()
    for life in (1, 2, 3):
        wait_for_more(stage)
        version = stage.json("checkpoint", stage.name)
        assert version["parts"] == {"cooperative": False, "process": True, "workspace": True}
        assert 0 < version["frozenMicroseconds"] < 5_000_000
        assert faults_of_version(stage.versions_folder / str(version["version"])) == []
        at = len(text_of(stage.versions_folder / str(version["version"]), "workspace/count.txt").splitlines())
        wait_for_more(stage)
        if order:
            (stage.folder / "order.new").write_text(order)
            (stage.folder / "order.new").rename(stage.folder / "order")
        else:
            stage.kill_agent()
        status = stage.wait_until_running(life + 1)
        assert status["origin"] == version["version"]
        lines = wait_for_more(stage)
        assert is_one_program(lines) and len(lines) > at
        assert any(said in reason for reason in stage.reasons()), stage.reasons()[-6:]


def test_the_last_version_of_a_stopped_agent_is_where_it_goes_on(stage):
    write_program(stage)
    runner = stage.run()
    stage.wait_until_running()
    wait_for_more(stage)
    version = stage.json("checkpoint", stage.name, "--stop")
    assert version["parts"]["process"]
    # It is stopped when it is told, and nothing of it ran after the cut.
    assert runner.wait() == 128 + 9
    stored = content(stage.versions_folder / str(version["version"]), "workspace/count.txt")
    assert (stage.workspace / "count.txt").read_bytes() == stored
    assert stage.processes() == []
    stage.run()
    stage.wait_until_running()
    assert is_one_program(wait_for_more(stage))


def test_a_restart_of_the_runner_changes_nothing(stage):
    write_program(stage)
    runner = stage.run()
    stage.wait_until_running()
    for _ in range(2):
        wait_for_more(stage)
        stage.json("checkpoint", stage.name)
        stage.kill_agent()
        runner.kill()
        runner = stage.run()
        stage.wait_for_status(lambda status: status["supervisorPID"] == runner.pid and status.get("pid"), "it runs under the next one")
        assert is_one_program(wait_for_more(stage))


def test_what_cannot_be_put_into_an_image_is_said_once_and_left_out(stage):
    write_program(stage)
    script = stage.folder / "worker.py"
    script.write_text("import os\nfuse = os.open('/dev/fuse', os.O_RDWR)\n" + PROGRAM)
    runner = stage.run()
    stage.wait_until_running()
    wait_for_more(stage)
    for _ in range(2):
        assert stage.json("checkpoint", stage.name)["parts"] == {"cooperative": False, "process": False, "workspace": True}
    said = [line for line in runner.text.splitlines() if line.startswith("runner: warning: ")]
    assert len(said) == 1 and "'/dev/fuse'" in said[0], said
    asked = stage.ask("checkpoint", stage.name, "--mode", "process")
    assert asked.returncode == 1 and "'/dev/fuse'" in asked.stderr
    os.kill(stage.agent_pid(), signal.SIGKILL)
    # It begins anew, on the files of its version.
    stage.wait_until_running(2)
    wait_for_more(stage)
    assert len({word for word, _, _ in counted(stage)}) == 2


# A GPU by its name alone, in the sandbox's own /dev; a program that uses CUDA holds tens of such descriptors, and so do its workers.
ON_A_GPU = """
import ctypes, os, runpy, subprocess, sys
assert ctypes.CDLL(None).mount(b"none", b"/dev", b"tmpfs", 0, None) == 0
os.mknod("/dev/nvidia0", 0o20600, os.makedev(10, 229))
held = [os.open("/dev/nvidia0", os.O_RDWR) for _ in range(30)]
child = subprocess.Popen(["sleep", "600"], pass_fds=held)
sys.argv = sys.argv[1:]
runpy.run_path(sys.argv[0], run_name="__main__")
"""


def test_a_program_on_a_gpu_comes_back_with_what_it_handed_over(stage):
    script = stage.folder / "on_a_gpu.py"
    script.write_text(ON_A_GPU)
    python, *worker = stage.worker()
    stage.write_spec([python, str(script), *worker], checkpoint={"every": "1h"})
    runner = stage.run()
    stage.wait_until_running()
    stage.wait_for_more_steps()
    told = " ".join(stage.ask("doctor", stage.name).stdout.split())
    assert told.count("uses a GPU ('/dev/nvidia0'), as does another process; CRIU cannot dump what is on it.") == 1, told
    assert f"'{stage.name}' comes back with the state it handed over at its last safe point." in told
    for _ in range(2):
        assert stage.json("checkpoint", stage.name)["parts"] == {"cooperative": True, "process": False, "workspace": True}
        stage.wait_for_more_steps()
    said = [line for line in runner.text.splitlines() if line.startswith("runner: warning: ")]
    assert len(said) == 1 and said[0].count("/dev/nvidia0") == 1, said
    asked = stage.ask("checkpoint", stage.name, "--mode", "process")
    assert asked.returncode == 1 and asked.stderr.count("/dev/nvidia0") == 1, asked
    stage.kill_agent()
    stage.wait_until_running(2)
    stage.wait_for_more_steps()
    stage.order("enough")
    assert runner.wait() == 0
    assert stage.steps() == list(range(len(stage.steps())))


def test_a_dump_goes_without_plugins(stage):
    """Where CRIU has one for GPUs it makes the pause longer, for every process. A restore may need it: the image of another CRIU was made with it."""
    write_program(stage)
    (found,) = [each for each in stage.json("doctor")["findings"] if each["name"] == "criu"]
    criu = found["what"].split("'")[1]
    telling = stage.folder / "criu"
    telling.write_text(f'#!/bin/sh\necho "${{CRIU_LIBS_DIR-none}} $*" >>{stage.folder}/starts\nexec {criu} "$@"\n')
    telling.chmod(0o755)
    runner = stage.run(RUNNER_CRIU=str(telling))
    stage.wait_until_running()
    wait_for_more(stage)
    assert stage.json("checkpoint", stage.name)["parts"]["process"]

    def starts(without_plugins):
        lines = (stage.folder / "starts").read_text().splitlines()
        return [line for line in lines if line.startswith("/proc/self/fdinfo ") == without_plugins]

    others = len(starts(without_plugins=False))
    assert len(starts(without_plugins=True)) == 1
    stage.kill_agent()
    stage.wait_until_running(2)
    assert is_one_program(wait_for_more(stage))
    assert len(starts(without_plugins=True)) == 1 and len(starts(without_plugins=False)) > others
    assert not runner.ended


def test_a_failed_image_costs_no_memory(stage):
    """Versions of files alone do not displace the one with what the program remembers, nor do they push it out of the store."""
    write_program(stage, checkpoint={"keep": 2})
    script = stage.folder / "worker.py"
    hold = '    if order == "hold":\n        held.append(open(os.environ["STAGE"] + "/outside", "r+"))\n'
    script.write_text(PROGRAM.replace("    while order", hold + "    while order"))
    (stage.folder / "outside").write_text("written in place, beside the workspace")
    stage.run()
    stage.wait_until_running()
    wait_for_more(stage, 300)
    good = stage.json("checkpoint", stage.name)["version"]
    (stage.folder / "order").write_text("hold")
    wait_until(lambda: not (stage.folder / "order").exists(), "it holds the file")
    wait_for_more(stage)
    for _ in range(5):
        answer = stage.ask("checkpoint", stage.name)
        assert answer.returncode == 0
        lacking = int(answer.stdout.split("@")[1])
        said = f"{stage.name}@{lacking} is not what a death leads back to: version {good} has its memory, and this one has files only: fd "
        assert said in answer.stderr, answer.stderr
    assert stage.json("show", f"{stage.name}@{lacking}")["summary"]["lacksMemory"].startswith(f"version {good} has its memory")
    assert "without memory" in stage.ask("versions", stage.name).stdout
    shown = " ".join(stage.ask("show", f"{stage.name}@{lacking}").stdout.split())
    assert f"lacks memory version {good} has its memory" in shown, shown
    refused = stage.ask("checkpoint", stage.name, "--stop")
    assert refused.returncode == 1 and "It runs on; 'runner stop" in refused.stderr, refused.stderr
    assert os.readlink(stage.home / "known-good") == f"versions/{good}"
    stage.kill_agent()
    assert stage.wait_until_running(2)["origin"] == good
    wait_for_more(stage)
    assert is_one_program(counted(stage))


def test_a_changed_command_line_is_told(stage):
    """It is another process that is wanted, or a mistake: what the old one remembered is not lost without a word."""
    write_program(stage)
    stage.run()
    stage.wait_until_running()
    wait_for_more(stage)
    version = stage.json("checkpoint", stage.name)["version"]
    assert stage.ask("stop", stage.name).returncode == 0
    write_program(stage, env={"MORE": "1"})
    stage.run()
    told = stage.wait_for_status(lambda status: status["state"] == "running" and status.get("warnings"), "it is told")["warnings"]
    assert [each for each in told if f"begins anew on the files of version {version}, for command, environment" in str(each)], told

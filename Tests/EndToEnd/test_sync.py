"""Copies of a store elsewhere: a directory, real rclone to a real server, kills, damage on both sides, and remotes that mean harm.

SOAK_KILLS=200 makes the kills the long form.
"""

import contextlib
import json
import os
import random
import shutil
import signal
import socket
import subprocess
import sys
import time

import pytest
from stage import wait_until

KILLS = int(os.environ.get("SOAK_KILLS", "12"))
RCLONE = shutil.which("rclone")
needs_rclone = pytest.mark.skipif(RCLONE is None, reason="needs rclone")


def checked(answer):
    assert answer.returncode == 0, answer.stdout + answer.stderr
    return answer.stdout


@contextlib.contextmanager
def served(kind, folder):
    """A real server of rclone for a folder on this machine. Gives what rclone calls it."""
    folder.mkdir(exist_ok=True)
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
    # The tests change the folder behind its back: it must not remember what was there.
    words = [RCLONE, "serve", kind, str(folder), "--addr", f"127.0.0.1:{port}", "--vfs-cache-mode", "off", "--dir-cache-time", "0s"]
    if kind == "sftp":
        words += ["--no-auth"]
    server = subprocess.Popen(words, stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)

    def answers():
        assert server.poll() is None, "the server ended"
        with contextlib.suppress(OSError), socket.create_connection(("127.0.0.1", port), timeout=1):
            return True

    try:
        wait_until(answers, f"'rclone serve {kind}' answers")
        if kind == "sftp":
            yield f":sftp,host=127.0.0.1,port={port},user=anyone,pass={obscured('any')},shell_type=none:copy"
        else:
            yield f":webdav,url='http://127.0.0.1:{port}',vendor=other:copy"
    finally:
        server.kill()
        server.wait()


def obscured(text):
    return subprocess.run([RCLONE, "obscure", text], capture_output=True, text=True, check=True).stdout.strip()


@pytest.fixture
def worked(stage):
    """An agent that stopped after its work, with three versions or more."""
    stage.write_spec(checkpoint={"every": "1h"})
    (stage.workspace / "with space").mkdir()
    (stage.workspace / "with space" / "ümlaut").write_text("text")
    (stage.workspace / "link").symlink_to("/etc/passwd")
    (stage.workspace / os.fsdecode(b"no\xffutf8")).write_bytes(os.urandom(40_000))
    runner = stage.run()
    for _ in range(2):
        stage.checkpoint_after_more_steps()
    runner.signal(signal.SIGTERM)
    assert runner.wait() == 0
    return stage


def elsewhere(stage):
    return {"RUNNER_STORE": str(stage.folder / "elsewhere")}


def files_of(folder):
    return {str(path.relative_to(folder)): path.read_bytes() for path in sorted(folder.rglob("*")) if path.is_file()}


def goes_on_elsewhere(stage, place):
    """Pulled into another store, the agent continues where it was."""
    versions = stage.checkpoints()
    done = max(stage.steps())
    checked(stage.ask("store", "pull", place, stage.name, **elsewhere(stage)))
    rows = json.loads(checked(stage.ask("verify", stage.name, "--json", **elsewhere(stage))))
    assert {row["version"] for row in rows} >= set(versions) and all(row["result"] == "whole" for row in rows)
    for number in versions:
        there = stage.folder / "elsewhere" / "agents" / stage.name / "versions" / str(number)
        assert (there / "manifest.json").read_bytes() == (stage.versions_folder / str(number) / "manifest.json").read_bytes()
    # Another machine has none of the files.
    shutil.rmtree(stage.workspace)
    stage.workspace.mkdir()
    stage._hand_over(stage.workspace)
    first, stage.store = stage.store, stage.folder / "elsewhere"
    try:
        runner = stage.run()
        stage.wait_until_running()
        steps = stage.wait_for_steps(done + 3)
        assert steps == list(range(len(steps))), "it goes on where it was, and does nothing twice"
        assert (stage.workspace / "with space" / "ümlaut").read_text() == "text"
        runner.signal(signal.SIGTERM)
        assert runner.wait() == 0
        stage.strike()
    finally:
        stage.store = first


# MARK: there and back


def test_a_directory_holds_a_copy_that_goes_on(worked):
    place = worked.folder / "copy"
    rows = json.loads(checked(worked.ask("store", "sync", place, "--json")))
    assert rows[0]["sent"] == worked.versions() and not rows[0]["leftOut"]
    before = files_of(place)
    rows = json.loads(checked(worked.ask("store", "sync", place, "--json")))
    assert rows[0]["sent"] == [] and rows[0]["thereBefore"] == worked.versions()
    assert files_of(place) == before, "what is there is not sent again"
    checked(worked.ask("store", "check", place))
    goes_on_elsewhere(worked, place)


@needs_rclone
@pytest.mark.parametrize("kind", ["webdav", "sftp"])
def test_a_real_server_holds_a_copy_that_goes_on(worked, kind):
    with served(kind, worked.folder / "served") as place:
        rows = json.loads(checked(worked.ask("store", "sync", place, "--json", within=120)))
        assert rows[0]["sent"] == worked.versions()
        rows = json.loads(checked(worked.ask("store", "sync", place, "--json", within=120)))
        assert rows[0]["sent"] == [] and rows[0]["contentSent"] == 0
        checked(worked.ask("store", "check", place, within=120))
        goes_on_elsewhere(worked, place)


def test_what_was_removed_here_stays_there_until_it_is_pruned(worked):
    place = worked.folder / "copy"
    checked(worked.ask("store", "sync", place))
    first = worked.versions()[0]
    checked(worked.ask("prune", worked.name, "--keep", "1"))
    assert first not in worked.versions()
    checked(worked.ask("store", "sync", place))
    assert (place / "agents" / worked.name / "versions" / str(first) / "manifest.json").exists()
    rows = json.loads(checked(worked.ask("store", "sync", place, "--prune", "--json")))
    assert first in rows[0]["takenOut"]
    assert not (place / "agents" / worked.name / "versions" / str(first) / "manifest.json").exists()
    checked(worked.ask("store", "check", place))
    checked(worked.ask("store", "pull", place, worked.name, **elsewhere(worked)))


def test_a_running_agent_is_copied_beside_its_work(stage):
    stage.write_spec()
    stage.run()
    stage.wait_for_checkpoints(3)
    place = stage.folder / "copy"
    for _ in range(3):
        checked(stage.ask("store", "sync", place, within=120))
        stage.wait_for_more_steps()
    checked(stage.ask("store", "check", place, within=120))
    assert len(list((place / "agents" / stage.name / "versions").iterdir())) >= 3


# MARK: kills


@needs_rclone
@pytest.mark.parametrize("kind", ["directory", "webdav"])
def test_a_sync_killed_anywhere_goes_on(worked, kind):
    """The next one ends it, and nothing that is listed there was ever less than whole."""
    rng = random.Random(7)
    served_folder = worked.folder / "served"
    with contextlib.ExitStack() as stack:
        place = str(served_folder / "copy") if kind == "directory" else stack.enter_context(served("webdav", served_folder))
        begun = time.monotonic()
        checked(worked.ask("store", "sync", place, within=120))
        takes = time.monotonic() - begun
        for _ in range(KILLS):
            shutil.rmtree(served_folder / "copy")
            process = subprocess.Popen(
                [str(worked.user.runner), "store", "sync", place], stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL,
                stderr=subprocess.DEVNULL, env=worked.user.environment({"RUNNER_STORE": str(worked.store)}),
            )  # fmt: skip
            with contextlib.suppress(subprocess.TimeoutExpired):
                process.wait(rng.uniform(0, takes))
            process.kill()
            process.wait()
            listed = served_folder / "copy" / "agents" / worked.name / "versions"
            if any(listed.glob("*/manifest.json")):
                answer = worked.ask("store", "check", place, f"{worked.name}@latest", within=120)
                assert answer.returncode in (0, 66), answer.stdout + answer.stderr
            checked(worked.ask("store", "sync", place, within=120))
            checked(worked.ask("store", "check", place, within=120))
    assert not any((worked.store / "staging").iterdir()), "nothing is left of those that were killed"


@needs_rclone
def test_ctrl_c_says_how_to_go_on_and_leaves_no_rclone(worked):
    """rclone hangs on a server that takes a connection and says nothing."""
    with socket.socket() as silent:
        silent.bind(("127.0.0.1", 0))
        silent.listen()
        place = f":webdav,url='http://127.0.0.1:{silent.getsockname()[1]}':copy"
        process = subprocess.Popen(
            [str(worked.user.runner), "store", "sync", place], stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.PIPE,
            text=True, env=worked.user.environment({"RUNNER_STORE": str(worked.store)}),
        )  # fmt: skip
        silent.accept()
        process.send_signal(signal.SIGINT)
        _, errors = process.communicate(timeout=40)
        assert process.returncode == 130 and "the same command goes on from there" in errors
    wait_until(lambda: not rclones(place), "no rclone is left")


def rclones(place):
    found = []
    for pid in filter(str.isdigit, os.listdir("/proc")):
        with contextlib.suppress(OSError):
            if place in open(f"/proc/{pid}/cmdline").read():
                found.append(pid)
    return found


# MARK: damage


def stored_files(stage):
    folders = [stage.home / "versions", stage.home / "packs"]
    return sorted(path for folder in folders for path in folder.rglob("*") if path.is_file() and not path.is_symlink() and path.stat().st_size)


def test_a_flipped_bit_in_any_file_is_found_and_healed_from_the_copy(stage):
    stage.write_spec(checkpoint={"every": "1h"})
    (stage.workspace / "data").write_bytes(os.urandom(30_000))
    runner = stage.run()
    stage.checkpoint_after_more_steps()
    runner.signal(signal.SIGTERM)
    assert runner.wait() == 0
    place = stage.folder / "copy"
    checked(stage.ask("store", "sync", place))
    rng = random.Random(3)
    for path in stored_files(stage):
        whole = path.read_bytes()
        for offset in {rng.choice((0, len(whole) - 1)), rng.randrange(len(whole))}:
            damaged = bytearray(path.read_bytes())
            if offset >= len(damaged):
                continue  # it was told anew by a healing before
            damaged[offset] ^= 1 << rng.randrange(8)
            path.write_bytes(bytes(damaged))
            found = stage.ask("verify", stage.name, "--deep")
            assert found.returncode == 65, f"{path} at {offset}: {found.stdout}"
            healed = stage.ask("verify", stage.name, "--deep", "--from", place)
            assert healed.returncode == 0 and "healed" in healed.stdout, f"{path} at {offset}: {healed.stdout}{healed.stderr}"
            if not path.exists():
                break
        again = json.loads(checked(stage.ask("verify", stage.name, "--deep", "--json")))
        assert all(row["result"] == "whole" for row in again), f"{path}: {again}"
        assert not any(version["standing"] == "broken" for version in stage.json("versions", stage.name))


# MARK: remotes that mean harm


def test_a_place_that_is_no_copy_is_left_alone(worked):
    place = worked.folder / "photos"
    place.mkdir()
    (place / "holiday.jpg").write_bytes(b"x")
    answer = worked.ask("store", "sync", place)
    assert answer.returncode == 65 and "holds other files" in answer.stderr
    assert files_of(place) == {"holiday.jpg": b"x"}
    assert worked.ask("store", "pull", place, worked.name, **elsewhere(worked)).returncode == 65
    assert worked.ask("store", "sync", worked.store / "below").returncode == 65


def harm(change):
    def body(copy, name):
        packs = sorted((copy / "agents" / name / "packs").iterdir())
        manifest = sorted((copy / "agents" / name / "versions").iterdir())[-1] / "manifest.json"
        change(packs, manifest)

    return body


def truncate(path):
    os.truncate(path, path.stat().st_size // 2)


def flip(path):
    data = bytearray(path.read_bytes())
    data[len(data) // 3] ^= 16
    path.write_bytes(bytes(data))


HARMS = {
    "truncated pack": harm(lambda packs, manifest: truncate(packs[0])),
    "pack with other content": harm(lambda packs, manifest: flip(packs[0])),
    "missing pack": harm(lambda packs, manifest: packs[0].unlink()),
    "one pack in the place of another": harm(lambda packs, manifest: shutil.copy(packs[-1], packs[0]) if len(packs) > 1 else flip(packs[0])),
    "changed manifest": harm(lambda packs, manifest: manifest.write_text(manifest.read_text().replace('"version":', '"version" :'))),
    "changed list of chunks": harm(lambda packs, manifest: flip(manifest.parent / "chunks")),
    "changed seal": harm(lambda packs, manifest: flip(manifest.parent / "seal")),
    "link in the place of a pack": harm(lambda packs, manifest: (packs[0].unlink(), packs[0].symlink_to("/etc/passwd"))),
}


@pytest.mark.parametrize("kind", HARMS)
def test_a_copy_that_is_not_whole_is_refused_whole(worked, kind):
    place = worked.folder / "copy"
    checked(worked.ask("store", "sync", place))
    HARMS[kind](place, worked.name)
    answer = worked.ask("store", "pull", place, f"{worked.name}@latest", **elsewhere(worked))
    newest = worked.versions()[-1]
    here = worked.folder / "elsewhere" / "agents" / worked.name / "versions" / str(newest)
    if answer.returncode == 0:  # a manifest of another length is not listed: the one before it is the latest then
        assert not here.exists()
    else:
        assert answer.returncode in (65, 66), answer.stderr
        assert not here.parent.exists(), "an agent of which nothing came is not there"
    staging = worked.folder / "elsewhere" / "staging"
    assert not any(staging.iterdir())


def fake_rclone(folder, listing):
    """An rclone whose remote lists what no remote may."""
    tools = folder / "tools"
    tools.mkdir()
    script = tools / "rclone"
    script.write_text(f"#!{sys.executable}\nimport sys\nif sys.argv[1] == 'lsjson': print({json.dumps(json.dumps(listing))})\n")
    script.chmod(0o755)
    return {"PATH": f"{tools}:{os.environ['PATH']}"}


@pytest.mark.parametrize(
    "name", ["../../etc/passwd", "agents/agent-1/versions/1/../../../../x", "/etc/passwd", "agents/agent-1/packs/..", "a\nb"]
)
def test_a_name_that_leads_out_refuses_the_whole(worked, name):
    listing = [{"Path": path, "Size": 10, "IsDir": False} for path in ("runner-copy-1", name)]
    tools = fake_rclone(worked.folder, listing)
    for command in (["pull", "evil:x", worked.name], ["check", "evil:x"], ["sync", "evil:x"]):
        answer = worked.ask("store", *command, **tools)
        assert answer.returncode == 65, answer.stdout + answer.stderr


def test_without_rclone_one_sentence_says_so(worked):
    answer = worked.ask("store", "sync", "backup:agents", PATH="/nonexistent")
    assert answer.returncode == 69 and "'rclone' is not installed" in answer.stderr and len(answer.stderr.splitlines()) == 1


def test_a_number_that_is_taken_is_refused_and_fits_under_another_name(worked, stages):
    place = worked.folder / "copy"
    checked(worked.ask("store", "sync", place))
    other = stages(worked.name)
    other.write_spec(checkpoint={"every": "1h"})
    runner = other.run()
    other.checkpoint_after_more_steps()
    runner.signal(signal.SIGTERM)
    assert runner.wait() == 0
    before = files_of(other.versions_folder)
    answer = other.ask("store", "pull", place, f"{worked.name}@1")
    assert answer.returncode == 73 and "--as NAME" in answer.stderr
    assert files_of(other.versions_folder) == before
    checked(other.ask("store", "pull", place, f"{worked.name}@1", "--as", "twin"))
    assert [row["result"] for row in other.json("verify", "twin")] == ["whole"]
    # And the other way: two stores in one place do not mix.
    answer = other.ask("store", "sync", place)
    assert answer.returncode == 65 and "has another version of that number" in answer.stderr
    checked(worked.ask("store", "check", place))

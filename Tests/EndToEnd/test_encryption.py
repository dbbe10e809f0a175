"""Encrypted stores: the real runner with real agents and real CRIU; no byte of what an agent has may lie in the store in clear."""

import json
import os
import pathlib
import signal
import subprocess

import pytest
from outside import faults_of_version
from packs import Packs
from sealed import SealedStore, library
from stage import Stage, wait_until

SECRETS = {
    "memory": "memory-secret-4711",
    "state": "state-secret-0815",
    "file": "file-secret-1234",
    "name": "name-of-a-file-secret",
    "link": "where-a-link-leads-secret",
    "environment": "environment-secret-99",
    "argument": "argument-secret-77",
    "output": "output-secret-55",
    "effect": "effect-secret-33",
}

PROGRAM = """
import os, sys, time
held = "-".join(["memory", "secret", "4711"]) * 1000
ballast = os.urandom(BALLAST << 20)
count = 0
while True:
    count += 1
    if count == 1: print("-".join(["output", "secret", "55"]), flush=True)
    with open("count.txt", "a") as file:
        file.write(f"{count}\\n")
    time.sleep(0.01)
"""


class SealedStage(Stage):
    """A stage whose store is encrypted, and which asks the runner alone what is in it."""

    def seal(self):
        self.key = self.folder / "key"
        made = subprocess.run([str(self.user.runner), "--store", str(self.store), "store", "key", "new", str(self.key)], capture_output=True, text=True)
        assert made.returncode == 0, made.stderr
        self.key_name = made.stdout.strip()
        return self

    def run(self, *words, **environment):
        return super().run(*words, **{"RUNNER_KEY_FILE": str(self.key), **environment})

    def ask(self, *words, **environment):
        return super().ask(*words, **{"RUNNER_KEY_FILE": str(self.key), **environment})

    def versions(self):
        answer = super().ask("versions", self.name, "--json", RUNNER_KEY_FILE=str(self.key))
        return sorted(row["version"] for row in json.loads(answer.stdout)) if answer.returncode == 0 else []

    def status(self):
        answer = super().ask("status", self.name, "--json", RUNNER_KEY_FILE=str(self.key))
        try:
            found = json.loads(answer.stdout) if answer.returncode == 0 else {}
            return (found[0] if found else {}) if isinstance(found, list) else found
        except ValueError:
            return {}

    def raw(self):
        """Every byte below the store, and every name."""
        for path in sorted(self.store.rglob("*")):
            yield str(path.relative_to(self.store)).encode()
            if path.is_symlink():
                yield os.readlink(path).encode()
            elif path.is_file():
                yield path.read_bytes()

    def shown(self):
        raw = b"\0".join(self.raw())
        return {what for what, secret in SECRETS.items() if secret.encode() in raw or secret.encode("utf-16-le") in raw}

    def write_large(self, ballast=4, **settings):
        (self.folder / "worker.py").write_text(PROGRAM.replace("BALLAST", str(ballast)))
        command = [str(self.user.python), str(self.folder / "worker.py"), SECRETS["argument"]]
        environment = {"STAGE": str(self.folder), "PYTHONUNBUFFERED": "1", "SECRET": SECRETS["environment"]}
        settings = {"checkpoint": {"every": None, "on_stop": False}, "recovery": {"backoff": {"initial": "10ms"}}, **settings}
        self.write_spec(command, workdir=str(self.workspace), env=environment, **settings)
        folder = self.workspace / SECRETS["name"]
        folder.mkdir()
        (folder / SECRETS["name"]).write_text(SECRETS["file"] * 100)
        (folder / "link").symlink_to(SECRETS["link"])

    def count(self):
        lines = (self.workspace / "count.txt").read_text().split()
        assert [int(line) for line in lines] == list(range(1, len(lines) + 1))
        return len(lines)


@pytest.fixture
def stage(stages, monkeypatch):
    made = stages()
    made.__class__ = SealedStage
    return made.seal()


def mounts():
    return pathlib.Path("/proc/self/mounts").read_text()


# MARK: processes


@pytest.mark.criu
@pytest.mark.root
def test_nothing_of_an_agent_lies_in_its_store(stage):
    before = mounts()
    stage.write_large()
    runner = stage.run()
    stage.wait_until_running()
    wait_until(lambda: (stage.workspace / "count.txt").exists() and stage.count() > 20, "it works")
    versions = [stage.json("checkpoint", stage.name, "--mode", "process")["version"] for _ in range(3)]
    assert stage.shown() == set()
    assert stage.ask("show", f"{stage.name}@{versions[0]}").returncode == 0
    # It goes on from what lies there.
    count = stage.count()
    os.kill(stage.wait_until_running(1)["pid"], signal.SIGKILL)
    stage.wait_until_running(2)
    wait_until(lambda: stage.count() > count + 20, "it goes on where it was")
    assert stage.shown() == set()
    # Back to the first, whatever became of its plain files.
    assert stage.ask("restore", stage.name, versions[0], "-y").returncode == 0
    stage.wait_until_running(3)
    wait_until(lambda: stage.count() > 30, "it goes on from the first")
    assert stage.ask("verify", stage.name, "--deep").returncode == 0
    assert stage.ask("cat", f"{stage.name}@{versions[1]}:{SECRETS['name']}/{SECRETS['name']}").stdout == SECRETS["file"] * 100
    assert SECRETS["name"] in stage.ask("files", f"{stage.name}@{versions[1]}").stdout
    assert stage.ask("diff", f"{stage.name}@{versions[0]}", f"{stage.name}@{versions[1]}").returncode in (0, 1)
    assert stage.ask("image", "check", f"{stage.name}@{versions[0]}").returncode == 0
    assert SECRETS["memory"] in stage.ask("image", "strings", f"{stage.name}@{versions[0]}", "1000").stdout
    assert SECRETS["output"] in stage.ask("logs", stage.name).stdout
    assert stage.shown() == set()
    # The runner's own death leaves nothing behind.
    runner.kill()
    again = stage.run()
    wait_until(lambda: stage.ask("checkpoint", stage.name, "--mode", "process").returncode == 0, "it is taken over")
    assert stage.ask("stop", stage.name, "--no-checkpoint").returncode == 0
    again.wait()
    assert stage.shown() == set()
    assert mounts() == before
    # What it kept is readable with the key, and says so without.
    assert stage.ask("versions", stage.name).returncode == 0
    plain = Stage.ask(stage, "versions", stage.name, RUNNER_KEY_FILE=str(stage.folder / "none"))
    assert plain.returncode == 77 and "there is no key file" in plain.stderr


@pytest.mark.criu
@pytest.mark.root
def test_a_rehearsal_and_lazy_memory_of_an_encrypted_store(stage):
    stage.write_large(ballast=40, restore={"pages": "lazy"}, checkpoint={"every": None, "on_stop": False, "rehearse": "always"})
    stage.run()
    stage.wait_until_running()
    wait_until(lambda: (stage.workspace / "count.txt").exists() and stage.count() > 20, "it works")
    version = stage.json("checkpoint", stage.name, "--mode", "process")["version"]

    def standing():
        rows = json.loads(stage.ask("versions", stage.name, "--json").stdout)
        return [row["standing"] for row in rows if row["version"] == version] == ["rehearsed"]

    wait_until(standing, "it is rehearsed")
    count = stage.count()
    os.kill(stage.wait_until_running(1)["pid"], signal.SIGKILL)
    stage.wait_until_running(2)
    wait_until(lambda: stage.count() > count + 50, "it goes on where it was")
    assert stage.shown() == set()


@pytest.mark.criu
@pytest.mark.root
def test_too_little_memory_leaves_the_agent_alone(stage):
    """More than the host has free never fits beside itself: what it handed over is stored, and it runs on."""
    stage.write_large(checkpoint={"every": None, "on_stop": False, "size_limit": "2MB"})
    stage.run()
    stage.wait_until_running()
    wait_until(lambda: (stage.workspace / "count.txt").exists() and stage.count() > 20, "it works")
    answer = stage.ask("checkpoint", stage.name, "--mode", "process")
    assert answer.returncode != 0 and "where the store is encrypted" in answer.stderr, answer.stderr
    count = stage.count()
    wait_until(lambda: stage.count() > count + 20, "it runs on")


# MARK: all else


@pytest.mark.skipif(library() is None, reason="needs libsodium")
def test_a_reader_of_its_own_reads_all_of_it(stage):
    """By the description alone; what it finds is a store in clear, in which nothing is missing."""
    stage.write_spec(checkpoint={"every": "1h"})
    (stage.workspace / "large").write_bytes(os.urandom(100_000))
    (stage.workspace / "none").touch()
    runner = stage.run()
    for _ in range(3):
        stage.checkpoint_after_more_steps()
    assert stage.ask("stop", stage.name).returncode == 0
    runner.wait()
    clear = stage.folder / "clear"
    clear.mkdir(mode=0o700)
    SealedStore(stage.store, stage.key).copy_in_clear(clear)
    home = clear / "agents" / stage.name
    packs = Packs(home / "packs")
    versions = stage.versions()
    assert len(versions) >= 4
    for version in versions:
        assert faults_of_version(home / "versions" / str(version), packs) == [], version
    assert Stage.ask(stage, "--store", clear, "verify", stage.name, "--deep").returncode == 0
    for words in (("why", stage.name), ("logs", stage.name), ("versions", stage.name), ("events", stage.name, "-o", "json")):
        # Ages grow between two answers.
        same = lambda: Stage.ask(stage, "--store", clear, *words).stdout == stage.ask(*words).stdout
        wait_until(same, f"both say the same to {words}")


def test_an_agent_that_hands_over_its_state(stage, stages):
    stage.write_spec(env={"STAGE": str(stage.folder), "PYTHONUNBUFFERED": "1", "SECRET": SECRETS["environment"]}, checkpoint={"every": "1h"})
    (stage.workspace / SECRETS["name"]).write_text(SECRETS["file"])
    stage.run("-d").wait()
    stage.wait_until_running()
    first = stage.json("checkpoint", stage.name)["version"]
    wait_until(lambda: len(stage.steps()) > 5, "it works")
    second = stage.json("checkpoint", stage.name)["version"]
    assert stage.shown() == set()

    # Out and in again, into a store in clear and into one that is encrypted, too.
    assert stage.ask("export", f"{stage.name}@{second}", "-o", "a.tar").returncode == 0
    assert stage.ask("import", stage.folder / "a.tar", "--as", "twin").stdout == "twin@1\n"
    assert stage.ask("verify", "twin").returncode == 0
    assert SECRETS["name"] in stage.ask("files", "twin@1").stdout
    clear = stage.folder / "clear"
    assert Stage.ask(stage, "import", stage.folder / "a.tar", "--store", clear, "--as", "twin").stdout == "twin@1\n"
    taken = Stage.ask(stage, "cat", "--store", clear, f"twin@1:{SECRETS['name']}")
    assert taken.stdout == stage.ask("cat", f"twin@1:{SECRETS['name']}").stdout == SECRETS["file"]

    # A fork is started from a spec that lies in the store.
    forked = stage.ask("fork", f"{stage.name}@{second}", "--as", "other-one", "--workspace", stage.folder / "forked")
    assert forked.returncode == 0, forked.stderr
    assert stage.ask("stop", "other-one", "--no-checkpoint").returncode == 0

    # Back, away and back again.
    assert stage.ask("restore", stage.name, first, "-y").returncode == 0
    stage.wait_until_running(2)
    assert stage.ask("stop", stage.name).returncode == 0
    assert stage.ask("rm", stage.name, "-y").returncode == 0
    assert stage.ask("undelete", stage.name).returncode == 0
    assert stage.ask("verify", stage.name, "--deep").returncode == 0
    assert stage.ask("logs", stage.name).returncode == 0
    assert stage.shown() == set()
    assert list((stage.store / "staging").iterdir()) == []


@pytest.mark.parametrize("by", ["directory", "rclone"])
def test_a_copy_elsewhere_is_encrypted_too(stage, by):
    stage.write_spec(env={"STAGE": str(stage.folder), "PYTHONUNBUFFERED": "1", "SECRET": SECRETS["environment"]}, checkpoint={"every": "1h"})
    (stage.workspace / SECRETS["name"]).write_text(SECRETS["file"])
    runner = stage.run()
    stage.wait_until_running()
    stage.json("checkpoint", stage.name)
    wait_until(lambda: len(stage.steps()) > 5, "it works")
    version = stage.json("checkpoint", stage.name)["version"]
    assert stage.ask("stop", stage.name).returncode == 0
    runner.wait()
    copy = stage.folder / "copy"
    place = str(copy) if by == "directory" else f":local:{copy}"
    for _ in range(2):
        synced = stage.ask("store", "sync", place)
        assert synced.returncode == 0, synced.stderr
    raw = b"".join(path.read_bytes() for path in copy.rglob("*") if path.is_file())
    assert not [what for what, secret in SECRETS.items() if secret.encode() in raw]
    assert b"results.txt" not in raw
    checked = stage.ask("store", "check", place)
    assert checked.returncode == 0 and "damaged" not in checked.stdout, checked
    # A byte is changed there, and one here is healed from there.
    files = Stage.ask(stage, "files", f"{stage.name}@{version}", RUNNER_KEY_FILE=str(stage.key)).stdout
    assert stage.ask("verify", stage.name, "--from", place).returncode == 0
    # The store is lost: its copy and the key bring all of it back.
    other = stage.folder / "other"
    other.mkdir(mode=0o700)
    (other / "encryption").write_bytes((copy / "encryption").read_bytes())
    pulled = stage.ask("store", "pull", "--store", other, place, stage.name)
    assert pulled.returncode == 0, pulled.stderr
    assert stage.ask("files", "--store", other, f"{stage.name}@{version}").stdout == files
    assert stage.ask("verify", "--store", other, stage.name).returncode == 0
    assert not [what for what, secret in SECRETS.items() if any(secret.encode() in path.read_bytes() for path in other.rglob("*") if path.is_file())]
    # Another store in clear takes nothing from it, and puts nothing into it.
    clear = stage.folder / "clear"
    refused = Stage.ask(stage, "store", "pull", "--store", clear, place, stage.name)
    assert refused.returncode == 65 and "it is encrypted, and this store is not" in refused.stderr, refused
    pack = max((path for path in copy.rglob("packs/*")), key=lambda path: path.stat().st_size)
    content = bytearray(pack.read_bytes())
    content[len(content) // 2] ^= 1
    pack.write_bytes(content)
    assert stage.ask("store", "check", place).returncode == 65


def test_keys_that_do_not_fit_are_told(stage):
    stage.write_spec(checkpoint={"every": "1h"})
    runner = stage.run()
    stage.wait_until_running()
    stage.json("checkpoint", stage.name)
    assert stage.ask("stop", stage.name).returncode == 0
    runner.wait()

    def told(status, text, *words, **environment):
        answer = Stage.ask(stage, *words, **environment)
        assert answer.returncode == status and text in answer.stderr, answer
        assert len(answer.stderr.splitlines()) == 1

    # The store remembers where its key lies.
    assert Stage.ask(stage, "versions", stage.name).returncode == 0
    shown = Stage.ask(stage, "store", "key", "show").stdout
    assert shown == f"{stage.key_name}  {stage.key}\n"
    away = stage.folder / "away"
    stage.key.rename(away)
    told(77, "there is no key file", "versions", stage.name)
    assert Stage.ask(stage, "--key-file", away, "versions", stage.name).returncode == 0
    # Another key.
    other = stage.folder / "other-key"
    assert Stage.ask(stage, "store", "key", "new", other).returncode == 0
    told(77, f"the store wants {stage.key_name}", "versions", stage.name, RUNNER_KEY_FILE=str(other))
    told(73, "something is there already", "store", "key", "new", other)
    # Open to others, in the store, no key at all.
    away.chmod(0o640)
    told(78, "others may read it (mode 640)", "versions", stage.name, RUNNER_KEY_FILE=str(away))
    away.chmod(0o600)
    told(78, "it would lie in the store", "store", "key", "new", stage.store / "key")
    inside = stage.store / "key"
    inside.write_bytes(away.read_bytes())
    inside.chmod(0o600)
    told(78, "it lies in the store", "versions", stage.name, RUNNER_KEY_FILE=str(inside))
    inside.unlink()
    told(78, "it is no regular file", "versions", stage.name, RUNNER_KEY_FILE=str(stage.workspace))
    empty = stage.folder / "empty"
    empty.touch(mode=0o600)
    told(78, "it is no key file", "versions", stage.name, RUNNER_KEY_FILE=str(empty))
    # A store in clear and a key.
    clear = stage.folder / "clear"
    Stage.ask(stage, "store", "check", "--store", clear, stage.folder)  # makes it
    told(78, "it is not encrypted", "versions", stage.name, "--store", str(clear), RUNNER_KEY_FILE=str(away))
    # The key is changed, and the former one is of no use then.
    changed = Stage.ask(stage, "--key-file", away, "store", "key", "change", other)
    assert changed.returncode == 0, changed
    told(77, f"is {stage.key_name}", "versions", stage.name, RUNNER_KEY_FILE=str(away))
    assert Stage.ask(stage, "versions", stage.name).returncode == 0
    # What tells of the key is damaged, or gone.
    path = stage.store / "encryption"
    whole = path.read_bytes()
    path.write_bytes(whole.replace(b"sealed ", b"sealed 0"))
    told(65, "its 'encryption' is damaged", "versions", stage.name)
    path.unlink()
    told(65, "it is encrypted, and its 'encryption' is gone", "versions", stage.name)
    path.write_bytes(whole)
    assert Stage.ask(stage, "verify", stage.name).returncode == 0
    # Keys are nowhere in it.
    digits = (other.read_text() + away.read_text()).split()
    raw = b"".join(stage.raw())
    for key in (word for word in digits if len(word) == 64):
        assert key.encode() not in raw and bytes.fromhex(key) not in raw

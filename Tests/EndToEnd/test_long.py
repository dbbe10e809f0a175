"""Commands that take long: what a person sees of them, and that they can be stopped at any moment and gone on with.

SOAK_STOPS=100 makes the stops the long form.
"""

import contextlib
import json
import os
import pty
import random
import re
import select
import shutil
import signal
import subprocess
import time

import pytest
from outside import faults_of_version, prints_of
from packs import Packs
from stage import PATIENCE, Lost, wait_until

STOPS = int(os.environ.get("SOAK_STOPS", "4"))
# What a command needs to come to its next piece, on a machine that does other things, too.
SOON = 10


def checked(answer):
    assert answer.returncode == 0, answer.stdout + answer.stderr
    return answer.stdout


@pytest.fixture
def heavy(stage):
    """An agent that stopped after its work, with some versions of 24 MB; what a test does to the store is undone by `renew`."""
    stage.write_spec(checkpoint={"every": "1h", "mode": "cooperative"})
    runner = stage.run()
    for turn in range(3):
        for number in range(6):
            (stage.workspace / f"blob{turn}{number}").write_bytes(os.urandom(1 << 20))
        (stage.workspace / "large").write_bytes(os.urandom(6 << 20) + bytes([turn]) * (1 << 20))
        stage._hand_over(stage.workspace)
        stage.checkpoint_after_more_steps()
    runner.signal(signal.SIGTERM)
    assert runner.wait() == 0
    # All of it in packs, the newest as plain files, too.
    checked(stage.ask("store", "sync", stage.folder / "copy", within=120))
    checked(stage.ask("export", f"{stage.name}@latest", "--output", stage.folder / "taken.tar.zst"))
    shutil.copytree(stage.store, stage.folder / "former", symlinks=True)
    shutil.copytree(stage.workspace, stage.folder / "former workspace", symlinks=True)
    return stage


def renew(stage):
    for now, former in ((stage.store, "former"), (stage.workspace, "former workspace")):
        shutil.rmtree(now)
        shutil.copytree(stage.folder / former, now, symlinks=True)
    for left in ("copy new", "elsewhere"):
        shutil.rmtree(stage.folder / left, ignore_errors=True)
    with contextlib.suppress(FileNotFoundError):
        (stage.folder / "out.tar.zst").unlink()


def commands(stage):
    """Each command, and what must be true when it came to its end."""
    first = str(stage.versions()[0])

    def is_pruned():
        assert len(stage.versions()) == 1

    def is_restored():
        names = {path.name for path in stage.workspace.iterdir()}
        assert "blob00" in names and "blob20" not in names
        assert stage.ask("restore", stage.name, first, "--dry-run").stdout.count("\n") <= 3

    def is_exported():
        assert (stage.folder / "out.tar.zst").stat().st_size > 20 << 20

    def is_there(place):
        def look():
            assert len(list((place / "agents" / stage.name / "versions").glob("*/manifest.json"))) >= 3

        return look

    def nothing():
        pass

    return {
        "verify": (["verify", stage.name, "--deep"], nothing),
        "prune": (["prune", stage.name, "--keep", "1"], is_pruned),
        "restore": (["restore", stage.name, first, "-y"], is_restored),
        "export": (["export", f"{stage.name}@latest", "--output", stage.folder / "out.tar.zst"], is_exported),
        "import": (["import", stage.folder / "taken.tar.zst", "--as", "taken"], nothing),
        "sync": (["store", "sync", stage.folder / "copy new"], is_there(stage.folder / "copy new")),
        "check": (["store", "check", stage.folder / "copy"], nothing),
        "pull": (["store", "pull", stage.folder / "copy", stage.name], is_there(stage.folder / "elsewhere")),
    }


def environment(stage, kind):
    store = stage.folder / "elsewhere" if kind == "pull" else stage.store
    return stage.user.environment({"RUNNER_STORE": str(store), "TERM": "xterm"})


KINDS = ["verify", "prune", "restore", "export", "import", "sync", "check", "pull"]


class Terminal:
    """One command whose talk goes to a terminal."""

    def __init__(self, stage, kind, words, output=subprocess.PIPE):
        self.ours, theirs = pty.openpty()
        self.shown = b""
        self.process = subprocess.Popen(
            stage.user.command([str(stage.user.runner), *map(str, words)]), stdin=subprocess.DEVNULL, stdout=output, stderr=theirs, cwd=stage.folder,
            env=environment(stage, kind),
        )  # fmt: skip
        os.close(theirs)

    def read(self):
        """What it shows until it ends."""
        while True:
            try:
                piece = os.read(self.ours, 65536)
            except OSError:  # the other end is closed
                break
            if not piece:
                break
            self.shown += piece
        return self.shown.decode()

    def see(self, pattern):
        end = time.monotonic() + PATIENCE
        while not re.search(pattern, self.shown.decode(errors="replace")):
            if time.monotonic() > end:
                raise Lost(f"'{pattern}' in {self.shown[-2000:]!r}")
            if select.select([self.ours], [], [], 0.1)[0]:
                with contextlib.suppress(OSError):  # it ended
                    self.shown += os.read(self.ours, 65536)


# MARK: what is seen


@pytest.mark.parametrize("kind", KINDS)
def test_a_terminal_shows_how_far_it_is_and_nothing_else_does(heavy, kind):
    words, is_done = commands(heavy)[kind]
    terminal = Terminal(heavy, kind, words, output=subprocess.DEVNULL)
    shown = terminal.read()
    assert terminal.process.wait() == 0, shown
    is_done()
    assert "\r" in shown and "\x1b[K" in shown, f"nothing was to be seen: {shown!r}"
    # What stays on the screen are whole lines of talk.
    last = shown.replace("\r\n", "\n").split("\x1b[K")[-1]
    assert not last or last.endswith("\n") or last.strip("\r") == "", f"it left something there: {shown!r}"
    if kind != "export":  # which has no answer for programs
        renew(heavy)
        terminal = Terminal(heavy, kind, [*words, "--json"], output=subprocess.DEVNULL)
        shown = terminal.read()
        assert terminal.process.wait() == 0 and "\x1b[K" not in shown, shown
    renew(heavy)
    heavy_answer = subprocess.run(
        [str(heavy.user.runner), *map(str, words)], capture_output=True, text=True, env=environment(heavy, kind), stdin=subprocess.DEVNULL, check=True,
    )  # fmt: skip
    assert "\x1b" not in heavy_answer.stderr and "\r" not in heavy_answer.stderr


# MARK: stops


@pytest.mark.parametrize("kind", KINDS)
def test_stopped_at_any_moment_it_says_so_and_is_gone_on_with(heavy, kind):
    rng = random.Random(kind)
    words, is_done = commands(heavy)[kind]
    line = heavy.user.command([str(heavy.user.runner), *map(str, words)])
    begun = time.monotonic()
    subprocess.run(line, check=True, capture_output=True, env=environment(heavy, kind), stdin=subprocess.DEVNULL, cwd=heavy.folder)
    takes = time.monotonic() - begun
    stopped = 0
    for turn in range(STOPS):
        renew(heavy)
        workspace = prints_of(heavy.workspace)
        number = rng.choice([signal.SIGINT, signal.SIGTERM])
        process = subprocess.Popen(
            line, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, env=environment(heavy, kind), cwd=heavy.folder
        )
        with contextlib.suppress(subprocess.TimeoutExpired):
            process.wait(rng.uniform(0.1, 0.95) * takes)
        asked = time.monotonic()
        process.send_signal(number)
        _, errors = process.communicate(timeout=60)
        said = f"{kind}, turn {turn}, {number.name}: {process.returncode} {errors}"
        assert time.monotonic() - asked < SOON, said
        # Before it began it ends as any command; afterwards by itself.
        assert process.returncode in (0, 128 + number, -number), said
        if process.returncode == 128 + number:
            stopped += 1
            last = errors.splitlines()[-1]
            assert "it was stopped" in last and re.search("same command|nothing of it is left", last), said
        leaves_nothing_half_done(heavy, kind, workspace, process.returncode, said)
        again = subprocess.run(line, capture_output=True, text=True, env=environment(heavy, kind), stdin=subprocess.DEVNULL, cwd=heavy.folder)
        assert again.returncode == 0 or kind == "export" and "something is there already" in again.stderr, said + again.stdout + again.stderr
        is_done()
        is_whole(heavy, kind, said)
    assert stopped or STOPS < 4, "it was never stopped on its way"


def leaves_nothing_half_done(stage, kind, workspace, status, said):
    store = stage.folder / "elsewhere" if kind == "pull" else stage.store
    for version in sorted(store.glob("agents/*/versions/*/manifest.json")):
        assert faults_of_version(version.parent) == [], said
    if status < 0:
        return  # it was ended before it was asked to
    assert not any((store / "staging").iterdir()) if (store / "staging").exists() else True, said
    if kind == "restore" and status != 0 and not (stage.home / "restoring").exists():
        assert prints_of(stage.workspace) == workspace, said
    if kind == "export" and status != 0:
        assert not [path for path in stage.folder.iterdir() if path.name.startswith("out.tar.zst")], said
    if kind == "import" and status != 0:
        assert not (stage.store / "agents" / "taken").exists(), said


def is_whole(stage, kind, said):
    store = stage.folder / "elsewhere" if kind == "pull" else stage.store
    for agent in (store / "agents").iterdir():
        packs = Packs(agent / "packs")
        for version in (agent / "versions").iterdir():
            assert faults_of_version(version, packs) == [], f"{said}: {version}"
    rows = json.loads(checked(stage.ask("verify", "--deep", "--again", "--json", RUNNER_STORE=str(store), within=120)))
    assert rows and all(row["result"] == "whole" for row in rows), f"{said}: {rows}"


def stopped_half_way(stage, words, number):
    """Stops it when it found something whole, and says what it said."""
    wait = 0.0
    while True:
        terminal = Terminal(stage, "verify", words)
        terminal.see(r"verifying")
        with contextlib.suppress(subprocess.TimeoutExpired):
            terminal.process.wait(wait)  # longer each time, until it was long enough
        terminal.process.send_signal(number)
        said = terminal.read()
        assert terminal.process.wait() == 128 + number, said
        if "Nothing was read whole" not in said:
            return said
        wait += 0.05


def test_a_verification_goes_on_behind_what_was_found_whole(heavy):
    rows = json.loads(checked(heavy.ask("verify", heavy.name, "--deep", "--json")))
    said = stopped_half_way(heavy, ["verify", heavy.name, "--deep"], signal.SIGINT)
    assert re.search(r"it was stopped\. [1-9]\d* versions? and \d+ packs? are whole\. The same command goes on behind them", said), said
    again = heavy.ask("verify", heavy.name, "--deep", "--json")
    assert again.returncode == 0 and f"going on with '{heavy.name}' behind what was found whole" in again.stderr
    names = [(row.get("version"), row.get("pack")) for row in json.loads(again.stdout)]
    assert sorted(map(str, names)) == sorted(str((row.get("version"), row.get("pack"))) for row in rows)
    # It came to its end: the next one reads everything.
    assert "going on" not in heavy.ask("verify", heavy.name, "--deep", "--json").stderr


def test_what_decayed_since_is_found_by_again(heavy):
    stopped_half_way(heavy, ["verify", heavy.name], signal.SIGTERM)
    first = heavy.versions()[0]
    seal = heavy.versions_folder / str(first) / "standing"
    seal.write_bytes(seal.read_bytes().replace(b"stored", b"storde").replace(b"proven", b"provne"))
    assert heavy.ask("verify", heavy.name, "--again").returncode == 65


# MARK: healing beside a living agent


def test_packs_are_healed_while_the_agent_works(stage):
    stage.write_spec(checkpoint={"every": "1h", "mode": "cooperative"})
    (stage.workspace / "data").write_bytes(os.urandom(300_000))
    stage._hand_over(stage.workspace)
    stage.run()
    first = stage.checkpoint_after_more_steps()
    for _ in range(2):
        stage.checkpoint_after_more_steps()
    wait_until(lambda: not (stage.versions_folder / str(first) / "workspace").exists(), "the first is in packs alone")
    place = stage.folder / "copy"
    checked(stage.ask("store", "sync", place, within=120))
    pack = max((stage.home / "packs").glob("*-*"), key=lambda path: path.stat().st_size)
    content = bytearray(pack.read_bytes())
    content[len(content) // 2] ^= 4
    pack.write_bytes(bytes(content))
    found = stage.ask("verify", stage.name, "--deep")
    assert found.returncode == 65, found.stdout
    assert stage.standing(first) == "broken"
    steps = len(stage.steps())
    healed = stage.ask("verify", stage.name, "--deep", "--from", place, within=60)
    assert healed.returncode == 0 and "healed" in healed.stdout, healed.stdout + healed.stderr
    assert stage.standing(first) != "broken" and faults_of_version(stage.versions_folder / str(first)) == []
    stage.wait_for_steps(steps + 3)
    later = stage.checkpoint_after_more_steps()
    assert faults_of_version(stage.versions_folder / str(later)) == []
    rows = json.loads(checked(stage.ask("verify", stage.name, "--deep", "--json")))
    assert all(row["result"] == "whole" for row in rows)


def test_what_is_no_pack_waits_until_the_agent_is_stopped(stage):
    stage.write_spec(checkpoint={"every": "1h", "mode": "cooperative"})
    runner = stage.run()
    first = stage.checkpoint_after_more_steps()
    stage.checkpoint_after_more_steps()
    place = stage.folder / "copy"
    wait_until(lambda: (stage.versions_folder / str(first) / "chunks").exists(), "it is in packs")
    checked(stage.ask("store", "sync", place, within=120))
    manifest = stage.versions_folder / str(first) / "manifest.json"
    content = bytearray(manifest.read_bytes())
    content[10] ^= 1
    manifest.write_bytes(bytes(content))
    answer = stage.ask("verify", stage.name, "--from", place)
    assert answer.returncode == 65 and f"'runner stop {stage.name}'" in answer.stdout + answer.stderr, answer.stdout
    assert stage.ask("stop", stage.name).returncode == 0
    assert runner.wait() == 0
    checked(stage.ask("verify", stage.name, "--from", place))
    assert faults_of_version(manifest.parent) == []

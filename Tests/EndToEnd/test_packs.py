"""Versions in packs: the real runner puts them there, and every byte of them is looked at from outside (packs.py).

SOAK_KILLS=500 makes the kills the long form; SOAK_SEED repeats their moments as far as two machines agree about time.
"""

import collections
import os
import random
import re
import signal
import time

import pytest
from outside import disk_use, faults_of_version, prints_of_version, prints_of_versions, thinned_versions
from packs import Pack, Packs, Version
from stage import Lost, wait_until
from test_disks import mounted

KILLS = int(os.environ.get("SOAK_KILLS", "40"))

# Sixty megabytes that compress to nothing less, of which a few pages change between two versions.
PROGRAM = """
import os, random, time
ballast, count = bytearray(os.urandom(60 << 20)), 0
while True:
    count += 1
    ballast[random.randrange(len(ballast))] ^= 255
    with open("count.txt", "a") as file:
        file.write(f"{count}\\n")
    time.sleep(0.01)
"""


def at_hand(stage):
    """What stays as plain files, too: the newest, the newest known-good one, and the one the agent began from."""
    kept = {max(stage.checkpoints()), stage.status().get("origin")}
    if (stage.home / "known-good").is_symlink():
        kept.add(int(os.readlink(stage.home / "known-good").rpartition("/")[2]))
    return kept - {None}


def is_settled(stage):
    """Whether everything is in packs, and nothing else lies about that need not."""
    versions, kept = stage.versions(), at_hand(stage)
    folders = {number: Version(stage.versions_folder / str(number)) for number in versions if stage.standing(number) != "broken"}
    return all(version.is_packed and (number in kept or not version.plain()) for number, version in folders.items())


def wait_until_settled(stage):
    def look():
        try:
            return is_settled(stage)
        except (FileNotFoundError, ValueError):
            return False  # versions come and go

    try:
        wait_until(look, "all versions are in packs")
    except Lost as lost:
        plain = {number: Version(stage.versions_folder / str(number)).plain() for number in stage.versions()}
        raise Lost(f"{lost}; plain: {plain}, at hand: {at_hand(stage)}; {stage.last_words()}") from None


def faults_of_all(stage):
    packs = Packs(stage.home / "packs")
    return {number: faults for number in stage.versions() if (faults := faults_of_version(stage.versions_folder / str(number), packs))}


# MARK: many versions


@pytest.mark.criu
@pytest.mark.root
def test_many_versions_of_a_large_process_take_little_room(stage):
    (stage.folder / "worker.py").write_text(PROGRAM)
    stage.write_spec(
        [str(stage.user.python), str(stage.folder / "worker.py")], workdir=str(stage.workspace), checkpoint={"every": "1h", "on_stop": False}
    )
    runner = stage.run()
    stage.wait_until_running()
    wait_until(lambda: (stage.workspace / "count.txt").exists(), "it works")
    known = {}
    for _ in range(10):
        version = stage.json("checkpoint", stage.name, "--mode", "process")["version"]
        known[version] = prints_of_version(stage.versions_folder / str(version))
    wait_until_settled(stage)
    assert len(thinned_versions(stage.versions_folder)) >= len(known) - 2
    assert faults_of_all(stage) == {}
    for version, prints in known.items():
        now = prints_of_version(stage.versions_folder / str(version))
        assert {**now, "standing": None} == {**prints, "standing": None}, version
    size = sum(stage.manifest(version)["size"] if "size" in stage.manifest(version) else row_size(stage, version) for version in known)
    assert size > 600 << 20
    # The packs hold the sixty megabytes once, and up to two versions lie there as plain files, too.
    assert disk_use(stage.home / "packs") < 90 << 20
    assert disk_use(stage.home) < size / 2.5
    assert Packs(stage.home / "packs").check_all() > (60 << 20) / 4096
    # One that was thinned out long ago is what it goes on from.
    third = sorted(known)[2]
    assert Version(stage.versions_folder / str(third)).plain() == []
    lines = int(Version(stage.versions_folder / str(third)).read("workspace/count.txt").split()[-1])
    assert stage.ask("restore", stage.name, third, "-y").returncode == 0
    assert stage.wait_until_running(2)["origin"] == third
    wait_until(lambda: len((stage.workspace / "count.txt").read_text().splitlines()) > lines + 10, "it goes on")
    counted = [int(line) for line in (stage.workspace / "count.txt").read_text().splitlines()]
    assert counted == list(range(1, len(counted) + 1))
    assert stage.ask("stop", stage.name, "--no-checkpoint").returncode == 0
    runner.wait()
    assert stage.ask("verify", stage.name).returncode == 0
    assert faults_of_all(stage) == {}


def row_size(stage, version):
    return next(row["size"] for row in stage.json("versions", stage.name) if row["version"] == version)


@pytest.mark.criu
@pytest.mark.root
def test_what_was_thinned_out_can_be_looked_into_and_taken_out(stage):
    """Export, import, image, diff, show and fork, of versions that are in packs alone."""
    stage.write_spec(checkpoint={"every": "1h"})
    (stage.workspace / "deep" / "er").mkdir(parents=True)
    (stage.workspace / "deep" / "er" / "random").write_bytes(os.urandom(100_000))
    (stage.workspace / "zeros").write_bytes(bytes(50_000))
    (stage.workspace / "none").touch()
    (stage.workspace / "link").symlink_to("zeros")
    runner = stage.run()
    for _ in range(4):
        stage.checkpoint_after_more_steps()
    wait_until_settled(stage)
    first, second = stage.versions()[:2]
    assert {first, second} <= set(thinned_versions(stage.versions_folder))
    before = prints_of_version(stage.versions_folder / str(first))

    assert stage.ask("export", f"{stage.name}@{first}", "-o", "a.tar.zst").returncode == 0
    other = stage.folder / "other"
    assert stage.ask("import", stage.folder / "a.tar.zst", "--store", other, "--as", "other").stdout == "other@1\n"
    after = prints_of_version(other / "agents" / "other" / "versions" / "1")
    own = ("manifest.json", "seal", "standing", "images")
    assert {name: value for name, value in after.items() if name not in own} == {name: value for name, value in before.items() if name not in own}
    assert list((stage.store / "staging").iterdir()) == []

    assert stage.ask("export", f"{stage.name}@{first}", "-f", "criu", "-o", "dump").returncode == 0
    for image in Version(stage.versions_folder / str(first)).images:
        stored = Version(stage.versions_folder / str(first)).read(f"process/{image['path']}")
        assert (stage.folder / "dump" / image["path"]).read_bytes() == stored, image["path"]
    assert stage.ask("image", "check", f"{stage.name}@{first}").returncode == 0
    shown = stage.ask("image", "show", f"{stage.name}@{first}")
    assert shown.returncode == 0 and "worker.py" in shown.stdout, shown
    assert stage.ask("image", "decode", f"{stage.name}@{first}/inventory.img").returncode == 0
    difference = stage.json("diff", f"{stage.name}@{first}", f"{stage.name}@{second}")
    assert any(file["path"] == "results.txt" for file in difference["files"]["files"]) and difference["processes"]
    assert stage.ask("show", f"{stage.name}@{first}").returncode == 0
    forked = stage.ask("fork", f"{stage.name}@{first}", "--as", "other-one", "--workspace", stage.folder / "forked")
    assert forked.returncode == 0, forked.stderr
    stage.ask("stop", "other-one", "--no-checkpoint")
    (version, *_) = sorted((stage.store / "agents" / "other-one" / "versions").iterdir(), key=lambda path: int(path.name))
    copied = prints_of_version(version)
    assert {name: copied[name] for name in before if name.startswith("workspace/")} == {
        name: value for name, value in before.items() if name.startswith("workspace/")
    }
    stage.order("enough")
    assert runner.wait() == 0


# MARK: kills


def test_a_kill_at_any_moment_of_packing_and_collecting_costs_no_version(stage):
    """Few versions are kept, so that some always go, packs are written anew, and others are put together."""
    seed = int(os.environ.get("SOAK_SEED", random.randrange(1 << 32)))
    chance = random.Random(seed)
    print(f"seed {seed}")
    keep = 5
    stage.write_spec(
        stage.worker("--pace", "0.01", "--save-every", "20", "--padding", "30000"),
        checkpoint={"every": "1s", "keep": keep, "mode": "cooperative"}, stop={"adopt_within": "5s", "deadline": "1s"},
        recovery={"flapping": {"deaths": 1000}},  # on a slow machine it dies more often than it gets on
    )  # fmt: skip
    for number in range(30):
        (stage.workspace / f"random-{number}").write_bytes(chance.randbytes(chance.randrange(300_000)))
    counts = collections.Counter()
    known, highest = [], 0
    for kill in range(KILLS):
        try:
            runner = stage.run()
            stage.wait_for_status(lambda status: status["supervisorPID"] == runner.pid and status["state"] == "running", "it runs")
            # Some content is new each time, so that there is something to write.
            for number in chance.sample(range(30), 4):
                (stage.workspace / f"random-{number}").write_bytes(chance.randbytes(chance.randrange(300_000)))
            packs = set((stage.home / "packs").glob("*-*"))
            seen = max(stage.versions(), default=0)
            wait_until(lambda: max(stage.versions(), default=0) > seen, "there is a new version")
            # Any moment is as good as any other, but most of what is looked for comes right after a version.
            time.sleep(chance.choice([chance.uniform(0, 0.1), chance.uniform(0, 0.4)]))
            agents = [process for process in stage.processes() if stage.is_agent(process)]
            assert not runner.ended, f"runner ended by itself with {runner.process.returncode}"
            runner.kill()
            for process in agents if chance.random() < 0.3 else []:
                if process.lives:
                    os.kill(process.pid, signal.SIGKILL)
            counts.update(what_a_kill_left(stage))
            counts["packs that went"] += len(packs - set((stage.home / "packs").glob("*")))
            numbers = stage.checkpoints()
            lost = {number for number in known if number not in numbers and sum(each > number for each in numbers) < keep}
            assert not lost, f"{lost} of {known}: there are {numbers}"
            known, highest = numbers, max(numbers)
            assert faults_of_all(stage) == {}
        except (AssertionError, Lost) as fault:
            raise AssertionError(f"kill {kill + 1} of {KILLS}, seed {seed}: {fault}; {stage.last_words()}") from fault
        if os.environ.get("SOAK_KILLS") and kill % 25 == 24:
            print(f"{kill + 1} kills, version {highest}, {dict(counts)}", flush=True)
    runner = stage.run()
    stage.wait_for_status(lambda status: status["supervisorPID"] == runner.pid and status["state"] == "running", "it runs")
    # What is not needed is bounded, once it lives long enough to put packs together.
    wait_until(lambda: len(list((stage.home / "packs").iterdir())) < 40 and disk_use(stage.home / "packs") < 30 << 20, "packs were put together")
    stage.order("enough")
    assert runner.wait() == 0
    print(f"{KILLS} kills, version {highest}, {dict(counts)}")
    assert faults_of_all(stage) == {}
    assert stage.ask("verify", stage.name).returncode == 0
    assert stage.steps() == list(range(len(stage.steps())))


def what_a_kill_left(stage):
    """In the middle of what it came: to know that kills come everywhere."""
    if (stage.home / "packs" / "new").exists():
        yield "in a pack"
    if any((stage.store / "trash").iterdir()):
        yield "with trash"
    if any((stage.store / "staging").iterdir()):
        yield "in a cut"
    plain = [Version(stage.versions_folder / str(number)) for number in stage.versions()]
    if any(not version.is_packed for version in plain):
        yield "before a pack"
    if any(version.is_packed and len(version.plain()) in (1, 2) for version in plain):
        yield "while thinning"


# MARK: a full disk


def leave(folder, free):
    """Takes all but so many bytes of the disk. Gives a function that gives them back."""
    filler = folder / "filler"
    with open(filler, "wb", buffering=0) as file:
        room = os.statvfs(folder)
        os.posix_fallocate(file.fileno(), 0, max(4096, room.f_bavail * room.f_frsize - free))
    return filler.unlink


def failures_to_pack(stage):
    return [event for event in stage.json("events", stage.name) if "could not pack " in str(event)]


def is_packed(stage, number):
    return Version(stage.versions_folder / str(number)).is_packed


@pytest.mark.root
def test_a_disk_that_fills_up_while_it_packs_loses_nothing(stage):
    blob = 2 << 20
    with mounted(stage.store, "-t", "tmpfs", "-o", "size=64m,mode=755", "none"):
        stage.write_spec(stage.worker("--pace", "0.01"), checkpoint={"every": "1h", "mode": "cooperative", "on_stop": False})
        runner = stage.run()
        stage.checkpoint_after_more_steps()
        wait_until_settled(stage)
        counts = collections.Counter()
        # A version takes its files, and then once more what is new of them: in between there is room for the first alone.
        for level in (1.02, 1.1, 1.3, 1.5, 1.7, 1.9, 2.0, 2.05, 2.2):
            (stage.workspace / "blob").write_bytes(os.urandom(blob))
            stage.wait_for_more_steps()
            before = prints_of_versions(stage.versions_folder)
            said = len(failures_to_pack(stage))
            empty = leave(stage.store, int(blob * level))
            asked = stage.ask("checkpoint", stage.name)
            assert asked.returncode in (0, 73), asked.stderr
            if asked.returncode == 73:
                counts["refused"] += 1
            else:
                large = max(stage.versions())
                wait_until(lambda: is_packed(stage, large) or len(failures_to_pack(stage)) > said, "it is in packs, or cannot be")
                counts["packed" if is_packed(stage, large) else "not packed"] += 1
            stage.wait_for_more_steps()
            assert faults_of_all(stage) == {}, level
            after = prints_of_versions(stage.versions_folder)
            assert {name: after.get(name) for name in before} == before, level
            # One for which there is room tries again, and then it is more than a disk that is full for a moment.
            (stage.workspace / "blob").unlink()
            if asked.returncode == 0 and not is_packed(stage, large):
                small = stage.ask("checkpoint", stage.name)
                if small.returncode == 0:
                    told = stage.wait_for_status(lambda status: status["warnings"], "it is told")["warnings"]
                    assert "could not pack " in str(told) and "the disk is full" in str(told) and "after the next version" in str(told), told
                    counts["told"] += 1
            empty()
            # With room it goes on.
            stage.checkpoint_after_more_steps()
            wait_until_settled(stage)
            stage.wait_for_status(lambda status: not status["warnings"], "the warning is gone")
            assert faults_of_all(stage) == {}, level
            assert not (stage.home / "packs" / "new").exists()
        print(dict(counts))
        assert counts["not packed"] > 1 and counts["told"] > 0, counts
        stage.order("enough")
        assert runner.wait() == 0
        assert stage.ask("verify", stage.name).returncode == 0
        assert stage.steps() == list(range(len(stage.steps())))


# MARK: damage


def edges(pack):
    """First and last byte of all a pack is made of."""
    ends = [0, len(Pack.MAGIC), pack.table_at, pack.identities_at, len(pack.content) - Pack.TRAILER, len(pack.content)]
    ends += [len(pack.content) - Pack.TRAILER + field for field in (8, 12, 16, 24, 32, 40)]
    for block in pack.blocks:
        ends += [block.offset, block.offset + block.length]
    return sorted({each for end in ends for each in (end - 1, end) if 0 <= each < len(pack.content)})


@pytest.mark.parametrize("what", ["a pack", "the list of chunks"])
def test_every_flipped_byte_is_found_and_never_restored(stage, what):
    chance = random.Random(what)
    stage.write_spec(checkpoint={"every": "1h", "mode": "cooperative", "on_stop": False})
    (stage.workspace / "random").write_bytes(os.urandom(30_000))
    (stage.workspace / "text").write_text("some text\n" * 3000)
    runner = stage.run()
    first = stage.checkpoint_after_more_steps()
    stage.checkpoint_after_more_steps()
    stage.checkpoint_after_more_steps()
    wait_until_settled(stage)
    assert stage.ask("stop", stage.name, "--no-checkpoint").returncode == 0
    runner.wait()
    folder = stage.versions_folder / str(first)
    assert Version(folder).plain() == []
    if what == "a pack":
        # All of its content is that version's: the first one was written for it alone.
        path = min((stage.home / "packs").iterdir(), key=lambda path: int(path.name.split("-")[0]))
        whole = path.read_bytes()
        offsets = edges(Pack(path)) + [at * len(whole) // 120 for at in range(120)]
    else:
        path = folder / "chunks"
        whole = path.read_bytes()
        offsets = range(len(whole))
    name = f"{stage.name}@{first}"
    assert stage.ask("verify", name).returncode == 0
    stored = (folder / "standing").read_bytes()
    mine = stage.workspace / "mine"
    mine.write_text("not to be touched by a restore that is refused")
    for tried, at in enumerate(sorted(set(offsets))):
        flipped = bytearray(whole)
        flipped[at] ^= 1 << chance.randrange(8)
        path.write_bytes(flipped)
        said = f"byte {at} of {len(whole)} of {path.name}"
        assert faults_of_version_or_unreadable(folder), f"{said} counts"
        found = stage.ask("verify", name)
        assert found.returncode == 65, (said, found)
        assert re.search(r"broken", found.stdout), (said, found)
        if tried % 8 == 0:
            # Not because it is marked now: because it is looked at.
            (folder / "standing").write_bytes(stored)
            refused = stage.ask("restore", stage.name, first, "-y")
            assert refused.returncode != 0 and mine.exists(), (said, refused)
        (folder / "standing").write_bytes(stored)
    path.write_bytes(whole)
    assert stage.ask("verify", name).returncode == 0
    assert stage.ask("restore", stage.name, first, "-y").returncode == 0
    assert not mine.exists()
    assert (stage.workspace / "results.txt").read_bytes() == Version(folder).read("workspace/results.txt")


def faults_of_version_or_unreadable(folder):
    try:
        return faults_of_version(folder)
    except (ValueError, KeyError, OSError) as error:
        return [repr(error)]

"""A store on a disk that fails, is full, or is another file system than usual: what is listed is whole, always.

HARM=1 makes the long form: every operation fails once in every way, every size of a disk is tried. Without it, some of them, others at each call.
"""

import contextlib
import hashlib
import os
import pathlib
import random
import shutil
import signal
import subprocess
import tarfile
import tempfile
import time

import pytest
import zstandard
from outside import committed_versions, faults_of_version, prints_of, prints_of_version, prints_of_versions
from packs import Packs
from stage import RUNNER, wait_until
from test_disks import WITH_SBIN, fill, mounted

pytestmark = pytest.mark.root
LONG = bool(os.environ.get("HARM"))
DRIVER = RUNNER.resolve().with_name("store-driver")
SOURCE = pathlib.Path(__file__).parent / "faulty_disk" / "faulty-disk.c"
EIO, ENOSPC = 5, 28


# MARK: a store and what is done to it


class Agent:
    """Images of processes and a workspace that change a little from version to version, as a seed says."""

    def __init__(self, folder, seed=1, large=0):
        self.folder, self.chance, self.large = folder, random.Random(seed), large
        self.workspace, self.images = folder / "workspace", folder / "images"
        for path in (self.workspace / "deep", self.images):
            path.mkdir(parents=True)
        self.pages = [self.chance.randbytes(2048) + bytes(2048) for _ in range(40)]
        self.step = 0

    def work(self):
        self.step += 1
        for _ in range(3):
            self.pages[self.chance.randrange(len(self.pages))] = self.chance.randbytes(2048) + bytes(2048)
        (self.images / "pages-1.img").write_bytes(b"".join(self.pages))
        (self.images / "core-1.img").write_bytes(b"core %d" % self.step)
        (self.workspace / "deep" / f"note-{self.step % 4}").write_bytes(self.chance.randbytes(20_000))
        if self.large:
            # In place, as a database does: what a version shares with it must stay what it was.
            with open(self.workspace / "large", "r+b" if self.step > 1 else "wb") as file:
                file.seek(self.chance.randrange(self.large) if self.step > 1 else 0)
                file.write(self.chance.randbytes(self.large if self.step == 1 else 5000))
            if self.step == 1:
                os.link(self.workspace / "large", self.workspace / "deep" / "large-too")
        with open(self.workspace / "log", "a") as file:
            file.write(f"step {self.step}\n")


def drive(store, *words, expect_success=True):
    """The store's test tool: commit, keep, restore, verify."""
    if not DRIVER.exists():
        pytest.skip(f"needs the store's test tool ('{DRIVER}'): swift build --product store-driver")
    ended = subprocess.run([str(DRIVER), words[0], str(store), *map(str, words[1:])], capture_output=True, text=True)
    if expect_success:
        assert ended.returncode == 0, ended.stderr
    return ended


def runner(store, *words):
    return subprocess.run([str(RUNNER), *map(str, words), "--store", str(store)], capture_output=True, text=True)


def versions_of(store):
    return store / "agents" / "bench" / "versions"


def expect_one_sentence(ended, context):
    """Whoever could not do it says so, once."""
    if ended.returncode != 0:
        assert ended.returncode > 0, f"{context}: it died of signal {-ended.returncode}"
        lines = [line for line in ended.stderr.splitlines() if ": could not " in line]
        # 'verify' tells what it found on its standard output.
        found = "broken" in ended.stdout or "damaged" in ended.stdout
        assert len(lines) == 1 and lines[0][-1] != "." or found and not lines, f"{context}: {ended.stdout}{ended.stderr}"


def expect_whole(store, known, context, gone=()):
    """What was there is there, but for what may be gone; what is new is whole."""
    packs = Packs(store / "agents" / "bench" / "packs")
    present = committed_versions(versions_of(store))
    for version in set(known) - set(gone):
        assert version in present, f"{context}: version {version} is lost"
    for version in present:
        folder = versions_of(store) / str(version)
        if version in known:
            now = prints_of_version(folder, packs)
            differing = [name for name in known[version] if now.get(name) != known[version][name]]
            assert not differing and now.keys() == known[version].keys(), f"{context}: version {version} differs: {differing}"
        else:
            assert faults_of_version(folder, packs) == [], f"{context}: version {version} is half there"


def look(store):
    """The print of every version."""
    packs = Packs(store / "agents" / "bench" / "packs")
    return {version: prints_of_version(versions_of(store) / str(version), packs) for version in committed_versions(versions_of(store))}


@pytest.fixture
def place():
    folder = pathlib.Path(tempfile.mkdtemp(prefix="runner-harm-"))
    yield folder
    shutil.rmtree(folder, ignore_errors=True)


def store_with_versions(store, agent, count=5):
    for _ in range(count):
        agent.work()
        drive(store, "commit", agent.images, agent.workspace)
    return look(store)


# MARK: a disk that fails


class FaultyDisk:
    """faulty-disk.c over a directory."""

    def __init__(self, program, behind, place):
        self.behind, self.place = behind, place
        for path in (behind, place):
            path.mkdir()
        # Its own words about how it was unmounted are nobody's business.
        self.process = subprocess.Popen([program, behind, place], stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)
        try:
            wait_until(lambda: os.path.ismount(place) or self.process.poll() is not None, "it is mounted")
        except BaseException:
            self.end()
            raise
        if self.process.poll() is not None:
            pytest.skip(f"needs fuse: {self.process.stderr.read().strip()}")

    def tell(self, line):
        self.process.stdin.write(line + "\n")
        self.process.stdin.flush()
        return self.process.stdout.readline().strip()

    def counts(self):
        return {name: int(value) for name, value in (word.split("=") for word in self.tell("count").split())}

    def end(self):
        subprocess.run(["umount", "--lazy", str(self.place)], capture_output=True)
        try:
            self.process.wait(10)
        except subprocess.TimeoutExpired:
            self.process.kill()
            self.process.wait()


@pytest.fixture(scope="session")
def faulty_disk_program():
    folder = pathlib.Path(tempfile.mkdtemp(prefix="runner-harm-"))
    flags = subprocess.run(["pkg-config", "--cflags", "--libs", "fuse3"], capture_output=True, text=True)
    if flags.returncode != 0 or not os.access("/dev/fuse", os.W_OK):
        pytest.skip("needs fuse: libfuse3-dev and /dev/fuse")
    program = folder / "faulty-disk"
    subprocess.run(["cc", "-O1", "-o", str(program), str(SOURCE), *flags.stdout.split(), "-lpthread"], check=True)
    yield program
    shutil.rmtree(folder)


@pytest.fixture
def faulty(faulty_disk_program, place):
    disk = FaultyDisk(faulty_disk_program, place / "behind", place / "faulty")
    yield disk
    disk.end()


def refill(folder, template):
    for path in folder.iterdir():
        shutil.rmtree(path) if path.is_dir() else path.unlink()
    subprocess.run(["cp", "-a", f"{template}/.", str(folder)], check=True)


DEEDS = {
    "commit": lambda store, place: drive(store, "commit", place / "agent/images", place / "agent/workspace", expect_success=False),
    "keep": lambda store, place: drive(store, "keep", 2, expect_success=False),
    "restore": lambda store, place: drive(store, "restore", 2, place / "target", expect_success=False),
    "verify": lambda store, place: runner(store, "verify", "bench"),
    "prune": lambda store, place: runner(store, "prune", "bench", "--keep", "2"),
    "export": lambda store, place: runner(store, "export", "bench@2", "-o", place / "exported.tar"),
    "rm": lambda store, place: runner(store, "rm", "bench", "-y"),
}
# Which operations fail, and how. Each of them once in the long form, but for looks, which are thousands.
TROUBLES = [(kind, EIO) for kind in ("read", "write", "sync", "change", "look")]
TROUBLES += [("change", ENOSPC), ("write", ENOSPC), ("read", "short"), ("write", "short"), ("any", f"{EIO},ever")]
MANY = 200


@pytest.mark.parametrize("deed", DEEDS)
def test_every_operation_may_fail(faulty, place, deed):
    store = faulty.place / "store"
    behind = faulty.behind / "store"
    template = place / "template"
    agent = Agent(place / "agent")
    known = store_with_versions(template / "store", agent)
    agent.work()
    refill(faulty.behind, template)
    assert faulty.tell("reset") == "ok"
    whole = DEEDS[deed](store, place)
    assert whole.returncode == 0, whole.stderr
    counts = faulty.counts()
    gone = [1, 2, 3] if deed in ("keep", "prune") else []
    tried = 0
    for kind, how in TROUBLES:
        moments = range(1, counts[kind] + 1)
        for moment in random.sample(moments, min(MANY if LONG else 1, len(moments))):
            context = f"{deed}, {kind} {moment} of {counts[kind]}, {how}"
            refill(faulty.behind, template)
            shutil.rmtree(place / "target", ignore_errors=True)
            (place / "exported.tar").unlink(missing_ok=True)
            faulty.tell(f"{kind} {how} {moment}")
            ended = DEEDS[deed](store, place)
            faulty.tell("reset")
            expect_one_sentence(ended, context)
            if how == "short":
                assert ended.returncode == 0, f"{context}: {ended.stderr}"
            if deed == "rm":
                if not (behind / "agents" / "bench").exists():
                    assert runner(store, "undelete", "bench").returncode == 0, context
            expect_whole(behind, known, context, gone)
            # And when the disk is well again, all is well.
            (place / "exported.tar").unlink(missing_ok=True)
            if deed != "rm":
                again = DEEDS[deed](store, place)
                assert again.returncode == 0, f"{context}, again: {again.stderr}"
            drive(store, "keep", 100)
            checked = runner(store, "verify", "bench")
            assert checked.returncode == 0, f"{context}: {checked.stdout}{checked.stderr}"
            expect_whole(behind, known, f"{context}, again", gone)
            if deed == "restore":
                restored = {name: value for name, value in prints_of(place / "target").items() if value != "directory"}
                assert restored == {
                    name.removeprefix("workspace/"): value for name, value in known[2].items() if name.startswith("workspace/")
                }, context
            tried += 1
    print(f"{deed}: {tried} faults, of {counts}")


# MARK: a disk that is full


def leave(store, kibibytes):
    """Fills the file system but for so much. Gives a function that gives it back."""
    filler = store.parent / "filler"
    free = shutil.disk_usage(store).free
    with contextlib.suppress(OSError), open(filler, "wb", buffering=0) as file:
        os.posix_fallocate(file.fileno(), 0, max(1, free - (kibibytes << 10)))
    return filler.unlink


@pytest.mark.parametrize("deed", ["commit", "keep", "restore", "prune"])
def test_a_disk_may_be_full_at_every_write(place, deed):
    """So much is left as one write after the other takes, from none on."""
    agent = Agent(place / "agent")
    template = place / "template"
    known = store_with_versions(template / "store", agent)
    agent.work()
    gone = [1, 2, 3] if deed in ("keep", "prune") else []
    results = set()
    with mounted(place / "disk", "-t", "tmpfs", "-o", "size=8m,mode=755", "none"):
        store = place / "disk" / "store"
        for kibibytes in range(0, 1200, 4 if LONG else 240):
            context = f"{deed} with {kibibytes} KiB"
            refill(place / "disk", template)
            shutil.rmtree(place / "target", ignore_errors=True)
            make_room = leave(store, kibibytes)
            ended = DEEDS[deed](store, place)
            results.add(ended.returncode)
            expect_one_sentence(ended, context)
            if ended.returncode != 0:
                assert "the disk is full" in ended.stderr or "is full (" in ended.stderr, f"{context}: {ended.stderr}"
            expect_whole(store, known, context, gone)
            for version in set(committed_versions(versions_of(store))) & {4, 5}:
                # Old versions can be had, however full the disk is: a workspace elsewhere.
                assert runner(store, "cat", f"bench@{version}:log").returncode == 0, context
            make_room()
            again = DEEDS[deed](store, place)
            assert again.returncode == 0, f"{context}, again: {again.stderr}"
            assert runner(store, "verify", "bench").returncode == 0, context
            expect_whole(store, known, f"{context}, again", gone)
    # The least was too little, the most was enough.
    assert 0 in results, results
    assert deed in ("restore", "keep", "prune") or len(results) > 1, results


# MARK: other file systems


@contextlib.contextmanager
def file_system(kind, place):
    maker = shutil.which(f"mkfs.{kind}", path=WITH_SBIN["PATH"])
    if maker is None:
        pytest.skip(f"needs mkfs.{kind}")
    image = place / f"image.{kind}"
    with open(image, "wb") as file:
        file.truncate(320 << 20)  # the least that xfs takes is 300 MB
    made = subprocess.run([maker, "-q", "-f", str(image)], capture_output=True, text=True, env=WITH_SBIN)
    assert made.returncode == 0, made.stderr
    with mounted(place / kind, "-o", "loop", str(image)) as folder:
        yield folder


@pytest.mark.parametrize("kind", ["btrfs", "xfs"])
def test_the_life_of_a_store_on_another_file_system(place, kind):
    with file_system(kind, place) as disk:
        store = disk / "store"
        agent = Agent(disk / "agent", large=700_000)
        known = store_with_versions(store, agent)
        # Killed in the middle, again and again.
        chance = random.Random()
        whole = time.monotonic()
        agent.work()
        drive(store, "commit", agent.images, agent.workspace)
        whole = time.monotonic() - whole
        for number in range(100 if LONG else 8):
            known = look(store)
            agent.work()
            words = ["commit", store, agent.images, agent.workspace] if number % 3 else ["keep", store, "4"]
            process = subprocess.Popen([str(DRIVER), *map(str, words)], stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
            with contextlib.suppress(subprocess.TimeoutExpired):
                process.wait(chance.uniform(0, whole))
            process.send_signal(signal.SIGKILL)
            process.wait()
            expect_whole(store, known, f"{kind}, kill {number + 1}", gone=[] if number % 3 else sorted(known)[:-4])
        drive(store, "keep", 3)
        known = look(store)
        oldest = min(known)
        assert runner(store, "verify", "bench").returncode == 0
        drive(store, "restore", oldest, disk / "target")
        wanted = {name.removeprefix("workspace/"): value for name, value in known[oldest].items() if name.startswith("workspace/")}
        assert {name: value for name, value in prints_of(disk / "target").items() if value != "directory"} == wanted
        exported = runner(store, "export", f"bench@{oldest}", "-o", place / "exported.tar")
        assert exported.returncode == 0, exported.stderr
        with open(place / "exported.tar", "rb") as file, zstandard.ZstdDecompressor().stream_reader(file) as expanded:
            with tarfile.open(fileobj=expanded, mode="r|") as archive:
                held = {hashlib.sha256(archive.extractfile(entry).read()).hexdigest() for entry in archive if entry.isfile()}
        assert set(wanted.values()) - {"directory"} <= held
        assert runner(store, "prune", "bench", "--keep", "1").returncode == 0
        assert committed_versions(versions_of(store)) == [max(known)]
        # Full, and empty again.
        empty = fill(disk / "filler")
        ended = drive(store, "commit", agent.images, agent.workspace, expect_success=False)
        expect_one_sentence(ended, f"{kind}, full")
        expect_whole(store, known, f"{kind}, full", gone=set(known) - {max(known)})
        empty()
        drive(store, "commit", agent.images, agent.workspace)
        assert runner(store, "verify", "bench").returncode == 0


# MARK: days


def test_versions_of_days_take_bounded_room(place):
    """The long form is two weeks (dev/soak); figures are in docs/store-format.md."""
    hours = 336 if LONG else 5
    lived = drive(place / "store", "live", hours, 8 if LONG else 1)
    print(lived.stdout)

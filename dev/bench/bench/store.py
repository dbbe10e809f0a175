"""The store by itself, beside restic and borg on the same data: versions of a process of 200 MB, a thousand small versions."""

import json
import os
import pathlib
import random
import shutil
import subprocess
import time

from .measures import gives
from .stage import Missing, median, milliseconds

PAGE = 4096
PAGES = 51_200
DIRTY = PAGES * 2 // 100
VERSIONS = 10
ROUNDS = 6
# Of all programs of the store that were run, what each had at most, in MB.
MOST = []


def driver(stage, *words):
    """Milliseconds by the name of what was done, of the store's own code in a program of its own."""
    program = stage.root / ".build" / "release" / "store-driver"
    took = {}
    for line in stage.call(str(program), *words).splitlines():
        name, figure = line.split()
        took.setdefault(name, []).append(float(figure))
    # Told by itself: what the kernel counts for a child begins with what its parent had.
    MOST.extend(took.pop("memory", []))
    return took


def peer(stage, program, package):
    path = shutil.which(program)
    if not path:
        subprocess.run([str(stage.root / "dev" / "setup"), package], check=False)
        path = shutil.which(program)
    if not path:
        raise Missing(f"{package} is not installed and could not be")
    return path


def bytes_below(folder):
    return sum(path.stat().st_size for path in pathlib.Path(folder).rglob("*") if path.is_file())


# MARK: Pages


class Memory:
    """The images of a process of 200 MB as CRIU leaves them: memory of several kinds in one file, and small files beside it."""

    def __init__(self, folder, seed):
        self.folder, self.random, self.number = folder, random.Random(seed), 0
        words = [self.random.randbytes(self.random.randint(3, 9)).hex().encode() for _ in range(4000)]
        kinds = []
        for _ in range(64):
            kinds.append(self.random.randbytes(PAGE))
            kinds.append(b" ".join(self.random.choices(words, k=600))[:PAGE].ljust(PAGE, b"."))
        self.pages = bytearray()
        for page in range(PAGES):
            # No two alike: what is the same page twice would be free.
            content = bytearray(kinds[page % len(kinds)])
            content[:8] = page.to_bytes(8, "little")
            self.pages += self.random.randbytes(PAGE) if page % 10 < 4 else content

    def write(self):
        self.number += 1
        folder = self.folder / f"images-{self.number}"
        folder.mkdir(parents=True)
        (folder / "pages-1.img").write_bytes(self.pages)
        for process in range(20):
            (folder / f"core-{1000 + process}.img").write_bytes(self.random.randbytes(900))
        return folder

    def work(self, scattered):
        """Changes a little in 2 % of the pages."""
        first = self.random.randrange(PAGES - DIRTY)
        for page in self.random.sample(range(PAGES), DIRTY) if scattered else range(first, first + DIRTY):
            at = page * PAGE + self.random.randrange(PAGE - 64)
            self.pages[at : at + 48] = self.random.randbytes(48)


def pages(stage, scattered):
    folder = stage.folder / f"pages-{int(scattered)}"
    memory = Memory(folder, seed=1 + int(scattered))
    restic = Restic(stage, folder)
    store = folder / "store"
    store.mkdir(mode=0o700)
    follower = Follower(stage, store)
    ours, theirs, sizes, their_sizes = [], [], [], []
    for number in range(VERSIONS):
        if number:
            memory.work(scattered)
        images = memory.write()
        took, grown = follower.back_up(images)
        backed_up, their_growth = restic.back_up(images)
        # We took the dump over and removed the one before; whoever backs it up removes it.
        begin = time.monotonic_ns()
        shutil.rmtree(images)
        backed_up += milliseconds(time.monotonic_ns() - begin)
        if number:
            ours.append(sum(took.values()))
            sizes.append(grown / 1e6)
            theirs.append(backed_up)
            their_sizes.append(their_growth / 1e6)
    follower.end()
    back, their_back = [], []
    # The newest lies there as it is.
    for version in (1, VERSIONS // 2, VERSIONS - 1):
        back.append(driver(stage, "restore", str(store), str(version), "-")["images"][0])
        their_back.append(restic.restore(version))
    shutil.rmtree(folder)
    word = "scattered" if scattered else "contiguous"
    return {
        f"pages-{word}": {"value": median(ours), "worst": max(ours), "floor": median(theirs) / 6},
        f"pages-{word}-bytes": {"value": median(sizes), "worst": max(sizes), "floor": DIRTY * PAGE / 1e6, "restic": median(their_sizes)},
        f"pages-{word}-restore": {"value": median(back), "worst": max(back), "floor": median(their_back) / 2},
    }


class Follower:
    """Our store in a program that stays, as the runner does."""

    def __init__(self, stage, store, workspace="-"):
        program = stage.root / ".build" / "release" / "store-driver"
        self.store, self.process = store, subprocess.Popen([str(program), "follow", str(store), str(workspace)], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)

    def kept(self):
        """Bytes of what stays of a version: not the plain files of the newest, which go with the next one."""
        agent = self.store / "agents" / "bench"
        return bytes_below(agent / "packs") + sum(path.stat().st_size for path in agent.glob("versions/*/*") if path.name in ("chunks", "manifest.json", "seal", "standing"))

    def back_up(self, images=""):
        os.sync()  # for us and the others: nothing of what came before is still on its way to the disk
        before = self.kept()
        self.process.stdin.write(f"{images}\n")
        self.process.stdin.flush()
        took = {}
        while (line := self.process.stdout.readline().strip()) != "done":
            name, figure = line.split()
            took[name] = took.get(name, 0) + float(figure)
        return took, self.kept() - before

    def end(self):
        self.process.stdin.close()
        MOST.append(float(self.process.stdout.read().split()[1]))
        self.process.wait()


class Restic:
    def __init__(self, stage, folder):
        self.stage, self.program, self.repository = stage, peer(stage, "restic", "restic"), folder / "restic"
        self.environment = {**os.environ, "RESTIC_PASSWORD": "bench", "RESTIC_REPOSITORY": str(self.repository), "RESTIC_CACHE_DIR": str(folder / "cache")}
        self.snapshots = []
        self.run("init", "-q")

    def run(self, *words):
        return subprocess.run([self.program, *words], check=True, capture_output=True, text=True, env=self.environment).stdout

    def back_up(self, folder):
        """Milliseconds, and bytes its repository grew by."""
        os.sync()
        before = bytes_below(self.repository)
        begin = time.monotonic_ns()
        self.run("backup", "-q", str(folder))
        took = milliseconds(time.monotonic_ns() - begin)
        self.snapshots = [snapshot["id"] for snapshot in sorted(json.loads(self.run("snapshots", "--json")), key=lambda snapshot: snapshot["time"])]
        return took, bytes_below(self.repository) - before

    def restore(self, number):
        target = self.repository.parent / "restored"
        begin = time.monotonic_ns()
        self.run("restore", "-q", self.snapshots[number - 1], "--target", str(target))
        took = milliseconds(time.monotonic_ns() - begin)
        shutil.rmtree(target)
        return took


@gives("pages-scattered", "pages-scattered-bytes", "pages-scattered-restore")
def scattered(stage):
    """versions of a process of 200 MB that changes 2 % of its pages here and there"""
    return pages(stage, True)


@gives("pages-contiguous", "pages-contiguous-bytes", "pages-contiguous-restore")
def contiguous(stage):
    """the same where the pages lie side by side"""
    return pages(stage, False)


@gives("hashing")
def hashing(stage):
    """a version of 200 MB of which nothing is new and nothing is where it was"""
    folder = stage.folder / "hashing"
    memory = Memory(folder, seed=3)
    store = folder / "store"
    store.mkdir(mode=0o700, parents=True)
    took, floors = [], []
    for number in range(ROUNDS):
        if number:
            blocks = [memory.pages[at : at + (1 << 20)] for at in range(0, len(memory.pages), 1 << 20)]
            memory.random.shuffle(blocks)
            memory.pages = bytearray(b"".join(blocks))
        images = memory.write()
        follower = Follower(stage, store)  # anew: it remembers no page, so it has to hash them all
        parts, _ = follower.back_up(images)
        follower.end()
        if number:
            took.append(parts["pack"])
            floors.append(min(driver(stage, "hash", str(images / "pages-1.img"))["hash"]))
        shutil.rmtree(images)
    shutil.rmtree(folder)
    return {"hashing": {"value": median(took), "worst": max(took), "floor": median(floors) / 0.7}}


# MARK: Files

FILES = 20_000
CHANGED = FILES // 100


class Workspace:
    """A tree as agents work in: many small files, a few large ones."""

    def __init__(self, folder):
        self.folder, self.random = folder, random.Random(7)
        words = [self.random.randbytes(self.random.randint(2, 5)).hex() for _ in range(5000)]
        self.files = []
        for number in range(FILES):
            place = folder / f"part-{number % 40}" / f"module-{number % 400}"
            if number < 400:
                place.mkdir(parents=True, exist_ok=True)
            path = place / f"file-{number}.txt"
            size = self.random.choice((400, 2000, 6000, 12_000, 40_000))
            path.write_bytes(" ".join(self.random.choices(words, k=size // 8)).encode())
            self.files.append(path)

    def work(self):
        """Changes something in 1 % of the files. - Returns: bytes of those files."""
        size = 0
        for path in self.random.sample(self.files, CHANGED):
            with path.open("r+b") as file:
                length = file.seek(0, os.SEEK_END)
                file.seek(self.random.randrange(max(1, length - 40)))
                file.write(self.random.randbytes(20).hex().encode())
            size += path.stat().st_size
        return size


class Borg:
    def __init__(self, stage, folder):
        self.program, self.repository, self.number = peer(stage, "borg", "borgbackup"), folder / "borg", 0
        self.environment = {
            **os.environ, "BORG_REPO": str(self.repository), "BORG_BASE_DIR": str(folder / "borg-base"), "BORG_UNKNOWN_UNENCRYPTED_REPO_ACCESS_IS_OK": "yes",
        }
        self.run("init", "--encryption", "none")

    def run(self, *words):
        return subprocess.run([self.program, *words], check=True, capture_output=True, text=True, env=self.environment).stdout

    def back_up(self, folder):
        os.sync()
        before = bytes_below(self.repository)
        self.number += 1
        begin = time.monotonic_ns()
        self.run("create", "--compression", "zstd", f"::{self.number}", str(folder))
        return milliseconds(time.monotonic_ns() - begin), bytes_below(self.repository) - before


@gives("files", "files-cut", "files-bytes")
def files(stage):
    """versions of a workspace of 20,000 files of which 1 % change"""
    folder = stage.folder / "files"
    store = folder / "store"
    store.mkdir(mode=0o700, parents=True)
    workspace = Workspace(folder / "workspace")
    time.sleep(3)  # what was written a moment ago is read again at the next cut, and nobody's agent writes all of its files in a moment
    restic, borg, ours = Restic(stage, folder), Borg(stage, folder), Follower(stage, store, workspace.folder)
    took, cuts, sizes, theirs, their_sizes = [], [], [], {"restic": [], "borg": []}, {"restic": [], "borg": []}
    for number in range(ROUNDS):
        if number:
            workspace.work()
        parts, grown = ours.back_up()
        peers = {"restic": restic.back_up(workspace.folder), "borg": borg.back_up(workspace.folder)}
        if number:
            took.append(sum(parts.values()))
            cuts.append(parts["cut"])
            sizes.append(grown / 1e6)
            for name, (duration, growth) in peers.items():
                theirs[name].append(duration)
                their_sizes[name].append(growth / 1e6)
    ours.end()
    shutil.rmtree(folder)
    each = {name: median(all) for name, all in theirs.items()}
    sized = {name: median(all) for name, all in their_sizes.items()}
    return {
        "files": {"value": median(took), "worst": max(took), "floor": min(each.values()) / 3, **each},
        "files-cut": {"value": median(cuts), "worst": max(cuts)},
        "files-bytes": {"value": median(sizes), "worst": max(sizes), "floor": min(sized.values()), **sized},
    }


# MARK: Many versions


@gives("list-1000", "prune-900", "store-memory")
def many(stage):
    """a thousand versions: listing them, removing 900"""
    folder = stage.folder / "many"
    workspace = folder / "workspace"
    workspace.mkdir(parents=True)
    for number in range(20):
        (workspace / f"file-{number}").write_bytes(random.Random(number).randbytes(8000))
    store = folder / "store"
    store.mkdir(mode=0o700)
    driver(stage, "many", str(store), "1000", str(workspace))
    listed = driver(stage, "list", str(store), "10")["list"]
    pruned = driver(stage, "keep", str(store), "100")["prune"][0]
    shutil.rmtree(folder)
    return {"list-1000": {"value": median(listed), "worst": max(listed)}, "prune-900": {"value": pruned}, "store-memory": {"value": max(MOST)}}

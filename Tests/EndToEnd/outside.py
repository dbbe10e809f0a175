"""What can be seen without asking runner: the kernel's list of processes and the bytes of the store. The tests believe these."""

import dataclasses
import hashlib
import json
import os
import pathlib
import threading

from packs import Damaged, Packs, Version, fits

PROC = pathlib.Path("/proc")


@dataclasses.dataclass(frozen=True)
class Process:
    pid: int
    started: int  # clock ticks since boot: tells two users of one number apart
    command: tuple

    @property
    def lives(self):
        return look_at(self.pid) == self


def look_at(pid):
    """The process, or None when it is gone or only a zombie of itself."""
    try:
        fields = (PROC / str(pid) / "stat").read_text().rpartition(") ")[2].split()
        command = (PROC / str(pid) / "cmdline").read_bytes()
    except (FileNotFoundError, ProcessLookupError):
        return None
    if fields[0] in "ZX":
        return None
    return Process(pid, int(fields[19]), tuple(word.decode(errors="replace") for word in command.split(b"\0")[:-1]))


def is_rehearsed(pid):
    """Whether it is restored beside the living agent to know that it can be: it never runs. Its control group tells (docs/recovery.md#rehearsal)."""
    try:
        return "@rehearsal" in (PROC / str(pid) / "cgroup").read_text()
    except OSError:
        return False  # gone meanwhile


def processes_with(*marks):
    """Every process whose command line or environment holds one of `marks`."""
    found = []
    wanted = [mark.encode() for mark in marks]
    for entry in PROC.iterdir():
        if not entry.name.isdigit() or int(entry.name) == os.getpid():
            continue
        try:
            text = (entry / "cmdline").read_bytes() + b"\0" + (entry / "environ").read_bytes()
        except OSError:
            continue  # gone meanwhile, or a kernel thread
        if any(mark in text for mark in wanted):
            process = look_at(int(entry.name))
            if process is not None:
                found.append(process)
    return found


class TwoCopiesWatch:
    """Looks again and again whether more than one process that `is_agent` accepts is alive at one moment."""

    def __init__(self, mark, is_agent):
        self._mark = mark
        self._is_agent = is_agent
        self._over = threading.Event()
        self.seen_together = []
        self.looks = 0
        self._thread = threading.Thread(target=self._watch, daemon=True)

    def __enter__(self):
        self._thread.start()
        return self

    def __exit__(self, *_):
        self._over.set()
        self._thread.join()

    def _watch(self):
        # A pace, not a synchronisation: the agent's own lock tells with certainty, this shows what it looks like from outside.
        while not self._over.wait(0.05):
            self.looks += 1
            first = [process for process in processes_with(self._mark) if self._is_agent(process) and not is_rehearsed(process.pid)]
            # One that ended while the list was read is no second copy: all must still be there after the last was seen.
            both = [process for process in first if process.lives]
            if len(both) > 1:
                self.seen_together.append(both)


# MARK: the store


def sha256(path):
    digest = hashlib.sha256()
    with open(path, "rb") as file:
        while piece := file.read(1 << 20):
            digest.update(piece)
    return digest.hexdigest()


def prints_of(folder):
    """Every file below `folder` with its hash, every link with its target, every directory: what 'byte-identical' means here."""
    prints = {}
    for path in sorted(folder.rglob("*")):
        name = str(path.relative_to(folder))
        if path.is_symlink():
            prints[name] = "-> " + os.readlink(path)
        elif path.is_dir():
            prints[name] = "directory"
        else:
            prints[name] = sha256(path)
    return prints


def checked_line(path):
    """CHECK SPACE JSON: the value when the check holds. docs/store-format.md"""
    check, _, text = path.read_bytes().rstrip(b"\n").partition(b" ")
    assert hashlib.sha256(text).hexdigest()[:16].encode() == check, f"{path} does not match its check"
    return json.loads(text)


def content(folder, name, packs=None):
    """Of one file of a version, wherever it lies: content(folder, "workspace/results.txt")."""
    return Version(folder, packs).read(name)


def text_of(folder, name):
    return content(folder, name).decode()


def faults_of_version(folder, packs=None):
    """What is wrong with a version, by the documented format alone. Empty: every byte is as it was stored.

    `packs`: those of its agent, when many versions are looked at in a row.
    """
    faults = []
    manifest_bytes = (folder / "manifest.json").read_bytes()
    if (folder / "seal").read_text() != hashlib.sha256(manifest_bytes).hexdigest() + "\n":
        faults.append("the seal does not match manifest.json")
    version = Version(folder, packs)
    manifest = version.manifest
    if str(manifest["version"]) != folder.name:
        faults.append(f"the manifest is that of version {manifest['version']}")
    try:
        checked_line(folder / "standing")
    except AssertionError as fault:
        faults.append(str(fault))

    def look(name, is_right, what):
        try:
            if not is_right(version.read(name)):
                faults.append(f"{name} is not what {what} says")
        except (Damaged, OSError) as fault:
            faults.append(f"{name}: {fault}")

    for part, name in (("state", "state"), ("workspace", "tree"), ("process", "images")):
        if stored := manifest.get(part):
            measure = (stored["size"], stored["sha256"])
            look(name, lambda bytes: (len(bytes), hashlib.sha256(bytes).hexdigest()) == measure, "the manifest")
    for part, entries in (("workspace", version.tree), ("process", version.images)):
        for entry in entries:
            if entry["kind"] == "file":
                look(f"{part}/{entry['path']}", lambda bytes: fits(bytes, entry), "the list")
    if (folder / "process").is_dir():
        listed = {entry["path"] for entry in version.images}
        faults += [f"process/{name} is in no list" for name in names_in(folder / "process") if name not in listed]
    if version.is_packed:
        try:
            version.check_packed()
        except (Damaged, OSError) as fault:
            faults.append(f"packs: {fault}")
    return faults


def prints_of_version(folder, packs=None):
    """As `prints_of`, of all a version holds, wherever its bytes lie: the same before and after they were moved."""
    prints = {name: sha256(folder / name) for name in ("manifest.json", "seal", "standing")}
    try:
        version = Version(folder, packs)
        parts = (("workspace", version.tree), ("process", version.images))
    except (ValueError, KeyError, OSError):
        return prints  # it is broken

    def add(name):
        try:
            prints[name] = hashlib.sha256(version.read(name)).hexdigest()
        except (Damaged, OSError) as fault:
            prints[name] = f"cannot be read: {fault}"

    for part, name in (("state", "state"), ("workspace", "tree"), ("process", "images")):
        if version.manifest.get(part):
            add(name)
    for part, entries in parts:
        for entry in entries:
            if entry["kind"] == "file":
                add(f"{part}/{entry['path']}")
    return prints


def prints_of_versions(versions_folder):
    packs = Packs(versions_folder.parent / "packs")
    return {
        f"{number}/{name}": value
        for number in committed_versions(versions_folder)
        for name, value in prints_of_version(versions_folder / str(number), packs).items()
    }


def names_in(folder):
    """Empty when it was taken away meanwhile."""
    try:
        return os.listdir(folder)
    except FileNotFoundError:
        return []


def thinned_versions(versions_folder):
    """The versions of which no content lies in their directory any more."""
    return [number for number in committed_versions(versions_folder) if not Version(versions_folder / str(number)).plain()]


def disk_use(folder):
    """Bytes that everything below takes; what goes away meanwhile takes none."""
    total = 0
    for place, folders, files in os.walk(folder):
        for name in folders + files:
            try:
                total += os.lstat(os.path.join(place, name)).st_blocks * 512
            except FileNotFoundError:
                continue
    return total


def committed_versions(versions_folder):
    """The numbers of all versions that are there, ascending."""
    if not versions_folder.exists():
        return []
    return sorted(int(path.name) for path in versions_folder.iterdir() if path.name.isdigit())

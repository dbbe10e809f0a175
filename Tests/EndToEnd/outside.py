"""What can be seen without asking runner: the kernel's list of processes and the bytes of the store. The tests believe these."""

import ctypes
import dataclasses
import hashlib
import json
import os
import pathlib
import threading

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


class Halves(ctypes.Structure):
    _fields_ = [("low", ctypes.c_uint64), ("high", ctypes.c_uint64)]


def xxh3(path):
    """Of a file's content, by the library and not by runner's own code."""
    library = ctypes.CDLL("libxxhash.so.0")
    library.XXH3_128bits.restype = Halves
    library.XXH3_128bits.argtypes = [ctypes.c_char_p, ctypes.c_size_t]
    content = path.read_bytes()
    halves = library.XXH3_128bits(content, len(content))
    return f"{halves.high:016x}{halves.low:016x}"


def faults_of_version(folder):
    """What is wrong with a version, by the documented format alone. Empty: every byte is as it was stored."""
    faults = []
    manifest_bytes = (folder / "manifest.json").read_bytes()
    if (folder / "seal").read_text() != hashlib.sha256(manifest_bytes).hexdigest() + "\n":
        faults.append("the seal does not match manifest.json")
    manifest = json.loads(manifest_bytes)
    if str(manifest["version"]) != folder.name:
        faults.append(f"the manifest is that of version {manifest['version']}")
    try:
        checked_line(folder / "standing")
    except AssertionError as fault:
        faults.append(str(fault))
    for part, path in (("state", folder / "state"), ("workspace", folder / "tree"), ("process", folder / "images")):
        if manifest.get(part) and (path.stat().st_size, sha256(path)) != (manifest[part]["size"], manifest[part]["sha256"]):
            faults.append(f"{path.name} is not what the manifest says")
    if manifest.get("workspace"):
        for line in (folder / "tree").read_text().splitlines():
            entry = json.loads(line)
            path = folder / "workspace" / entry["path"]
            if entry["kind"] == "file" and (path.stat().st_size, sha256(path)) != (entry["size"], entry["sha256"]):
                faults.append(f"workspace/{entry['path']} is not what the tree says")
    if manifest.get("process"):
        listed = [json.loads(line) for line in (folder / "images").read_text().splitlines()]
        for entry in listed:
            path = folder / "process" / entry["path"]
            is_whole = path.exists() and path.stat().st_size == entry["size"]
            if not is_whole or (xxh3(path) != entry["xxh3"] if "xxh3" in entry else sha256(path) != entry["sha256"]):
                faults.append(f"process/{entry['path']} is not what the list says")
        faults += [f"process/{path.name} is in no list" for path in (folder / "process").iterdir() if path.name not in {entry["path"] for entry in listed}]
    return faults


def committed_versions(versions_folder):
    """The numbers of all versions that are there, ascending."""
    if not versions_folder.exists():
        return []
    return sorted(int(path.name) for path in versions_folder.iterdir() if path.name.isdigit())

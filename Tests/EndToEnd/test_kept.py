"""What a version keeps of a workspace beside bytes: names, extended attributes, access lists, capabilities, holes; and how it takes large files from a
file system that can share them. Compared with what the kernel says, and read by the documented format alone."""

import array
import fcntl
import hashlib
import json
import mmap
import os
import pathlib
import socket
import stat
import struct
import sys
import tarfile

import pytest
import zstandard
from outside import faults_of_version
from packs import Version
from stage import wait_until
from test_disks import mounted
from test_harm import file_system

# Sits there until it is told to end; what it has is made from outside.
AGENT = "import signal; signal.sigwait({signal.SIGTERM})"

# Version 2, then tag, bits and number of each entry: its user, user 1000, its group, the mask, others. See acl(5) and the kernel's posix_acl_xattr.h.
ACCESS_LIST = struct.pack("<I", 2) + b"".join(
    struct.pack("<HHI", *entry) for entry in ((1, 6, 0xFFFFFFFF), (2, 6, 1000), (4, 4, 0xFFFFFFFF), (0x10, 6, 0xFFFFFFFF), (0x20, 0, 0xFFFFFFFF))
)
# Revision 2, effective; cap_net_bind_service is permitted. See capabilities(7).
CAPABILITY = struct.pack("<IIIII", 0x02000001, 1 << 10, 0, 0, 0)
KEPT = ("user.", "security.capability", "system.posix_acl_access", "system.posix_acl_default")


def facts(folder):
    """All that a version keeps of everything below, as the kernel tells it."""
    found, names = {}, {}
    for path in sorted(folder.rglob("*")):
        name, status = str(path.relative_to(folder)), path.lstat()
        fact = {"kind": stat.S_IFMT(status.st_mode), "owner": (status.st_uid, status.st_gid)}
        if path.is_symlink():
            fact["target"] = os.readlink(path)
        else:
            fact |= {"mode": stat.S_IMODE(status.st_mode), "time": status.st_mtime_ns}
            fact["attributes"] = {
                each: os.getxattr(path, each, follow_symlinks=False) for each in os.listxattr(path, follow_symlinks=False) if each.startswith(KEPT)
            }
        if path.is_file() and not path.is_symlink():
            fact["sha256"] = hashlib.sha256(path.read_bytes()).hexdigest()
            names.setdefault((status.st_dev, status.st_ino), []).append(name)
        found[name] = fact
    for together in names.values():
        for name in together:
            found[name]["names"] = together
    return found


def furnish(workspace, is_root):
    (workspace / "deep" / "er").mkdir(parents=True)
    (workspace / "one").write_text("one file")
    os.setxattr(workspace / "one", "user.note", b"a \0 b")
    os.setxattr(workspace / "one", b"user.n\xf6t\xeb", b"")
    for name in ("deep/two", "deep/er/three", "zwei"):
        os.link(workspace / "one", workspace / name)
    (workspace / "alike").write_text("one file")
    (workspace / "shared-list").write_text("list")
    os.setxattr(workspace / "shared-list", "system.posix_acl_access", ACCESS_LIST)
    os.setxattr(workspace / "deep", "system.posix_acl_default", ACCESS_LIST)
    os.setxattr(workspace / "deep", "user.where", b"here")
    # It gets what the directory hands on.
    (workspace / "deep" / "heir").write_text("heir")
    with open(workspace / "holes", "wb") as file:
        file.truncate(3 << 20)
        file.seek(1 << 20)
        file.write(os.urandom(5000))
    os.symlink("one", workspace / "link")
    if is_root:
        (workspace / "able").write_text("able")
        os.chown(workspace / "able", 1000, 1001)
        os.setxattr(workspace / "able", "security.capability", CAPABILITY)
        os.setxattr(workspace / "able", "trusted.secret", b"of this machine")


def spoil(workspace):
    """Every way in which names and attributes may differ."""
    (workspace / "zwei").unlink()
    (workspace / "zwei").write_text("one file")
    (workspace / "alike").unlink()
    os.link(workspace / "one", workspace / "alike")
    os.removexattr(workspace / "one", "user.note")
    os.setxattr(workspace / "one", "user.more", b"more")
    os.removexattr(workspace / "shared-list", "system.posix_acl_access")
    os.removexattr(workspace / "deep", "system.posix_acl_default")
    (workspace / "deep" / "er" / "three").unlink()
    os.setxattr(workspace / "deep" / "er", "user.new", b"new")
    if (workspace / "able").exists():
        os.removexattr(workspace / "able", "security.capability")


@pytest.fixture
def idle(stage):
    """An agent with nothing to do, and nobody that packs its first version before it is looked at."""
    stage.write_spec([sys.executable, "-c", AGENT], checkpoint={"every": "1h", "mode": "cooperative"})
    return stage


def checkpoint(stage):
    asked = stage.ask("checkpoint", stage.name, "--force")
    assert asked.returncode == 0, asked.stderr
    number = max(stage.versions())
    return number, Version(stage.versions_folder / str(number))


def test_all_of_it_comes_back(idle):
    stage, workspace = idle, idle.workspace
    runner = stage.run()
    stage.wait_until_running()
    furnish(workspace, os.geteuid() == 0)
    had = facts(workspace)
    assert had["deep/heir"]["attributes"] and had["one"]["names"] == ["deep/er/three", "deep/two", "one", "zwei"]
    os.mkfifo(workspace / "pipe")
    with socket.socket(socket.AF_UNIX) as door:
        here = os.getcwd()
        os.chdir(workspace)
        door.bind("door")
        os.chdir(here)
    number, version = checkpoint(stage)
    wait_until(lambda: version.is_packed, "it is in packs")
    assert stage.ask("stop", stage.name).returncode == 0
    runner.wait()
    # By the format alone.
    folder = stage.versions_folder / str(number)
    assert faults_of_version(folder) == []
    tree = {entry["path"]: entry for entry in Version(folder).tree}
    assert {path: entry["same"] for path, entry in tree.items() if "same" in entry} == {
        path: "deep/er/three" for path in ("deep/two", "one", "zwei")
    }
    assert Version(folder).read("workspace/zwei") == b"one file"
    # What is not kept is named.
    shown = stage.ask("show", f"{stage.name}@{number}")
    for name in ("pipe", "door"):
        assert f"'{name}' is a socket, pipe or device: skipped" in shown.stdout, shown.stdout
    listed = stage.ask("ls", f"{stage.name}@{number}:").stdout
    assert "one = deep/er/three" in listed and "rw-rw----+ " in listed and "pipe" not in listed
    assert stage.ask("cat", f"{stage.name}@{number}:one").stdout == "one file"
    # The plan says what differs, and only that is done.
    for path in ("pipe", "door"):
        (workspace / path).unlink()
    os.utime(workspace / "one", ns=(had["one"]["time"],) * 2)
    spoil(workspace)
    plan = stage.json("restore", f"{stage.name}@{number}", "--dry-run")["workspace"]
    steps = {step["path"]: step["change"] for step in plan["steps"]}
    assert steps["zwei"] == "names" and steps["alike"] in ("names", "changed") and steps["shared-list"] == "attributes"
    assert "holes" not in steps and "link" not in steps and plan["attributesLost"] == 0
    untouched = {name: (workspace / name).stat().st_ino for name in ("holes", "shared-list", "deep/heir")}
    answer = stage.ask("restore", f"{stage.name}@{number}")
    assert answer.returncode == 0, answer.stderr
    assert facts(workspace) == had
    assert {name: (workspace / name).stat().st_ino for name in untouched} == untouched
    assert (workspace / "holes").stat().st_blocks * 512 < 1 << 20
    again = stage.json("restore", f"{stage.name}@{number}", "--dry-run")["workspace"]
    assert again["steps"] == []
    # One name alone, and with another.
    (workspace / "zwei").unlink()
    assert stage.ask("restore", f"{stage.name}@{number}", "--only", "zwei").returncode == 0
    alone = facts(workspace)["zwei"]
    assert alone.pop("names") == ["zwei"] and alone.items() <= had["zwei"].items()
    # All of it anew.
    for path in sorted(workspace.rglob("*"), reverse=True):
        path.rmdir() if path.is_dir() and not path.is_symlink() else path.unlink()
    assert stage.ask("restore", f"{stage.name}@{number}").returncode == 0
    assert facts(workspace) == had


def test_an_archive_has_it_under_every_name(idle):
    stage = idle
    runner = stage.run()
    stage.wait_until_running()
    furnish(stage.workspace, os.geteuid() == 0)
    had = facts(stage.workspace)
    number, _ = checkpoint(stage)
    assert stage.ask("stop", stage.name).returncode == 0
    runner.wait()
    archive = stage.folder / "exported.tar.zst"
    exported = stage.ask("export", f"{stage.name}@{number}", "-o", archive)
    assert exported.returncode == 0, exported.stderr
    with open(archive, "rb") as file, zstandard.ZstdDecompressor().stream_reader(file) as expanded:
        with tarfile.open(fileobj=expanded, mode="r|") as members:
            held = {entry.name: members.extractfile(entry).read() for entry in members if entry.isfile()}
    names = [name for name in held if name.endswith(("/one", "/two", "/three", "/zwei"))]
    assert len(names) == 4 and {held[name] for name in names} == {b"one file"}
    imported = stage.ask("import", archive, "--as", "agent-copy")
    assert imported.returncode == 0, imported.stderr
    agents = stage.store / "agents" / "agent-copy" / "versions"
    [folder] = [path for path in agents.iterdir() if path.name.isdigit()]
    assert faults_of_version(folder) == []
    tree = {entry["path"]: entry for entry in Version(folder).tree}
    assert {path for path, entry in tree.items() if "same" in entry} == {"deep/two", "one", "zwei"}
    assert {path for path, entry in tree.items() if "attributes" in entry} == {path for path, fact in had.items() if fact.get("attributes")}


# MARK: file systems that share


def is_shared(path):
    """Whether any of the file's places on the disk is that of another file, too. See FS_IOC_FIEMAP."""
    with open(path, "rb") as file:
        request = array.array("B", struct.pack("=QQLLLL", 0, (1 << 64) - 1, 1, 0, 400, 0) + bytes(400 * 56))
        fcntl.ioctl(file, 0xC020660B, request)
        count = struct.unpack_from("=L", request, 20)[0]
        assert count > 0
        return any(struct.unpack_from("=L", request, 32 + 56 * index + 40)[0] & 0x2000 for index in range(count))


MAPPER = """
import mmap, os, pathlib, sys
file = open(sys.argv[1], "r+b")
memory = mmap.mmap(file.fileno(), 0)
# Open for writing, too, so that there is no end of it between two orders.
for word in map(str.strip, os.fdopen(os.open(sys.argv[2], os.O_RDWR))):
    # Into every page, and never synced.
    for at in range(0, len(memory), 4096):
        memory[at:at + 8] = word.rjust(8).encode()
    memory[-3:] = word[-3:].encode()
    pathlib.Path(sys.argv[2] + ".done").write_text(word)
"""


@pytest.mark.root
@pytest.mark.parametrize("many", [False, True])
@pytest.mark.parametrize("kind", ["btrfs", "xfs"])
def test_large_files_are_shared_and_not_copied(stage, kind, many):
    with file_system(kind, stage.folder) as disk:
        stage.store, stage.workspace = disk / "store", disk / "workspace"
        stage.workspace.mkdir()
        orders, large = stage.folder / "orders.fifo", stage.workspace / "large"
        os.mkfifo(orders)
        content = bytearray(os.urandom((5 << 20) + 1234))
        large.write_bytes(content)
        os.link(large, stage.workspace / "zweitens")
        aligned = bytes(content[: 1 << 20])
        (stage.workspace / "aligned").write_bytes(aligned)
        (stage.workspace / "small").write_bytes(b"small")
        if many:
            for number in range(600):
                (stage.workspace / f"few-{number}").write_bytes(os.urandom(number % 5 * 999))
        command = [sys.executable, "-c", MAPPER, str(large), str(orders)]
        stage.write_spec(command, checkpoint={"every": "1h", "mode": "cooperative"})
        runner = stage.run()
        stage.wait_until_running()
        held = {}
        for word in ("first", "second", "third"):
            orders.write_text(word + "\n")
            done = pathlib.Path(f"{orders}.done")
            wait_until(lambda: done.exists() and done.read_text() == word, "it is written")
            for at in range(0, len(content), 4096):
                content[at : at + 8] = word.rjust(8).encode()
            content[-3:] = word[-3:].encode()
            number, version = checkpoint(stage)
            held[number] = bytes(content)
            # The newest stays as plain files, beside what it has in packs.
            plain = stage.versions_folder / str(number)
            assert is_shared(plain / "files" if (plain / "files").exists() else plain / "workspace" / "large")
            if not many and number == 1:
                assert is_shared(plain / "workspace" / "aligned")
            wait_until(lambda: version.is_packed, f"version {number} is in packs")
        assert stage.ask("stop", stage.name).returncode == 0
        runner.wait()
        for number, bytes_then in held.items():
            folder = stage.versions_folder / str(number)
            assert faults_of_version(folder) == []
            assert Version(folder).read("workspace/zweitens") == bytes_then, f"version {number}"
        assert stage.ask("verify", stage.name).returncode == 0
        number = min(held)
        assert stage.ask("restore", f"{stage.name}@{number}").returncode == 0
        assert large.read_bytes() == held[number] and large.samefile(stage.workspace / "zweitens")
        assert (stage.workspace / "aligned").read_bytes() == aligned


@pytest.mark.root
@pytest.mark.parametrize("kind", ["btrfs", "xfs"])
def test_what_is_shared_needs_no_room(stage, kind):
    with file_system(kind, stage.folder) as disk:
        stage.store, stage.workspace = disk / "store", disk / "workspace"
        stage.workspace.mkdir()
        free = os.statvfs(disk).f_bavail * os.statvfs(disk).f_frsize
        size = int(free * 0.6) >> 20 << 20
        block = os.urandom(1 << 20)
        with open(stage.workspace / "large", "wb") as file:
            for at in range(size >> 20):
                file.write(block[at:] + block[:at])
            os.fsync(file.fileno())
        stage.write_spec([sys.executable, "-c", AGENT], checkpoint={"every": "1h", "mode": "cooperative"})
        runner = stage.run()
        stage.wait_until_running()
        number, version = checkpoint(stage)
        assert stage.ask("stop", stage.name).returncode == 0
        runner.wait()
        assert stage.ask("verify", f"{stage.name}@{number}").returncode == 0
        assert not version.is_packed and is_shared(stage.versions_folder / str(number) / "workspace" / "large")

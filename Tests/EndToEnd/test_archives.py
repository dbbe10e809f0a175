"""Versions leave the store and come back: archives, plain directories of CRIU, and what strangers make."""

import gzip
import hashlib
import io
import json
import os
import pathlib
import signal
import subprocess
import tarfile

import pytest
from conftest import PRIVATE_CRIU
from stage import ROOT

CORPUS = ROOT / "Tests" / "Corpora" / "archives"

# A program that knows nothing of the runner: it counts, a child of its beside it, with a secret that is in its memory alone.
COUNTER = """
import os, subprocess, sys, time
child = subprocess.Popen(["sh", "-c", "while read l; do echo $l; done"], stdin=-1, stdout=-1)
secret = os.urandom(4).hex(); n = 0
held = open("held", "a+")
while not os.path.exists("enough"):
    n += 1
    child.stdin.write(b"%d\\n" % n); child.stdin.flush()
    assert int(child.stdout.readline()) == n
    print(n, secret, os.getpid(), flush=True)
    time.sleep(.005)
print("over", n, secret, flush=True)
"""


def contents(folder):
    """Every file below a folder, with its hash; every link, with its target; every empty directory."""
    found = {}
    for path in sorted(folder.rglob("*")):
        name = str(path.relative_to(folder))
        if path.name == "lock":  # which says who looked last
            continue
        if path.is_symlink():
            found[name] = "-> " + os.readlink(path)
        elif path.is_file():
            found[name] = hashlib.sha256(path.read_bytes()).hexdigest()
        elif not any(path.iterdir()):
            found[name] = "empty"
    return found


def checked(answer):
    assert answer.returncode == 0, answer.stderr
    return answer.stdout


@pytest.fixture
def worked(stage):
    """An agent that stopped after its work, with a version of state and workspace: odd names, links, an empty directory."""
    stage.write_spec(checkpoint={"every": "1h"})
    (stage.workspace / "with space").mkdir()
    (stage.workspace / "with space" / "ümlaut").write_text("text")
    (stage.workspace / "empty").mkdir()
    (stage.workspace / "link").symlink_to("/etc/passwd")
    (stage.workspace / os.fsdecode(b"no\xffutf8")).write_text("bytes")
    # Names that readers of archives look for.
    (stage.workspace / "config.dump").write_text("not a configuration")
    (stage.workspace / "checkpoint").mkdir()
    (stage.workspace / "checkpoint" / "pages-1.img").write_text("no pages")
    runner = stage.run()
    stage.checkpoint_after_more_steps()
    runner.signal(signal.SIGTERM)
    assert runner.wait() == 0
    stage.version = stage.checkpoints()[-1]
    return stage


@pytest.mark.parametrize("compression, ending", [("zstd", ".tar.zst"), ("gzip", ".tar.gz"), ("none", ".tar")])
def test_what_was_exported_comes_back_as_it_was(worked, compression, ending):
    stage = worked
    name = f"{stage.name}@{stage.version}"
    said = checked(stage.ask("export", name, "--compression", compression))
    archive = stage.folder / (name + ending)
    assert said == archive.name + "\n"
    assert archive.stat().st_mode & 0o7777 == 0o600
    # Into another store, under another name.
    other = stage.folder / "other-store"
    assert checked(stage.ask("import", archive, "--as", "other", "--store", other)) == "other@1\n"
    before, after = stage.versions_folder / str(stage.version), other / "agents" / "other" / "versions" / "1"
    for part in ("state", "tree"):
        assert (before / part).exists() == (after / part).exists()
        assert not (before / part).exists() or (before / part).read_bytes() == (after / part).read_bytes()
    assert contents(before / "workspace") == contents(after / "workspace")
    manifest = json.loads((after / "manifest.json").read_text())
    assert manifest["reason"] == "import" and manifest["agent"] == "other" and manifest["step"] == stage.manifest(stage.version)["step"]
    assert stage.ask("verify", "--store", other).returncode == 0
    # A version of the same agent, when it is not said otherwise.
    assert checked(stage.ask("import", archive)) == f"{stage.name}@{stage.version + 1}\n"
    # Twice the same bytes.
    again = stage.folder / "again"
    checked(stage.ask("export", name, "--compression", compression, "--output", again))
    assert again.read_bytes() == archive.read_bytes()
    # What is there is not replaced, nor what lies beside it.
    beside = stage.folder / "third.new"
    beside.mkdir()
    (beside / "mine").write_text("mine")
    checked(stage.ask("export", name, "--compression", compression, "--output", stage.folder / "third"))
    assert (beside / "mine").read_text() == "mine"
    refused = stage.ask("export", name, "--compression", compression)
    assert refused.returncode == 73 and "something is there already" in refused.stderr
    assert list(stage.folder.glob("*.new")) == [beside]


def test_an_archive_has_the_form_that_readers_know(worked):
    """As checkpointctl reads: every member whose name holds one of these words, and the directory of the images."""
    stage = worked
    checked(stage.ask("export", f"{stage.name}@{stage.version}", "-c", "none", "-o", "a.tar"))
    with tarfile.open(stage.folder / "a.tar") as archive:
        members = archive.getmembers()
        assert any(member.isdir() and member.name.rstrip("/") == "checkpoint" for member in members)
        assert all(member.isreg() or member.isdir() for member in members)
        assert len({member.name for member in members}) == len(members)
        config = json.load(archive.extractfile("config.dump"))
        spec = json.load(archive.extractfile("spec.dump"))
        assert json.load(archive.extractfile("network.status")) == {}
        assert config["name"] == stage.name and len(config["id"]) == 64 and config["runtime"] == "runner"
        assert spec["annotations"]["io.container.manager"] == "libpod" and spec["process"]["args"] == stage.worker()
        assert archive.extractfile("runner/workspace/with space/ümlaut").read() == b"text"


def hostile():
    """Archives that no export makes, and the code they are refused with."""

    def archive(*members):
        held = io.BytesIO()
        with tarfile.open(fileobj=held, mode="w", format=tarfile.PAX_FORMAT) as tar:
            for name, kind, content, link in [("checkpoint/", tarfile.DIRTYPE, b"", ""), ("config.dump", tarfile.REGTYPE, b'{"name": "web"}', ""), *members]:
                member = tarfile.TarInfo(name)
                member.type, member.size, member.linkname = kind, len(content), link
                tar.addfile(member, io.BytesIO(content))
        return held.getvalue()

    file, link, hard, device = tarfile.REGTYPE, tarfile.SYMTYPE, tarfile.LNKTYPE, tarfile.CHRTYPE
    yield "E-ARCHIVE-HOSTILE", archive(("/etc/cron.d/evil", file, b"x", ""))
    yield "E-ARCHIVE-HOSTILE", archive(("checkpoint/../../../evil", file, b"x", ""))
    yield "E-ARCHIVE-HOSTILE", archive(("checkpoint/out", link, b"", "/tmp"), ("checkpoint/out/evil", file, b"x", ""))
    yield "E-ARCHIVE-HOSTILE", archive(("checkpoint/passwd", hard, b"", "/etc/passwd"))
    yield "E-ARCHIVE-HOSTILE", archive(("checkpoint/null", device, b"", ""))
    yield "E-ARCHIVE-HOSTILE", archive(("config.dump", file, b"{}", ""))
    yield "E-ARCHIVE-TOO-LARGE", gzip.compress(archive(("checkpoint/pages-1.img", file, bytes(32 << 20), "")))
    yield "E-ARCHIVE-DAMAGED", archive(("checkpoint/pages-1.img", file, bytes(4 << 20), ""))[: 1 << 20]
    yield "E-ARCHIVE-DAMAGED", gzip.compress(archive(("checkpoint/pages-1.img", file, bytes(1 << 20), "")))[:-9]
    yield "E-ARCHIVE-DAMAGED", b"no archive"
    yield "E-ARCHIVE-DAMAGED", gzip.compress(gzip.compress(archive()))
    yield "E-IMPORT-IMAGES", archive(("checkpoint/parent", link, b"", "../pre-checkpoint"))
    yield "E-IMPORT-IMAGES", archive(("checkpoint/core-1.img", file, b"x", ""))
    yield "E-IMPORT-IMAGES", archive()


def test_what_is_hostile_or_broken_leaves_nothing(worked):
    stage = worked
    before = contents(stage.store)
    archive = stage.folder / "evil.tar"
    for code, content in hostile():
        archive.write_bytes(content)
        for words in (["import", archive], ["import", archive, "--as", "web"], ["import", archive, "--as", stage.name]):
            refused = stage.ask(*words, "--size-limit", "16MiB", "--json")
            assert refused.returncode == 65, (code, refused)
            assert json.loads(refused.stdout)["error"]["code"] == code
            assert refused.stderr.startswith("runner: could not import") and refused.stderr.count("\n") == 1
            assert contents(stage.store) == before
    assert not pathlib.Path("/etc/cron.d/evil").exists() and not pathlib.Path("/tmp/evil").exists()


def test_every_changed_byte_of_an_export_is_found(worked):
    stage = worked
    checked(stage.ask("export", f"{stage.name}@{stage.version}", "-c", "none", "-o", "a.tar"))
    whole = (stage.folder / "a.tar").read_bytes()
    with tarfile.open(stage.folder / "a.tar") as archive:
        members = {member.name: member for member in archive.getmembers()}
    before = contents(stage.store)
    changed = stage.folder / "changed.tar"
    tried = 0
    for name, member in members.items():
        if name.startswith("runner/") and name != "runner/spec.json" and member.size:
            content = bytearray(whole)
            content[member.offset_data + member.size // 2] ^= 0x10
            changed.write_bytes(content)
            refused = stage.ask("import", changed, "--as", "other")
            assert refused.returncode == 65 and "is not what was exported" in refused.stderr, (name, refused)
            assert contents(stage.store) == before
            tried += 1
    assert tried > 6


def test_archives_of_podman(stage):
    """A container of another engine can be kept and looked at; a plain tree is a version like any other."""
    stage.write_spec()
    assert checked(stage.ask("import", CORPUS / "podman.tar.zst")) == "web@1\n"
    (row,) = stage.json("versions", "web")
    assert row["standing"] == "suspect" and row["reason"] == "import" and row["parts"]["process"]
    assert checked(stage.ask("import", CORPUS / "podman.tar.gz")) == "many@1\n"
    (row,) = stage.json("versions", "many")
    # It held a terminal of its own, so nothing of the outside is missing.
    assert row["standing"] == "stored" and row["parts"] == {"cooperative": False, "process": True, "workspace": False}
    assert checked(stage.ask("import", CORPUS / "plain.tar", "--as", "older")) == "older@1\n"
    assert stage.ask("verify").returncode == 0
    # The images are the archive's, byte for byte.
    with tarfile.open(CORPUS / "plain.tar") as archive:
        for name in archive.getnames():
            if name.endswith(".img"):
                stored = stage.store / "agents" / "older" / "versions" / "1" / "process" / pathlib.Path(name).name
                assert stored.read_bytes() == archive.extractfile(name).read()
    # And they can go on their way.
    checked(stage.ask("export", "web@1", "-f", "criu", "-o", "dump"))
    assert stage.ask("image", "check", "dump").returncode == 0


# MARK: with CRIU


def start_counter(stage, name="counter"):
    (stage.folder / "counter.py").write_text(COUNTER)
    stage.name = name
    stage.write_spec(["/usr/bin/python3", str(stage.folder / "counter.py")], workdir=str(stage.workspace), checkpoint={"every": "1h"})
    runner = stage.run()
    stage.wait_until_running()
    stage.wait_for_log(r"out \d+ \w+ \d+", 20)
    return runner


def lines_of(text):
    return [line.split() for line in text.splitlines() if len(line.split()) == 3 and line.split()[0].isdigit()]


def plain_environment():
    return {**os.environ, "PATH": f"{pathlib.Path(PRIVATE_CRIU).parent}:{os.environ['PATH']}"}


@pytest.mark.criu
def test_plain_criu_restores_an_export(stage):
    runner = start_counter(stage)
    version = stage.json("checkpoint", stage.name, "--mode", "process")["version"]
    said = lines_of("\n".join(line.partition(" out ")[2] for line in stage.log().splitlines()))
    runner.kill()
    stage.strike()
    checked(stage.ask("export", f"{stage.name}@{version}", "--format", "criu", "--output", "dump"))
    dump = stage.folder / "dump"
    text = (dump / "RESTORE.txt").read_text()
    assert json.loads((dump / "descriptors.json").read_text())[1].startswith("pipe:[")
    command = "\n".join(line[4:] for line in text.splitlines() if line.startswith("    "))
    # The file that was open must have the size it had: the text says so.
    checked(stage.ask("restore", f"{stage.name}@{version}", "--only", "workspace", "-y"))
    process = subprocess.Popen(["/bin/bash", "-c", command], cwd=dump, env=plain_environment(), stdout=subprocess.PIPE, text=True)
    heard = [process.stdout.readline() for _ in range(20)]
    (stage.workspace / "enough").touch()
    rest = process.stdout.read()
    assert process.wait() == 0
    first = lines_of("".join(heard))[0]
    # The same memory and number; and where it was cut, not at the beginning.
    assert first[1:] == said[0][1:] and int(first[0]) >= 20
    assert rest.splitlines()[-1].split()[0] == "over" and rest.splitlines()[-1].split()[2] == said[0][1]


@pytest.mark.criu
def test_an_archive_with_processes_goes_on_in_another_store(stage):
    runner = start_counter(stage)
    version = stage.json("checkpoint", stage.name, "--mode", "process")["version"]
    said = lines_of("\n".join(line.partition(" out ")[2] for line in stage.log().splitlines()))
    checked(stage.ask("export", f"{stage.name}@{version}"))
    archive = stage.folder / f"{stage.name}@{version}.tar.zst"
    before = contents(stage.versions_folder / str(version) / "process")
    runner.kill()
    stage.strike()
    stage.store = stage.folder / "other-store"
    assert checked(stage.ask("import", archive)) == f"{stage.name}@1\n"
    assert contents(stage.versions_folder / "1" / "process") == before
    goes_on_from_version_one(stage, said[0][1:])


@pytest.mark.criu
def test_a_dump_of_plain_criu_goes_on_with_us(stage):
    (stage.folder / "counter.py").write_text(COUNTER)
    dump = stage.folder / "dump"
    dump.mkdir()
    # A pid namespace of its own, with CRIU in it beside the program.
    script = f"""
        echo 1499 > /proc/sys/kernel/ns_last_pid
        exec 8< <(exec setsid /usr/bin/python3 '{stage.folder}/counter.py' < /dev/null 2>&1)
        agent=$!
        for line in {{1..20}}; do read -r line <&8; echo "$line"; done
        criu dump --no-default-config -t $agent -D '{dump}' --file-locks --manage-cgroups=ignore -v1
        """
    plain = subprocess.run(
        ["unshare", "--pid", "--mount", "--fork", "--mount-proc", "--kill-child", "/bin/bash", "-c", script],
        cwd=stage.workspace, env=plain_environment(), capture_output=True, text=True, timeout=60,
    )  # fmt: skip
    assert plain.returncode == 0, plain.stderr
    said = lines_of(plain.stdout)
    stage.name = "counter"
    assert checked(stage.ask("import", dump, "--as", stage.name)) == "counter@1\n"
    stored = json.loads((stage.home / "spec.json").read_text())
    assert stored["command"] == ["/usr/bin/python3", f"{stage.folder}/counter.py"] and stored["workdir"] == str(stage.workspace)
    stage.write_spec(stored["command"], workdir=stored["workdir"], checkpoint={"every": "1h"})
    goes_on_from_version_one(stage, said[0][1:])
    # A damaged one is refused.
    pages = max(dump.glob("pages-*.img"), key=lambda path: path.stat().st_size)
    os.truncate(pages, pages.stat().st_size - 4096)
    refused = stage.ask("import", dump, "--as", "again")
    assert refused.returncode == 65 and pages.name in refused.stderr
    assert not (stage.store / "agents" / "again").exists()


def goes_on_from_version_one(stage, same):
    runner = stage.run()
    stage.wait_until_running()
    stage.wait_for_log(r"out \d+ \w+ \d+", 20)
    heard = lines_of("\n".join(line.partition(" out ")[2] for line in stage.log().splitlines()))
    assert heard[0][1:] == same and int(heard[0][0]) >= 20, f"{heard[0]} {same}\n{stage.why()}"
    (stage.workspace / "enough").touch()
    assert runner.wait() == 0
    assert stage.processes() == []

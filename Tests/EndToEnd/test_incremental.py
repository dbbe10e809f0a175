"""A large workspace of which little changes: only that is read at a cut, and every version holds what was there, also what was written without a trace."""

import os
import sys
import time

from stage import wait_until
from packs import Version

FILES = 1500

AGENT = """
import mmap, os, pathlib, sys
workspace, orders = map(pathlib.Path, sys.argv[1:])
for number in range(%d):
    place = workspace / f"part-{number %% 30}"
    place.mkdir(exist_ok=True)
    (place / f"file-{number}").write_bytes(os.urandom(number %% 7 * 1000))
mapped = workspace / "mapped"
mapped.write_bytes(bytes(8192))
with mapped.open("r+b") as file:
    memory = mmap.mmap(file.fileno(), 8192)
print("ready", flush=True)
# Open for writing, too, so that there is no end of it between two orders.
for line in os.fdopen(os.open(orders, os.O_RDWR)):
    # Into memory that is dirty already: no time of the file tells of it.
    memory[:8] = line.strip().rjust(8).encode()
    changed = workspace / "part-7" / "file-7"
    before = changed.stat()
    with changed.open("r+b") as file:
        file.write(line.strip().rjust(8).encode())
    os.utime(changed, ns=(before.st_atime_ns, before.st_mtime_ns))
    (workspace / "said").write_text(line)
""" % FILES


def tell(stage, orders, word):
    orders.write_text(word + "\n")
    wait_until(lambda: (stage.workspace / "said").exists() and (stage.workspace / "said").read_text().strip() == word, f"the agent heard '{word}'")


def checkpoint(stage):
    asked = stage.ask("checkpoint", stage.name, "--force")
    assert asked.returncode == 0, asked.stderr
    number = max(stage.versions())
    version = Version(stage.versions_folder / str(number))
    wait_until(lambda: version.is_packed, f"version {number} is in packs")
    return number, version


def test_every_version_holds_what_was_there(stage):
    script, orders = stage.folder / "agent.py", stage.folder / "orders.fifo"
    script.write_text(AGENT)
    os.mkfifo(orders)
    stage.write_spec([sys.executable, str(script), str(stage.workspace), str(orders)], checkpoint={"every": "1h", "mode": "cooperative"})
    runner = stage.run()
    wait_until(lambda: (stage.workspace / "mapped").exists() and (stage.workspace / "mapped").stat().st_size == 8192, "the agent has its files")
    held = {}
    for word in ("first", "second", "third", "fourth"):
        # What was written a moment ago is read again anyway; the test is of what was not.
        settled = max(path.stat().st_ctime for path in stage.workspace.rglob("*")) + 2.1
        wait_until(lambda: time.time() > settled, "its files are old enough")
        tell(stage, orders, word)
        number, version = checkpoint(stage)
        held[number] = {path.relative_to(stage.workspace): path.read_bytes() for path in stage.workspace.rglob("*") if path.is_file()}
    for number, files in held.items():
        version = Version(stage.versions_folder / str(number))
        assert version.check_packed() > 4_000_000
        entries = {entry["path"] for entry in version.tree if entry["kind"] == "file"}
        assert entries == {str(path) for path in files}
        for path, content in files.items():
            assert version.packed(f"workspace/{path}") == content, f"{path} of version {number}"
    # The newest: what was copied is in one file, and that is little.
    bundle = stage.versions_folder / str(max(held)) / "files"
    assert bundle.stat().st_size < 100_000
    assert len({files[next(p for p in files if p.name == "mapped")][:8] for files in held.values()}) == 4
    # And it comes back as it was.
    assert stage.ask("stop", stage.name).returncode == 0
    runner.wait()
    answer = stage.ask("restore", f"{stage.name}@{min(held)}")
    assert answer.returncode == 0, answer.stderr
    assert {path.relative_to(stage.workspace): path.read_bytes() for path in stage.workspace.rglob("*") if path.is_file()} == held[min(held)]

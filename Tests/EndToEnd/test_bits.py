"""A bit that flipped in any stored byte is found and named, is never restored, and is healed from a copy.

SOAK_BITS=all makes it the long form: every byte of small files, hundreds of places in large ones.
"""

import json
import os
import random
import shutil
import signal

import pytest
from outside import prints_of

LONG = os.environ.get("SOAK_BITS") == "all"
SMALL = 1024  # of a file this long every byte, in the long form
PLACES = 200 if LONG else 1
SHARES = 8  # of all files, so that a test takes no hour


def checked(answer):
    assert answer.returncode == 0, answer.stdout + answer.stderr
    return answer.stdout


@pytest.fixture
def stored(stage):
    """Versions in packs alone, one that lies in plain files as well, and one in plain files only; a copy of the first ones elsewhere."""
    stage.write_spec(checkpoint={"every": "1h", "mode": "cooperative"})
    for name in ("data", "more data"):
        (stage.workspace / name).write_bytes(os.urandom(40_000))
    (stage.workspace / "folder").mkdir()
    (stage.workspace / "folder" / "notes.txt").write_text("notes of the agent\n" * 40)
    (stage.workspace / "link").symlink_to("data")
    stage._hand_over(stage.workspace)
    runner = stage.run()
    for turn in range(3):
        (stage.workspace / "folder" / "notes.txt").write_text(f"notes of turn {turn}\n" * 60)
        stage.checkpoint_after_more_steps()
    runner.signal(signal.SIGTERM)
    assert runner.wait() == 0
    stage.right = {}
    for number in stage.checkpoints():
        checked(stage.ask("restore", stage.name, str(number), "-y"))
        stage.right[number] = prints_of(stage.workspace)
    # The versions as they were set aside come in packs with the copy.
    checked(stage.ask("store", "sync", stage.folder / "copy", within=60))
    shutil.copytree(stage.store, stage.folder / "former", symlinks=True)
    shutil.copytree(stage.workspace, stage.folder / "former workspace", symlinks=True)
    return stage


def renew(stage):
    for now, former in ((stage.store, "former"), (stage.workspace, "former workspace")):
        shutil.rmtree(now)
        shutil.copytree(stage.folder / former, now, symlinks=True)


def stored_files(stage):
    folders = [stage.home / "versions", stage.home / "packs"]
    return sorted(path for folder in folders for path in folder.rglob("*") if path.is_file() and not path.is_symlink() and path.stat().st_size)


def places(size, rng):
    if LONG and size <= SMALL:
        return range(size)
    ends = {0, size - 1} if LONG else set()
    return sorted(ends | {rng.choice((0, size - 1, rng.randrange(size), rng.randrange(size))) for _ in range(PLACES)})


@pytest.mark.parametrize("share", range(SHARES))
def test_a_flipped_bit_is_named_never_restored_and_healed(stored, share):
    stage, rng = stored, random.Random(share)
    for path in stored_files(stage)[share::SHARES]:
        for offset in places(path.stat().st_size, rng):
            bit = rng.randrange(8)
            said = f"bit {bit} of byte {offset} of {path.relative_to(stage.home)}"
            content = bytearray(path.read_bytes())
            content[offset] ^= 1 << bit
            path.write_bytes(bytes(content))
            is_named(stage, path, said)
            is_never_restored(stage, said)
            healed = stage.ask("verify", stage.name, "--deep", "--from", stage.folder / "copy", "--json")
            assert healed.returncode == 0, f"{said}: {healed.stdout}{healed.stderr}"
            number, right = rng.choice(list(stage.right.items()))
            checked(stage.ask("restore", stage.name, str(number), "-y"))
            assert prints_of(stage.workspace) == right, said
            renew(stage)


def is_named(stage, path, said):
    found = stage.ask("verify", stage.name, "--deep", "--json")
    assert found.returncode == 65, f"{said} is not found: {found.stdout}"
    rows = [row for row in json.loads(found.stdout) if row["result"] != "whole"]
    if path.parent.name == "packs":
        assert path.name in {row.get("pack") for row in rows}, f"{said}: {rows}"
        return
    version, _, part = str(path.relative_to(stage.versions_folder)).partition("/")
    named = [row["what"] for row in rows if row.get("version") == int(version)]
    assert named and part in named[0], f"{said}: {rows}"
    assert len(rows) == 1, f"{said} is held against others: {rows}"


def is_never_restored(stage, said):
    """Any version of them is restored as it was, from another copy, or not at all."""
    for number, right in stage.right.items():
        before = prints_of(stage.workspace)
        answer = stage.ask("restore", stage.name, str(number), "-y")
        after = prints_of(stage.workspace)
        if answer.returncode == 0:
            assert after == right, f"{said}: version {number} came back as something else"
        else:
            assert answer.returncode == 65 and after == before, f"{said}: {answer.returncode} {answer.stderr}"

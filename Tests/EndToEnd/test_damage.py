"""One byte of the newest version is changed, whichever: what is in packs as well costs nothing; otherwise the next restore uses the version before,
says so, and touches nothing else."""

import random

import pytest
from outside import faults_of_version, prints_of_version, prints_of_versions
from packs import Version
from stage import wait_until

IMAGES = [
    pytest.param(name, marks=[pytest.mark.criu, pytest.mark.root])
    for name in ("images", "process/pages-1.img", "process/pagemap-1000.img", "process/core-1000.img", "process/files.img")
]
# What is in the version's directory alone.
ALONE = ["manifest.json", "seal", "standing"]
CONTENT = ["state", "tree", "workspace/results.txt", "workspace/folder/notes.txt", *IMAGES]
EACH = 6  # places in each part


def change_one_byte(path, chance, begin=0, end=None):
    """Gives the offset. The mode forbids writing to nobody: root and owner may."""
    content = bytearray(path.read_bytes())
    at = chance.randrange(begin, len(content) if end is None else end)
    content[at] ^= 1 << chance.randrange(8)
    path.write_bytes(content)
    return at


@pytest.fixture
def at_work(stage):
    """An agent of which versions come when they are asked for; what the schedule would add is far away."""
    (stage.workspace / "folder").mkdir()
    (stage.workspace / "folder" / "notes.txt").write_text("notes of the agent\n" * 40)
    stage.write_spec(stage.worker("--pace", "0.005"), checkpoint={"every": "1h"})
    stage.runner = stage.run()
    stage.wait_until_running()
    return stage


def packed_checkpoint(stage):
    """The number of a version that lies in packs as well as in plain files."""
    number = stage.checkpoint_after_more_steps()
    version = Version(stage.versions_folder / str(number))
    wait_until(lambda: version.is_packed, f"version {number} is in packs")
    assert {"state", "tree", "workspace"} <= set(version.plain())
    return number


def packs_of(stage):
    return {path.name for path in (stage.home / "packs").iterdir()}


def ends_well(stage):
    stage.order("enough")
    assert stage.runner.wait() == 0
    assert stage.steps() == list(range(len(stage.steps())))


def costs_one_version(stage, newest, before_last, before, said):
    """The newest version is broken, and that was all."""
    assert faults_of_version_or_unreadable(stage.versions_folder / str(newest)), f"{said} counts"
    restored = stage.kill_and_wait()
    assert restored["origin"] == before_last, said
    assert restored["warnings"] == [], said
    # Marked, and nothing else of any version is changed.
    assert stage.standing(newest) == "broken", said
    after = prints_of_versions(stage.versions_folder)
    changed = {name for name in before if after.get(name) != before[name]}
    assert {name for name in changed if not name.startswith(f"{newest}/")} == set(), said
    rows = {row["version"]: row["standing"] for row in stage.json("versions", stage.name)}
    assert rows[newest] == "broken" and rows[before_last] != "broken", said


def told(stage, damaged):
    """The story tells it in words."""
    words = " ".join(stage.why().split())
    for number in damaged:
        assert f"version {number}" in words and "broken" in words


@pytest.mark.parametrize("part", ALONE)
def test_one_changed_byte_costs_one_version_and_nothing_else(at_work, part):
    stage, chance = at_work, random.Random(part)
    damaged = []
    before_last = stage.checkpoint_after_more_steps()
    for _ in range(EACH):
        newest = packed_checkpoint(stage)
        assert faults_of_version(stage.versions_folder / str(newest)) == []
        before = prints_of_versions(stage.versions_folder)
        at = change_one_byte(stage.versions_folder / str(newest) / part, chance)
        damaged.append(newest)
        costs_one_version(stage, newest, before_last, before, f"byte {at} of '{part}' in version {newest}")
        before_last = stage.checkpoint_after_more_steps()
    told(stage, damaged)
    ends_well(stage)


@pytest.mark.parametrize("part", CONTENT)
def test_one_changed_byte_of_a_plain_file_is_healed_from_packs(at_work, part):
    stage, chance = at_work, random.Random(part)
    for _ in range(EACH):
        newest = packed_checkpoint(stage)
        folder = stage.versions_folder / str(newest)
        before = prints_of_version(folder)
        at = change_one_byte(folder / part, chance)
        said = f"byte {at} of '{part}' in version {newest}"
        assert faults_of_version_or_unreadable(folder), f"{said} counts"
        restored = stage.kill_and_wait()
        assert restored["origin"] == newest, said
        assert restored["warnings"] == [], said
        wait_until(lambda: faults_of_version_or_unreadable(folder) == [], f"{said} is healed")
        after = prints_of_version(folder)
        assert {**after, "standing": None} == {**before, "standing": None}, said
        stage.wait_for_more_steps()
    ends_well(stage)


@pytest.mark.parametrize("part", CONTENT)
def test_what_is_damaged_in_packs_too_costs_one_version(at_work, part):
    stage, chance = at_work, random.Random(part)
    damaged = []
    before_last = packed_checkpoint(stage)
    for _ in range(EACH // 2):
        packs = packs_of(stage)
        newest = packed_checkpoint(stage)
        before = prints_of_versions(stage.versions_folder)
        at = change_one_byte(stage.versions_folder / str(newest) / part, chance)
        # All that was new of this version, and nothing of any other.
        for name in packs_of(stage) - packs:
            path = stage.home / "packs" / name
            path.write_bytes(bytes(byte ^ 0x55 for byte in path.read_bytes()))
        damaged.append(newest)
        costs_one_version(stage, newest, before_last, before, f"byte {at} of '{part}' in version {newest}, and its pack")
        before_last = packed_checkpoint(stage)
    told(stage, damaged)
    ends_well(stage)


def faults_of_version_or_unreadable(folder):
    try:
        return faults_of_version(folder)
    except (ValueError, KeyError, OSError) as error:
        return [repr(error)]

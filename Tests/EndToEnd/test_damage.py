"""One byte of the newest version is changed, whichever: the next restore uses the version before, says so, and touches nothing else."""

import random

import pytest
from outside import faults_of_version, prints_of

IMAGES = [
    pytest.param(name, marks=[pytest.mark.criu, pytest.mark.root])
    for name in ("images", "process/pages-1.img", "process/pagemap-1000.img", "process/core-1000.img", "process/files.img")
]
PARTS = ["manifest.json", "seal", "standing", "state", "tree", "workspace/results.txt", "workspace/folder/notes.txt", *IMAGES]
EACH = 6  # places in each part


def change_one_byte(path, chance):
    """Gives the offset. The mode forbids writing to nobody: root and owner may."""
    content = bytearray(path.read_bytes())
    at = chance.randrange(len(content))
    content[at] ^= 1 << chance.randrange(8)
    path.write_bytes(content)
    return at


@pytest.mark.parametrize("part", PARTS)
def test_one_changed_byte_costs_one_version_and_nothing_else(stage, part):
    chance = random.Random(part)
    (stage.workspace / "folder").mkdir()
    (stage.workspace / "folder" / "notes.txt").write_text("notes of the agent\n" * 40)
    # Versions come when they are asked for here; what the schedule would add is far away.
    stage.write_spec(stage.worker("--pace", "0.005"), checkpoint={"every": "1h"})
    runner = stage.run()
    stage.wait_until_running()
    damaged = []
    before_last = stage.checkpoint_after_more_steps()
    for _ in range(EACH):
        newest = stage.checkpoint_after_more_steps()
        assert faults_of_version(stage.versions_folder / str(newest)) == []
        at = change_one_byte(stage.versions_folder / str(newest) / part, chance)
        damaged.append(newest)
        before = prints_of(stage.versions_folder)
        assert faults_of_version_or_unreadable(stage.versions_folder / str(newest)), f"byte {at} of '{part}' counts"
        restored = stage.kill_and_wait()
        said = f"byte {at} of '{part}' in version {newest}"
        assert restored["origin"] == before_last, said
        assert restored["warnings"] == [], said
        # Marked, and nothing else of any version is changed.
        assert stage.standing(newest) == "broken", said
        after = {name: value for name, value in prints_of(stage.versions_folder).items() if name.split("/")[0] in before}
        changed = {name for name in before if after.get(name) != before[name]}
        assert changed <= {f"{newest}/standing"}, said
        rows = {row["version"]: row["standing"] for row in stage.json("versions", stage.name)}
        assert rows[newest] == "broken" and rows[before_last] != "broken", said
        before_last = stage.checkpoint_after_more_steps()
    # The story tells it in words.
    told = " ".join(stage.why().split())
    for number in damaged:
        assert f"version {number}" in told and "broken" in told
    stage.order("enough")
    assert runner.wait() == 0
    assert stage.steps() == list(range(len(stage.steps())))


def faults_of_version_or_unreadable(folder):
    try:
        return faults_of_version(folder)
    except (ValueError, KeyError, OSError) as error:
        return [repr(error)]

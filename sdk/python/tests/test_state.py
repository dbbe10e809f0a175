import hashlib
import os

import pytest
from runner_agent import StateNotStored, StateUnusable
from runner_agent._frames import INLINE_STATE_LIMIT
from runner_agent._messages import StateFile
from runner_agent._state import codec_named, fetch, stage, unstage


def test_small_state_travels_inline(tmp_path):
    assert stage(b"x" * INLINE_STATE_LIMIT, str(tmp_path)) == b"x" * INLINE_STATE_LIMIT
    assert os.listdir(tmp_path) == []


def test_large_state_travels_as_a_file_and_comes_back(tmp_path):
    state = os.urandom(INLINE_STATE_LIMIT + 1)
    payload = stage(state, str(tmp_path))
    assert payload == StateFile(payload.name, len(state), hashlib.sha256(state).digest())
    assert os.listdir(tmp_path) == [payload.name] and not payload.name.startswith(".")
    assert fetch(payload, str(tmp_path)) == state
    unstage(payload, str(tmp_path))
    unstage(payload, str(tmp_path))
    assert os.listdir(tmp_path) == []


@pytest.mark.parametrize("staging", [None, "/nowhere/at/all"])
def test_large_state_without_a_place_is_refused(staging):
    with pytest.raises(StateNotStored, match="a state of 1048577 bytes"):
        stage(b"x" * (INLINE_STATE_LIMIT + 1), staging)


def file_of(tmp_path, name="good", **changes):
    """A StateFile that fits a file of three bytes, but for `changes`."""
    (tmp_path / "good").write_bytes(b"abc")
    facts = {"name": name, "size": 3, "sha256": hashlib.sha256(b"abc").digest(), **changes}
    return StateFile(**facts)


@pytest.mark.parametrize(
    "changes, why",
    [
        ({"name": "missing"}, "No such file"),
        ({"name": "../good"}, "not directly in the staging directory"),
        ({"name": ".."}, "not directly in the staging directory"),
        ({"name": "nul\0"}, "not directly in the staging directory"),
        ({"name": "link"}, "symbolic links"),
        ({"name": "folder"}, "is not the file of 3 bytes"),
        ({"name": "pipe"}, "is not the file of 3 bytes"),
        ({"size": 2}, "is not the file of 2 bytes"),
        ({"size": 1 << 60}, "is not the file of"),
        ({"sha256": b"\0" * 32}, "does not have the SHA-256"),
    ],
)
def test_a_file_that_is_not_what_was_announced_is_unusable(tmp_path, changes, why):
    payload = file_of(tmp_path, **changes)
    os.symlink("good", tmp_path / "link")
    os.mkdir(tmp_path / "folder")
    os.mkfifo(tmp_path / "pipe")
    with pytest.raises(StateUnusable, match=why):
        fetch(payload, str(tmp_path))


def test_a_good_file_is_read(tmp_path):
    assert fetch(file_of(tmp_path), str(tmp_path)) == b"abc"


@pytest.mark.parametrize("value", [None, True, 0, 1.5, "é\ud800", [1, [2]], {"a": {"b": None}}])
def test_json_values_come_back(value):
    encode, decode = codec_named("json")
    assert decode(encode(value)) == value


@pytest.mark.parametrize("codec, value", [("json", b"raw"), ("bytes", "text"), ("bytes", None)])
def test_a_state_that_does_not_fit_its_codec_says_so(codec, value):
    with pytest.raises(TypeError, match="state is"):
        codec_named(codec)[0](value)


@pytest.mark.parametrize("codec", ["pickle", None, (1, 2), (len,)])
def test_an_unknown_codec_is_refused(codec):
    with pytest.raises(ValueError, match="codec is"):
        codec_named(codec)

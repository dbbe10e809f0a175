import struct

import pytest
from runner_agent import _messages as wire
from runner_agent import agent_pb2 as pb
from runner_agent._frames import FRAME_LIMIT, FrameFault, FrameReader, framed


def body(**fields):
    return pb.Envelope(**fields).SerializePartialToString()


@pytest.mark.parametrize("piece", [1, 2, 3, 5, 7, 1000])
def test_frames_come_whole_whatever_the_pieces(piece):
    bodies = [b"", b"a", b"bc" * 300, b"", b"d" * 70_000]
    stream = b"".join(framed(each) for each in bodies)
    reader = FrameReader()
    heard = [each for start in range(0, len(stream), piece) for each in reader.push(stream[start : start + piece])]
    assert heard == bodies


def test_a_length_over_the_limit_is_refused_at_its_fourth_byte():
    reader = FrameReader()
    length = struct.pack("<I", FRAME_LIMIT + 1)
    assert list(reader.push(length[:3])) == []
    with pytest.raises(FrameFault, match="the limit is 1114112"):
        list(reader.push(length[3:]))


def test_the_frame_before_a_wrong_length_is_still_given():
    heard = []
    with pytest.raises(FrameFault):
        for each in FrameReader().push(framed(b"good") + b"\xff\xff\xff\xff"):
            heard.append(each)
    assert heard == [b"good"]


@pytest.mark.parametrize(
    "hostile",
    [
        b"\x8a\x02\x05ab",  # field 33, announced longer than the frame
        b"\xff" * 20,  # a tag without end
        b"\x07\x00",  # wire type 7
        body(welcome=pb.Welcome(agent="a")),  # no version
        body(prepare=pb.Prepare(deadline_ms=1)),  # no request
        body(resume=pb.Resume()),
        body(committed=pb.Committed(request=1)),
        body(aborted=pb.Aborted(reason="r")),
        body(stop=pb.Stop(reason="r")),
        body(effect_result=pb.EffectResult(request=1)),  # no verdict
        b"\xc2\x02\x04\x08\x01\x10\x63",  # field 40, effect_result with verdict 99
        b"\x8a\x02\x0a\x08\x01\x12\x02\xff\xfe\x18\x01\x20\x01",  # field 33, welcome whose name is not UTF-8
        body(refusal=pb.Refusal(reason="r")),
        body(ping=pb.Ping()),
        body(
            welcome=pb.Welcome(
                version=1, agent="a", incarnation=1, state=pb.State(file=pb.StateFile(name="x", size=1))
            )
        ),  # no hash
    ],
)
def test_a_hostile_body_is_a_fault_and_nothing_worse(hostile):
    with pytest.raises(FrameFault):
        wire.decode(hostile)


@pytest.mark.parametrize(
    "unknown",
    [
        b"",  # no body at all
        b"\xfa\x03\x02\x08\x01",  # field 63
        body(hello=pb.Hello(oldest=1, newest=1, sdk="s")),  # only the agent says it
    ],
)
def test_an_unknown_body_is_silence(unknown):
    assert wire.decode(unknown) is None


def test_a_reason_this_sdk_does_not_know_is_no_fault():
    prepare = b"\x92\x02\x06\x08\x05\x10\x0a\x18\x63"  # field 34: request 5, deadline 10 ms, reason 99
    assert wire.decode(prepare) == wire.Prepare(request=5, deadline=0.01)


@pytest.mark.parametrize(
    "text, wanted",
    [("short", "short"), ("é" * 3000, "é" * 2048), ("a" + "é" * 3000, "a" + "é" * 2047), ("nul\0", "nul"), ("\ud800", "?")],
)
def test_texts_are_cut_at_a_character(text, wanted):
    assert wire.clipped(text) == wanted

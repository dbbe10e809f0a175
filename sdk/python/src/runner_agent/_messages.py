"""The protocol's messages as plain values. The only file that touches generated code. Documentation: docs/protocol.md"""

from __future__ import annotations

import enum
from dataclasses import dataclass
from typing import List, Optional, Tuple, Union

from google.protobuf.message import DecodeError

from . import agent_pb2 as pb
from ._frames import TEXT_LIMIT, FrameFault, framed

OLDEST = 1
NEWEST = 1
SDK = "runner-python 0.1.0"


@dataclass(frozen=True)
class Welcome:
    """What the runner told the agent when it connected (last)."""

    agent: str
    """The agent's name."""
    incarnation: int
    """Counts starts of this agent, from 1."""
    restored_from: Optional[int]
    """The version it was restored from; None: a clean start."""
    state_schema: Optional[str]
    """Schema of the state handed back."""
    slept: Optional[float]
    """Seconds of calendar time between the cut and now; None on a clean start."""
    changed: Tuple[str, ...]
    """What changed since the cut: "spec", "environment", "host"."""
    beat_every: Optional[float]
    """Seconds; how often the runner expects a heartbeat at the least. None: it does not watch for them."""
    version: int
    """Version of the protocol that is spoken."""


@dataclass(frozen=True)
class StateFile:
    """State in a file directly in the staging directory."""

    name: str
    size: int
    sha256: bytes


Payload = Union[bytes, StateFile]


@dataclass(frozen=True)
class Point:
    """State at a safe point, ready to be handed over."""

    payload: Payload
    schema: Optional[str]
    step: Optional[int]


# What the runner says. An Envelope of none of these kinds decodes to None and is answered by silence.


@dataclass(frozen=True)
class Welcomed:
    welcome: Welcome
    state: Optional[Payload]


@dataclass(frozen=True)
class Prepare:
    request: int
    deadline: float


@dataclass(frozen=True)
class Resume:
    request: int


@dataclass(frozen=True)
class Committed:
    request: int
    version: int


@dataclass(frozen=True)
class Aborted:
    request: int
    reason: str


@dataclass(frozen=True)
class Stop:
    deadline: float
    reason: str


@dataclass(frozen=True)
class Pressure:
    pass


class Verdict(enum.Enum):
    PROCEED = pb.PROCEED
    DONE = pb.EFFECT_DONE
    UNKNOWN = pb.UNKNOWN
    RECORDED = pb.RECORDED
    DENIED = pb.DENIED


@dataclass(frozen=True)
class EffectAnswer:
    request: int
    verdict: Verdict
    result: bytes
    reason: str


@dataclass(frozen=True)
class Refusal:
    code: str
    reason: str


@dataclass(frozen=True)
class Ping:
    number: int


Incoming = Union[Welcomed, Prepare, Resume, Committed, Aborted, Stop, Pressure, EffectAnswer, Refusal, Ping]


def decode(body: bytes) -> Optional[Incoming]:
    """What the runner said; None for a kind this SDK does not know.

    Raises FrameFault for bytes that are no Envelope and for a known kind without a field it must have.
    """
    envelope = pb.Envelope()
    try:
        envelope.ParseFromString(body)
        return _read(envelope)
    except (DecodeError, UnicodeError, ValueError) as error:
        raise FrameFault(f"a frame of {len(body)} bytes is no envelope: {error}") from None


def _read(envelope: pb.Envelope) -> Optional[Incoming]:
    kind = envelope.WhichOneof("body")
    if kind == "welcome":
        return _welcomed(_whole(envelope.welcome, "version", "agent", "incarnation"))
    if kind == "prepare":
        # Its reason is not looked at: a newer runner may have reasons this SDK has no name for.
        prepare = _whole(envelope.prepare, "request", "deadline_ms")
        return Prepare(prepare.request, prepare.deadline_ms / 1000)
    if kind == "resume":
        return Resume(_whole(envelope.resume, "request").request)
    if kind == "committed":
        committed = _whole(envelope.committed, "request", "version")
        return Committed(committed.request, committed.version)
    if kind == "aborted":
        aborted = _whole(envelope.aborted, "request")
        return Aborted(aborted.request, _text(aborted.reason))
    if kind == "stop":
        stop = _whole(envelope.stop, "deadline_ms")
        return Stop(stop.deadline_ms / 1000, _text(stop.reason))
    if kind == "pressure":
        return Pressure()
    if kind == "effect_result":
        answer = _whole(envelope.effect_result, "request", "verdict")
        return EffectAnswer(answer.request, Verdict(answer.verdict), answer.result, _text(answer.reason))
    if kind == "refusal":
        refusal = _whole(envelope.refusal, "code")
        return Refusal(_text(refusal.code), _text(refusal.reason))
    if kind == "ping":
        return Ping(_whole(envelope.ping, "number").number)
    return None


def _whole(message, *fields: str):  # type: ignore[no-untyped-def]
    # ParseFromString does not insist on required fields in every implementation of protobuf for Python.
    for field in fields:
        if not message.HasField(field):
            raise FrameFault(f"a '{message.DESCRIPTOR.name}' came without its '{field}'")
    return message


def _text(value: str) -> str:
    # Whether a string is UTF-8 is looked at when it is parsed, when it is read, or not at all, as the implementation likes.
    if not isinstance(value, str) or "\0" in value:
        raise FrameFault("a text is not UTF-8 or holds a NUL")
    value.encode("utf-8")
    return value


def _welcomed(message: pb.Welcome) -> Welcomed:
    state: Optional[Payload] = None
    if message.HasField("state"):
        if message.state.HasField("inline"):
            state = message.state.inline
        elif message.state.HasField("file"):
            file = _whole(message.state.file, "name", "size", "sha256")
            state = StateFile(_text(file.name), file.size, file.sha256)
    welcome = Welcome(
        agent=_text(message.agent),
        incarnation=message.incarnation,
        restored_from=message.restored_from if message.HasField("restored_from") else None,
        state_schema=_text(message.state_schema) if message.HasField("state_schema") else None,
        slept=message.slept_ms / 1000 if message.HasField("slept_ms") else None,
        changed=tuple(_text(name) for name in message.changed),
        beat_every=message.beat_every_ms / 1000 if message.HasField("beat_every_ms") else None,
        version=message.version,
    )
    return Welcomed(welcome, state)


# What the agent says: each gives the bytes of one frame.


def hello(capabilities: List[str], schema: Optional[str], resumes: Optional[int]) -> bytes:
    return _frame(
        pb.Envelope(
            hello=pb.Hello(oldest=OLDEST, newest=NEWEST, sdk=SDK, capabilities=capabilities, state_schema=schema, resumes=resumes)
        )
    )


def beat(
    step: Optional[int] = None,
    progress: Optional[float] = None,
    note: Optional[str] = None,
    tokens: Optional[int] = None,
    cost_micro_usd: Optional[int] = None,
) -> bytes:
    return _frame(
        pb.Envelope(
            beat=pb.Beat(
                step=step,
                progress=progress,
                note=None if note is None else clipped(note),
                tokens=tokens,
                cost_micro_usd=cost_micro_usd,
            )
        )
    )


def prepared(request: int, point: Point) -> bytes:
    return _frame(pb.Envelope(prepared=pb.Prepared(request=request, point=_point(point))))


def refused(request: int, reason: str) -> bytes:
    return _frame(pb.Envelope(refused=pb.Refused(request=request, reason=clipped(reason))))


def save(request: int, point: Point) -> bytes:
    return _frame(pb.Envelope(save=pb.Save(request=request, point=_point(point))))


def effect_begin(request: int, key: str, description: Optional[str], idempotent: bool) -> bytes:
    text = None if description is None else clipped(description)
    return _frame(
        pb.Envelope(effect_begin=pb.EffectBegin(request=request, key=key, description=text, idempotent=idempotent))
    )


def effect_end(request: int, key: str, result: bytes) -> bytes:
    return _frame(pb.Envelope(effect_end=pb.EffectEnd(request=request, key=key, result=result)))


def turn(waiting: bool) -> bytes:
    return _frame(pb.Envelope(turn=pb.Turn(waiting=waiting)))


def done(note: Optional[str]) -> bytes:
    return _frame(pb.Envelope(done=pb.Done(note=None if note is None else clipped(note))))


def failed(reason: str) -> bytes:
    return _frame(pb.Envelope(failed=pb.Failed(reason=clipped(reason))))


def pong(number: int) -> bytes:
    return _frame(pb.Envelope(pong=pb.Pong(number=number)))


def _point(point: Point) -> pb.SafePoint:
    if isinstance(point.payload, StateFile):
        file = pb.StateFile(name=point.payload.name, size=point.payload.size, sha256=point.payload.sha256)
        state = pb.State(file=file)
    else:
        state = pb.State(inline=point.payload)
    return pb.SafePoint(state=state, schema=point.schema, step=point.step)


def _frame(envelope: pb.Envelope) -> bytes:
    return framed(envelope.SerializeToString())


def clipped(text: str) -> str:
    """`text` as the wire takes it: valid UTF-8 of at most TEXT_LIMIT bytes."""
    encoded = text.replace("\0", "").encode("utf-8", "replace")
    return encoded[:TEXT_LIMIT].decode("utf-8", "ignore")

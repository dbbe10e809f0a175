from google.protobuf.internal import containers as _containers
from google.protobuf.internal import enum_type_wrapper as _enum_type_wrapper
from google.protobuf import descriptor as _descriptor
from google.protobuf import message as _message
from collections.abc import Iterable as _Iterable, Mapping as _Mapping
from typing import ClassVar as _ClassVar, Optional as _Optional, Union as _Union

DESCRIPTOR: _descriptor.FileDescriptor

class Reason(int, metaclass=_enum_type_wrapper.EnumTypeWrapper):
    __slots__ = ()
    SCHEDULE: _ClassVar[Reason]
    SAVE: _ClassVar[Reason]
    STOP: _ClassVar[Reason]
    OPERATOR: _ClassVar[Reason]
    ASIDE: _ClassVar[Reason]

class Verdict(int, metaclass=_enum_type_wrapper.EnumTypeWrapper):
    __slots__ = ()
    PROCEED: _ClassVar[Verdict]
    EFFECT_DONE: _ClassVar[Verdict]
    UNKNOWN: _ClassVar[Verdict]
    RECORDED: _ClassVar[Verdict]
    DENIED: _ClassVar[Verdict]
SCHEDULE: Reason
SAVE: Reason
STOP: Reason
OPERATOR: Reason
ASIDE: Reason
PROCEED: Verdict
EFFECT_DONE: Verdict
UNKNOWN: Verdict
RECORDED: Verdict
DENIED: Verdict

class Envelope(_message.Message):
    __slots__ = ("hello", "beat", "prepared", "refused", "save", "effect_begin", "effect_end", "turn", "done", "failed", "pong", "welcome", "prepare", "resume", "committed", "aborted", "stop", "pressure", "effect_result", "refusal", "ping")
    HELLO_FIELD_NUMBER: _ClassVar[int]
    BEAT_FIELD_NUMBER: _ClassVar[int]
    PREPARED_FIELD_NUMBER: _ClassVar[int]
    REFUSED_FIELD_NUMBER: _ClassVar[int]
    SAVE_FIELD_NUMBER: _ClassVar[int]
    EFFECT_BEGIN_FIELD_NUMBER: _ClassVar[int]
    EFFECT_END_FIELD_NUMBER: _ClassVar[int]
    TURN_FIELD_NUMBER: _ClassVar[int]
    DONE_FIELD_NUMBER: _ClassVar[int]
    FAILED_FIELD_NUMBER: _ClassVar[int]
    PONG_FIELD_NUMBER: _ClassVar[int]
    WELCOME_FIELD_NUMBER: _ClassVar[int]
    PREPARE_FIELD_NUMBER: _ClassVar[int]
    RESUME_FIELD_NUMBER: _ClassVar[int]
    COMMITTED_FIELD_NUMBER: _ClassVar[int]
    ABORTED_FIELD_NUMBER: _ClassVar[int]
    STOP_FIELD_NUMBER: _ClassVar[int]
    PRESSURE_FIELD_NUMBER: _ClassVar[int]
    EFFECT_RESULT_FIELD_NUMBER: _ClassVar[int]
    REFUSAL_FIELD_NUMBER: _ClassVar[int]
    PING_FIELD_NUMBER: _ClassVar[int]
    hello: Hello
    beat: Beat
    prepared: Prepared
    refused: Refused
    save: Save
    effect_begin: EffectBegin
    effect_end: EffectEnd
    turn: Turn
    done: Done
    failed: Failed
    pong: Pong
    welcome: Welcome
    prepare: Prepare
    resume: Resume
    committed: Committed
    aborted: Aborted
    stop: Stop
    pressure: Pressure
    effect_result: EffectResult
    refusal: Refusal
    ping: Ping
    def __init__(self, hello: _Optional[_Union[Hello, _Mapping]] = ..., beat: _Optional[_Union[Beat, _Mapping]] = ..., prepared: _Optional[_Union[Prepared, _Mapping]] = ..., refused: _Optional[_Union[Refused, _Mapping]] = ..., save: _Optional[_Union[Save, _Mapping]] = ..., effect_begin: _Optional[_Union[EffectBegin, _Mapping]] = ..., effect_end: _Optional[_Union[EffectEnd, _Mapping]] = ..., turn: _Optional[_Union[Turn, _Mapping]] = ..., done: _Optional[_Union[Done, _Mapping]] = ..., failed: _Optional[_Union[Failed, _Mapping]] = ..., pong: _Optional[_Union[Pong, _Mapping]] = ..., welcome: _Optional[_Union[Welcome, _Mapping]] = ..., prepare: _Optional[_Union[Prepare, _Mapping]] = ..., resume: _Optional[_Union[Resume, _Mapping]] = ..., committed: _Optional[_Union[Committed, _Mapping]] = ..., aborted: _Optional[_Union[Aborted, _Mapping]] = ..., stop: _Optional[_Union[Stop, _Mapping]] = ..., pressure: _Optional[_Union[Pressure, _Mapping]] = ..., effect_result: _Optional[_Union[EffectResult, _Mapping]] = ..., refusal: _Optional[_Union[Refusal, _Mapping]] = ..., ping: _Optional[_Union[Ping, _Mapping]] = ...) -> None: ...

class State(_message.Message):
    __slots__ = ("inline", "file")
    INLINE_FIELD_NUMBER: _ClassVar[int]
    FILE_FIELD_NUMBER: _ClassVar[int]
    inline: bytes
    file: StateFile
    def __init__(self, inline: _Optional[bytes] = ..., file: _Optional[_Union[StateFile, _Mapping]] = ...) -> None: ...

class StateFile(_message.Message):
    __slots__ = ("name", "size", "sha256")
    NAME_FIELD_NUMBER: _ClassVar[int]
    SIZE_FIELD_NUMBER: _ClassVar[int]
    SHA256_FIELD_NUMBER: _ClassVar[int]
    name: str
    size: int
    sha256: bytes
    def __init__(self, name: _Optional[str] = ..., size: _Optional[int] = ..., sha256: _Optional[bytes] = ...) -> None: ...

class SafePoint(_message.Message):
    __slots__ = ("state", "schema", "step")
    STATE_FIELD_NUMBER: _ClassVar[int]
    SCHEMA_FIELD_NUMBER: _ClassVar[int]
    STEP_FIELD_NUMBER: _ClassVar[int]
    state: State
    schema: str
    step: int
    def __init__(self, state: _Optional[_Union[State, _Mapping]] = ..., schema: _Optional[str] = ..., step: _Optional[int] = ...) -> None: ...

class Hello(_message.Message):
    __slots__ = ("oldest", "newest", "sdk", "capabilities", "state_schema", "resumes")
    OLDEST_FIELD_NUMBER: _ClassVar[int]
    NEWEST_FIELD_NUMBER: _ClassVar[int]
    SDK_FIELD_NUMBER: _ClassVar[int]
    CAPABILITIES_FIELD_NUMBER: _ClassVar[int]
    STATE_SCHEMA_FIELD_NUMBER: _ClassVar[int]
    RESUMES_FIELD_NUMBER: _ClassVar[int]
    oldest: int
    newest: int
    sdk: str
    capabilities: _containers.RepeatedScalarFieldContainer[str]
    state_schema: str
    resumes: int
    def __init__(self, oldest: _Optional[int] = ..., newest: _Optional[int] = ..., sdk: _Optional[str] = ..., capabilities: _Optional[_Iterable[str]] = ..., state_schema: _Optional[str] = ..., resumes: _Optional[int] = ...) -> None: ...

class Beat(_message.Message):
    __slots__ = ("step", "progress", "note", "tokens", "cost_micro_usd")
    STEP_FIELD_NUMBER: _ClassVar[int]
    PROGRESS_FIELD_NUMBER: _ClassVar[int]
    NOTE_FIELD_NUMBER: _ClassVar[int]
    TOKENS_FIELD_NUMBER: _ClassVar[int]
    COST_MICRO_USD_FIELD_NUMBER: _ClassVar[int]
    step: int
    progress: float
    note: str
    tokens: int
    cost_micro_usd: int
    def __init__(self, step: _Optional[int] = ..., progress: _Optional[float] = ..., note: _Optional[str] = ..., tokens: _Optional[int] = ..., cost_micro_usd: _Optional[int] = ...) -> None: ...

class Prepared(_message.Message):
    __slots__ = ("request", "point")
    REQUEST_FIELD_NUMBER: _ClassVar[int]
    POINT_FIELD_NUMBER: _ClassVar[int]
    request: int
    point: SafePoint
    def __init__(self, request: _Optional[int] = ..., point: _Optional[_Union[SafePoint, _Mapping]] = ...) -> None: ...

class Refused(_message.Message):
    __slots__ = ("request", "reason")
    REQUEST_FIELD_NUMBER: _ClassVar[int]
    REASON_FIELD_NUMBER: _ClassVar[int]
    request: int
    reason: str
    def __init__(self, request: _Optional[int] = ..., reason: _Optional[str] = ...) -> None: ...

class Save(_message.Message):
    __slots__ = ("request", "point")
    REQUEST_FIELD_NUMBER: _ClassVar[int]
    POINT_FIELD_NUMBER: _ClassVar[int]
    request: int
    point: SafePoint
    def __init__(self, request: _Optional[int] = ..., point: _Optional[_Union[SafePoint, _Mapping]] = ...) -> None: ...

class EffectBegin(_message.Message):
    __slots__ = ("request", "key", "description", "idempotent")
    REQUEST_FIELD_NUMBER: _ClassVar[int]
    KEY_FIELD_NUMBER: _ClassVar[int]
    DESCRIPTION_FIELD_NUMBER: _ClassVar[int]
    IDEMPOTENT_FIELD_NUMBER: _ClassVar[int]
    request: int
    key: str
    description: str
    idempotent: bool
    def __init__(self, request: _Optional[int] = ..., key: _Optional[str] = ..., description: _Optional[str] = ..., idempotent: bool = ...) -> None: ...

class EffectEnd(_message.Message):
    __slots__ = ("request", "key", "result")
    REQUEST_FIELD_NUMBER: _ClassVar[int]
    KEY_FIELD_NUMBER: _ClassVar[int]
    RESULT_FIELD_NUMBER: _ClassVar[int]
    request: int
    key: str
    result: bytes
    def __init__(self, request: _Optional[int] = ..., key: _Optional[str] = ..., result: _Optional[bytes] = ...) -> None: ...

class Turn(_message.Message):
    __slots__ = ("waiting",)
    WAITING_FIELD_NUMBER: _ClassVar[int]
    waiting: bool
    def __init__(self, waiting: bool = ...) -> None: ...

class Done(_message.Message):
    __slots__ = ("note",)
    NOTE_FIELD_NUMBER: _ClassVar[int]
    note: str
    def __init__(self, note: _Optional[str] = ...) -> None: ...

class Failed(_message.Message):
    __slots__ = ("reason",)
    REASON_FIELD_NUMBER: _ClassVar[int]
    reason: str
    def __init__(self, reason: _Optional[str] = ...) -> None: ...

class Pong(_message.Message):
    __slots__ = ("number",)
    NUMBER_FIELD_NUMBER: _ClassVar[int]
    number: int
    def __init__(self, number: _Optional[int] = ...) -> None: ...

class Welcome(_message.Message):
    __slots__ = ("version", "agent", "incarnation", "restored_from", "state", "state_schema", "slept_ms", "changed", "beat_every_ms")
    VERSION_FIELD_NUMBER: _ClassVar[int]
    AGENT_FIELD_NUMBER: _ClassVar[int]
    INCARNATION_FIELD_NUMBER: _ClassVar[int]
    RESTORED_FROM_FIELD_NUMBER: _ClassVar[int]
    STATE_FIELD_NUMBER: _ClassVar[int]
    STATE_SCHEMA_FIELD_NUMBER: _ClassVar[int]
    SLEPT_MS_FIELD_NUMBER: _ClassVar[int]
    CHANGED_FIELD_NUMBER: _ClassVar[int]
    BEAT_EVERY_MS_FIELD_NUMBER: _ClassVar[int]
    version: int
    agent: str
    incarnation: int
    restored_from: int
    state: State
    state_schema: str
    slept_ms: int
    changed: _containers.RepeatedScalarFieldContainer[str]
    beat_every_ms: int
    def __init__(self, version: _Optional[int] = ..., agent: _Optional[str] = ..., incarnation: _Optional[int] = ..., restored_from: _Optional[int] = ..., state: _Optional[_Union[State, _Mapping]] = ..., state_schema: _Optional[str] = ..., slept_ms: _Optional[int] = ..., changed: _Optional[_Iterable[str]] = ..., beat_every_ms: _Optional[int] = ...) -> None: ...

class Prepare(_message.Message):
    __slots__ = ("request", "deadline_ms", "reason")
    REQUEST_FIELD_NUMBER: _ClassVar[int]
    DEADLINE_MS_FIELD_NUMBER: _ClassVar[int]
    REASON_FIELD_NUMBER: _ClassVar[int]
    request: int
    deadline_ms: int
    reason: Reason
    def __init__(self, request: _Optional[int] = ..., deadline_ms: _Optional[int] = ..., reason: _Optional[_Union[Reason, str]] = ...) -> None: ...

class Resume(_message.Message):
    __slots__ = ("request",)
    REQUEST_FIELD_NUMBER: _ClassVar[int]
    request: int
    def __init__(self, request: _Optional[int] = ...) -> None: ...

class Committed(_message.Message):
    __slots__ = ("request", "version")
    REQUEST_FIELD_NUMBER: _ClassVar[int]
    VERSION_FIELD_NUMBER: _ClassVar[int]
    request: int
    version: int
    def __init__(self, request: _Optional[int] = ..., version: _Optional[int] = ...) -> None: ...

class Aborted(_message.Message):
    __slots__ = ("request", "reason")
    REQUEST_FIELD_NUMBER: _ClassVar[int]
    REASON_FIELD_NUMBER: _ClassVar[int]
    request: int
    reason: str
    def __init__(self, request: _Optional[int] = ..., reason: _Optional[str] = ...) -> None: ...

class Stop(_message.Message):
    __slots__ = ("deadline_ms", "reason")
    DEADLINE_MS_FIELD_NUMBER: _ClassVar[int]
    REASON_FIELD_NUMBER: _ClassVar[int]
    deadline_ms: int
    reason: str
    def __init__(self, deadline_ms: _Optional[int] = ..., reason: _Optional[str] = ...) -> None: ...

class Pressure(_message.Message):
    __slots__ = ()
    def __init__(self) -> None: ...

class EffectResult(_message.Message):
    __slots__ = ("request", "verdict", "result", "reason")
    REQUEST_FIELD_NUMBER: _ClassVar[int]
    VERDICT_FIELD_NUMBER: _ClassVar[int]
    RESULT_FIELD_NUMBER: _ClassVar[int]
    REASON_FIELD_NUMBER: _ClassVar[int]
    request: int
    verdict: Verdict
    result: bytes
    reason: str
    def __init__(self, request: _Optional[int] = ..., verdict: _Optional[_Union[Verdict, str]] = ..., result: _Optional[bytes] = ..., reason: _Optional[str] = ...) -> None: ...

class Refusal(_message.Message):
    __slots__ = ("code", "reason")
    CODE_FIELD_NUMBER: _ClassVar[int]
    REASON_FIELD_NUMBER: _ClassVar[int]
    code: str
    reason: str
    def __init__(self, code: _Optional[str] = ..., reason: _Optional[str] = ...) -> None: ...

class Ping(_message.Message):
    __slots__ = ("number",)
    NUMBER_FIELD_NUMBER: _ClassVar[int]
    number: int
    def __init__(self, number: _Optional[int] = ...) -> None: ...

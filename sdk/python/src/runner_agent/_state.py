"""State as bytes and back, and large state as a file in the staging directory."""

from __future__ import annotations

import hashlib
import itertools
import json
import os
import stat
from typing import Any, Callable, Optional, Tuple, Union

from ._frames import INLINE_STATE_LIMIT
from ._messages import Payload, StateFile
from .errors import StateNotStored, StateUnusable

Encode = Callable[[Any], bytes]
Decode = Callable[[bytes], Any]
Codec = Union[str, Tuple[Encode, Decode]]

_counter = itertools.count(1)


def codec_named(codec: Codec) -> Tuple[Encode, Decode]:
    """The two functions of `codec`: "json", "bytes", or a pair of one's own."""
    if codec == "json":
        return _to_json, json.loads
    if codec == "bytes":
        return _to_bytes, bytes
    if isinstance(codec, tuple) and len(codec) == 2 and all(callable(part) for part in codec):
        return codec
    raise ValueError(f"codec is {codec!r}: give 'json', 'bytes' or a pair (encode, decode)")


def _to_json(value: Any) -> bytes:
    if isinstance(value, (bytes, bytearray, memoryview)):
        raise TypeError("the state is bytes: make the agent with codec='bytes', or give it a JSON value")
    return json.dumps(value, ensure_ascii=False, separators=(",", ":")).encode("utf-8", "surrogatepass")


def _to_bytes(value: Any) -> bytes:
    if not isinstance(value, (bytes, bytearray, memoryview)):
        raise TypeError(f"the state is a '{type(value).__name__}', and with codec='bytes' it must be bytes")
    return bytes(value)


def stage(state: bytes, staging: Optional[str]) -> Payload:
    """`state` as it goes over the wire: itself when small, else a file that is durable when this returns."""
    if len(state) <= INLINE_STATE_LIMIT:
        return state
    if not staging:
        raise StateNotStored(f"could not hand over a state of {len(state)} bytes: RUNNER_STAGING names no directory")
    name = f"state-{os.getpid()}-{next(_counter)}"
    temporary = os.path.join(staging, f".{name}.tmp")
    try:
        descriptor = os.open(temporary, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC | os.O_NOFOLLOW, 0o600)
        try:
            view = memoryview(state)
            while view:
                view = view[os.write(descriptor, view) :]
            os.fsync(descriptor)
        finally:
            os.close(descriptor)
        os.rename(temporary, os.path.join(staging, name))
        _sync_directory(staging)
    except OSError as error:
        _remove(temporary)
        raise StateNotStored(
            f"could not write a state of {len(state)} bytes to '{staging}': {error.strerror or error}"
        ) from error
    return StateFile(name, len(state), hashlib.sha256(state).digest())


def unstage(payload: Payload, staging: Optional[str]) -> None:
    """Removes the file of `payload`, if it has one and the runner has not taken it away."""
    if isinstance(payload, StateFile) and staging:
        _remove(os.path.join(staging, payload.name))


def fetch(payload: Payload, staging: Optional[str]) -> bytes:
    """The bytes of a state that was handed back, checked."""
    if not isinstance(payload, StateFile):
        return payload
    if not staging:
        raise StateUnusable("the restored state is a file and RUNNER_STAGING names no directory")
    if payload.name in ("", ".", "..") or "/" in payload.name or "\0" in payload.name:
        raise StateUnusable(f"the restored state names the file '{payload.name}', which is not directly in the staging directory")
    path = os.path.join(staging, payload.name)
    try:
        descriptor = os.open(path, os.O_RDONLY | os.O_CLOEXEC | os.O_NOFOLLOW | os.O_NONBLOCK)
        try:
            facts = os.fstat(descriptor)
            # Before reading it: the size bounds what is read, and a FIFO would never end.
            if not stat.S_ISREG(facts.st_mode) or facts.st_size != payload.size:
                raise StateUnusable(f"the restored state '{path}' is not the file of {payload.size} bytes it should be")
            with os.fdopen(descriptor, "rb", closefd=False) as file:
                state = file.read(payload.size)
        finally:
            os.close(descriptor)
    except OSError as error:
        raise StateUnusable(f"could not read the restored state '{path}': {error.strerror or error}") from error
    if len(state) != payload.size or hashlib.sha256(state).digest() != payload.sha256:
        raise StateUnusable(f"the restored state '{path}' does not have the SHA-256 that was announced")
    return state


def _sync_directory(path: str) -> None:
    descriptor = os.open(path, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


def _remove(path: str) -> None:
    try:
        os.unlink(path)
    except OSError:
        pass  # gone already, or the runner's to remove; the staging directory is emptied with the incarnation

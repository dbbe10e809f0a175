"""Frames on the wire: 4 bytes of length, little-endian, then that many bytes of one Envelope. Computes; touches no socket."""

from __future__ import annotations

import struct
from typing import Iterator

FRAME_LIMIT = (1 << 20) + (64 << 10)
INLINE_STATE_LIMIT = 1 << 20
KEY_LIMIT = 512
TEXT_LIMIT = 4096
EFFECT_RESULT_LIMIT = 64 << 10

_LENGTH = struct.Struct("<I")


class FrameFault(Exception):
    """What came is not this protocol. The connection must be dropped: the next frame cannot be found."""


def framed(body: bytes) -> bytes:
    """One frame around `body`."""
    if len(body) > FRAME_LIMIT:
        raise FrameFault(f"a frame of {len(body)} bytes is over the limit of {FRAME_LIMIT}")
    return _LENGTH.pack(len(body)) + body


class FrameReader:
    """Gathers bytes as they come, in pieces of any size, and gives whole bodies."""

    def __init__(self) -> None:
        self._held = bytearray()

    def push(self, data: bytes) -> Iterator[bytes]:
        """Takes `data` and gives every body that is now whole. Never holds more than one frame and one read."""
        self._held += data
        start = 0
        try:
            while len(self._held) - start >= _LENGTH.size:
                (length,) = _LENGTH.unpack_from(self._held, start)
                # Before waiting for it: a length is believed only when it can be true.
                if length > FRAME_LIMIT:
                    raise FrameFault(f"a frame of {length} bytes was announced, the limit is {FRAME_LIMIT}")
                end = start + _LENGTH.size + length
                if len(self._held) < end:
                    return
                body = bytes(self._held[start + _LENGTH.size : end])
                start = end
                yield body
        finally:
            del self._held[:start]

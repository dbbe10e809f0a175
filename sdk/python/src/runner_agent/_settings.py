"""How one agent was set up: what its owner chose and what the environment says."""

from __future__ import annotations

import os
from typing import Any, Callable, List, Mapping, Optional

from . import _state
from ._messages import Payload, clipped

Migrate = Callable[[Any, Optional[str]], Any]


class Settings:
    """Checked once; read by every operation."""

    def __init__(
        self,
        schema: Optional[str],
        codec: _state.Codec,
        migrate: Optional[Migrate],
        beat_from_thread: bool,
        on_pressure: Optional[Callable[[], None]],
        connect_within: float,
        patience: float,
        environ: Optional[Mapping[str, str]],
    ) -> None:
        if schema is not None and (not schema or schema != clipped(schema) or "\0" in schema):
            raise ValueError(f"schema {schema!r} must be a short text without NUL")
        environ = os.environ if environ is None else environ
        self.schema = schema
        self.encode, self.decode = _state.codec_named(codec)
        self.migrate = migrate
        self.beat_from_thread = beat_from_thread
        self.on_pressure = on_pressure
        self.connect_within = connect_within
        self.patience = patience
        self.socket = environ.get("RUNNER_SOCKET") or None
        self.staging = environ.get("RUNNER_STAGING") or None

    def capabilities(self) -> List[str]:
        """What `hello` promises."""
        return ["prepare", "stop"] + (["pressure"] if self.on_pressure is not None else [])

    def stage(self, state: bytes) -> Payload:
        return _state.stage(state, self.staging)

    def unstage(self, payload: Payload) -> None:
        _state.unstage(payload, self.staging)

    def fetch(self, payload: Payload) -> bytes:
        return _state.fetch(payload, self.staging)

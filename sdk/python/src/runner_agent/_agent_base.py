"""What both twins share: what needs no waiting."""

from __future__ import annotations

import time
from typing import Any, Callable, Dict, Mapping, Optional

from . import _state
from ._messages import Welcome
from ._operations import Operations
from ._settings import Migrate, Settings


class AgentBase:
    """See `Agent`; the parts of it that never wait."""

    def __init__(
        self,
        schema: Optional[str] = None,
        *,
        codec: _state.Codec = "json",
        migrate: Optional[Migrate] = None,
        beat_from_thread: bool = True,
        on_pressure: Optional[Callable[[], None]] = None,
        connect_within: float = 30.0,
        patience: float = 60.0,
        environ: Optional[Mapping[str, str]] = None,
    ) -> None:
        """Prepares; nothing is connected before `start()` or `with`.

        schema: name and number of the state's own format, such as "notes/2". A restored state of another schema is given to `migrate`.
        codec: "json" (any JSON value; keys of objects are strings), "bytes", or a pair (encode, decode) of one's own.
        migrate: `migrate(state, old_schema)` gives the state in today's schema.
        beat_from_thread: True: a thread beats for the agent, which proves that the process lives. False: only `beat()` beats, which proves
            that the work gets on; then call it more often than the spec's `health.heartbeat`.
        on_pressure: called in the agent's own thread, by `beat` or at a safe point, when memory is short.
        connect_within: seconds the first connection may take.
        patience: seconds to wait for an answer about an effect, over any number of reconnects.
        environ: read in place of the process's environment.
        """
        self._operations = Operations(
            Settings(schema, codec, migrate, beat_from_thread, on_pressure, connect_within, patience, environ)
        )

    @property
    def under_runner(self) -> bool:
        """Whether there is a runner. Without one effects are done, nothing is stored and nothing is ever restored."""
        return self._operations.link is not None

    @property
    def restored(self) -> Any:
        """The state this incarnation begins from, decoded; None after a clean start."""
        return self._operations.restored

    @property
    def welcome(self) -> Optional[Welcome]:
        """What the runner said when it welcomed this agent last: incarnation, restored_from, slept, changed. None without a runner."""
        link = self._operations.link
        return link.welcome if link is not None else None

    @property
    def should_stop(self) -> bool:
        """The runner asked the agent to end. Finish what is in hand, reach a safe point, leave."""
        link = self._operations.link
        return link is not None and link.stop is not None

    @property
    def stop_requested(self) -> bool:
        """The same as `should_stop`."""
        return self.should_stop

    @property
    def stop_reason(self) -> Optional[str]:
        """Why the runner wants the agent to end, if it said so."""
        link = self._operations.link
        return link.stop.reason or None if link is not None and link.stop is not None else None

    @property
    def stop_within(self) -> Optional[float]:
        """Seconds left until the runner ends the agent; None: it was not asked to."""
        link = self._operations.link
        if link is None or link.stop_at is None:
            return None
        return max(0.0, link.stop_at - time.monotonic())

    @property
    def last_version(self) -> Optional[int]:
        """The newest version stored during this incarnation."""
        link = self._operations.link
        return link.last_version if link is not None else None

    def _beat(
        self,
        step: Optional[int],
        progress: Optional[float],
        note: Optional[str],
        tokens: Optional[int],
        cost_micro_usd: Optional[int],
    ) -> None:
        values: Dict[str, Any] = {}
        for name, count in (("step", step), ("tokens", tokens), ("cost_micro_usd", cost_micro_usd)):
            if count is not None:
                if not isinstance(count, int) or not 0 <= count < 1 << 64:
                    raise ValueError(f"{name} is {count!r} and must be a whole number from 0 up")
                values[name] = count
        if progress is not None:
            if not 0 <= progress <= 1:
                raise ValueError(f"progress is {progress!r} and must be from 0 to 1")
            values["progress"] = float(progress)
        if note is not None:
            values["note"] = str(note)
        if self._operations.link is not None:
            self._operations.link.beat(values)
            self._operations.ease_pressure()

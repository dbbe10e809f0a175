"""When a heartbeat is due and what it says. Computes; time is handed in. The caller holds the lock."""

from __future__ import annotations

from typing import Any, Dict, Optional

from . import _messages as wire

# Beats of the agent's own code are merged to at most this many a second.
GAP = 0.05
# When the runner does not watch for them.
INTERVAL = 1.0
FAR = 3600.0


class Beats:
    """What the agent said about its work, and when it was told last."""

    def __init__(self, from_thread: bool) -> None:
        self.from_thread = from_thread
        # Silence is filled only once the agent has its state: before that nothing proves that it can work.
        self.allowed = False
        self.said: Dict[str, Any] = {}
        self._news = False
        self._sent = float("-inf")
        self._interval = INTERVAL

    def say(self, values: Dict[str, Any]) -> None:
        self.said.update(values)
        self._news = True

    def welcomed(self, every: Optional[float]) -> None:
        """A new connection: all is told again. `every` is the longest silence the runner accepts; half of it leaves room for a late one."""
        self._interval = max(GAP, every / 2) if every else INTERVAL
        self._news = bool(self.said)
        self._sent = float("-inf")

    def due(self, now: float) -> Optional[bytes]:
        """The frame to be sent now, if one is due."""
        if self._news and now >= self._sent + GAP:
            self._news = False
            self._sent = now
            return wire.beat(**self.said)
        if self._fills and now >= self._sent + self._interval:
            self._sent = now
            return wire.beat()
        return None

    def next(self, now: float) -> float:
        """When to ask again."""
        if self._news:
            return self._sent + GAP
        return self._sent + self._interval if self._fills else now + FAR

    @property
    def _fills(self) -> bool:
        return self.allowed and self.from_thread

"""What is being waited for: a cut of the agent, an answer about an effect. Values and futures; no thread of their own."""

from __future__ import annotations

from concurrent.futures import Future
from dataclasses import dataclass
from typing import Any, Callable, Optional, Union

from ._messages import Point


@dataclass(frozen=True)
class Resumed:
    """The cut is taken: go on."""


@dataclass(frozen=True)
class Lost:
    """The connection ended first."""


@dataclass(frozen=True)
class Aborting:
    """Nothing was stored."""

    reason: str


LOST = Lost()


class Cut:
    """One cut of the agent, from handing over its state to the stored version."""

    def __init__(self, number: int, point: Point, own: bool) -> None:
        self.number = number
        self.point = point
        # Asked for by the agent (`save`), not by the runner (`prepare`).
        self.own = own
        # The caller stands still until it says otherwise.
        self.standing = True
        self.resumed: "Future[Union[Resumed, Lost]]" = Future()
        # The version, or why there is none.
        self.settled: "Future[Union[int, Aborting, Lost]]" = Future()

    def lose(self) -> None:
        """Ends it without a version."""
        for future in (self.resumed, self.settled):
            if not future.done():
                future.set_result(LOST)


class Ask:
    """One question about an effect. The same bytes are sent on every connection until the answer is there."""

    def __init__(self, number: int, build: Callable[[int], bytes], begins: bool) -> None:
        self.number = number
        self.frame = build(number)
        self.begins = begins
        self.sent = False
        self.answer: "Future[Any]" = Future()


class ArmedPoint:
    """A state that may be handed over while its owner stands still, and the cut that came of it."""

    def __init__(self, state: bytes, schema: Optional[str], step: Optional[int]) -> None:
        self.state = state
        self.schema = schema
        self.step = step
        self.cut: Optional[Cut] = None

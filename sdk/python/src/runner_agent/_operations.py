"""What an agent can do, written once for both twins: generators that yield what to wait for, and two drivers that do the waiting."""

from __future__ import annotations

import asyncio
import concurrent.futures
import json
import logging
from concurrent.futures import Future
from typing import Any, Callable, Generator, NamedTuple, Optional, TypeVar

from . import _messages as wire
from ._cuts import Aborting, ArmedPoint, Cut, Lost
from ._frames import EFFECT_RESULT_LIMIT, KEY_LIMIT
from ._link import Link
from ._messages import EffectAnswer, Point, Verdict
from ._settings import Settings
from .errors import (
    AgentClosed,
    AgentError,
    EffectDenied,
    EffectResultTooLarge,
    RunnerUnreachable,
    SchemaMismatch,
    StateNotStored,
    StateUnusable,
    UnknownEffect,
)

log = logging.getLogger("runner_agent")

# The protocol's own limit for standing still after a state was handed over.
CUT_WITHIN = 600.0

Result = TypeVar("Result")


class Wait(NamedTuple):
    """Go on when `future` is done, or after `seconds` with TIMED_OUT."""

    future: "Future[Any]"
    seconds: float


class _TimedOut:
    """What a wait gives when its time is over."""


TIMED_OUT = _TimedOut()
Steps = Generator[Wait, Any, Result]


def drive(steps: "Steps[Result]") -> Result:
    """Runs `steps`, blocking this thread in every wait."""
    try:
        wait = next(steps)
        while True:
            try:
                value = wait.future.result(wait.seconds)
            except concurrent.futures.TimeoutError:
                value = TIMED_OUT
            except BaseException as error:  # ctrl-C while standing still: the steps tidy up
                wait = steps.throw(error)
                continue
            wait = steps.send(value)
    except StopIteration as end:
        return end.value  # type: ignore[no-any-return]


async def drive_async(steps: "Steps[Result]") -> Result:
    """Runs `steps`, letting the event loop go on in every wait."""
    try:
        wait = next(steps)
        while True:
            try:
                # asyncio.wait, not wait_for: a cancelled waiter must not cancel the connection's future.
                await asyncio.wait([asyncio.wrap_future(wait.future)], timeout=wait.seconds)
                value = wait.future.result() if wait.future.done() else TIMED_OUT
            except BaseException as error:
                wait = steps.throw(error)
                continue
            wait = steps.send(value)
    except StopIteration as end:
        return end.value  # type: ignore[no-any-return]


class Operations:
    """The steps of every call, over one link; a link of None is an agent without a runner."""

    def __init__(self, settings: Settings) -> None:
        self.settings = settings
        self.link: Optional[Link] = None
        self.restored: Any = None

    # MARK: start and end

    def start(self) -> "Steps[None]":
        """Connects, says hello, waits for the welcome and decodes the state that came with it."""
        settings = self.settings
        if self.link is not None or settings.socket is None:
            return
        link = Link(
            settings.socket,
            settings.capabilities(),
            settings.schema,
            settings.beat_from_thread,
            settings.stage,
            settings.unstage,
        )
        link.start()
        try:
            first = yield Wait(link.first_welcome, settings.connect_within)
            if isinstance(first, _TimedOut):
                raise RunnerUnreachable(
                    f"could not reach the runner at '{settings.socket}' within {settings.connect_within:g} s. "
                    "Start the agent with 'runner run', or unset RUNNER_SOCKET to run without it"
                )
            if isinstance(first, AgentError):
                raise first
            if first.state is not None:
                self.restored = self._opened(first.state, first.welcome.state_schema)
        except BaseException:
            link.close()
            raise
        self.link = link
        # Only now: an agent that cannot read its state must not look alive.
        link.allow_beats()

    def _opened(self, payload: wire.Payload, schema: Optional[str]) -> Any:
        settings = self.settings
        state = settings.fetch(payload)
        try:
            value = settings.decode(state)
        except Exception as error:
            raise StateUnusable(f"could not decode the restored state of {len(state)} bytes: {error}") from error
        if settings.schema is None or schema == settings.schema:
            return value
        if settings.migrate is None:
            raise SchemaMismatch(schema, settings.schema)
        return settings.migrate(value, schema)

    def say_last(self, frame: bytes) -> "Steps[None]":
        """`done` or `failed`. Waits until it has left this process, so that an exit right after it loses nothing."""
        if self.link is None:
            return
        yield Wait(self.link.say_last(frame), self.settings.patience)

    # MARK: cuts

    def checkpoint_point(self, state: Any, step: Optional[int]) -> "Steps[bool]":
        """Hands `state` over when the runner asked for it. True: a cut was taken."""
        link = self.link
        if link is None:
            return False
        self.ease_pressure()
        prepare = link.open_prepare()
        if prepare is None or link.finished:
            return False
        try:
            point = self._point(state, step)
        except StateNotStored as error:
            link.refuse(prepare, str(error))
            log.warning("%s; going on", error)
            return False
        except BaseException as error:
            link.refuse(prepare, f"the state could not be encoded: {error}")
            raise
        cut = link.answer_prepare(prepare, point)
        return (yield from self._stand_still(link, cut))

    def save(self, state: Any, step: Optional[int], wait: bool, required: bool) -> "Steps[Optional[int]]":
        """Asks for a cut now. Gives the version, or None when it is not stored (yet)."""
        link = self._usable("save its state")
        if link is None:
            return None
        self.ease_pressure()
        # The runner takes one save at a time.
        before = link.unsettled_save()
        if before is not None:
            yield Wait(before.settled, CUT_WITHIN)
        try:
            encoded = self._encoded(state)
            step = step if step is not None else link.step
            point = Point(self.settings.stage(encoded), self.settings.schema, step)
        except StateNotStored as error:
            self._not_stored(str(error), required)
            return None
        # While we stand still for our own cut, the runner may have one of its wishes fulfilled, too.
        armed = link.arm(encoded, self.settings.schema, step)
        try:
            cut = link.save(point)
            yield from self._stand_still(link, cut)
            outcome = (yield Wait(cut.settled, CUT_WITHIN)) if wait else None
        finally:
            other = link.disarm(armed)
        if other is not None:
            yield from self._stand_still(link, other)
        cut.standing = False
        if not wait or isinstance(outcome, int):
            return outcome
        if other is not None:
            # Ours was not stored, theirs with the same state may be.
            instead = yield Wait(other.settled, CUT_WITHIN)
            if isinstance(instead, int):
                return instead
        self._not_stored(self._why(link, outcome), required)
        return None

    def _why(self, link: Link, outcome: Any) -> str:
        if isinstance(outcome, Aborting):
            return f"the runner did not store the state: {outcome.reason}"
        if link.fault is not None:
            return f"the runner did not store the state: {link.fault}"
        return "the runner did not say that the state is stored"

    def _not_stored(self, why: str, required: bool) -> None:
        if required:
            raise StateNotStored(why)
        log.warning("%s; going on", why)

    def _stand_still(self, link: Link, cut: Cut) -> "Steps[bool]":
        try:
            outcome = yield Wait(cut.resumed, CUT_WITHIN)
        except BaseException:
            link.abandon(cut)
            raise
        if isinstance(outcome, _TimedOut):
            log.warning("the runner did not take the cut within %.0f s, going on", CUT_WITHIN)
            link.abandon(cut)
            return False
        return not isinstance(outcome, Lost)

    def turn_begins(self, state: Any, step: Optional[int]) -> Optional[ArmedPoint]:
        """The agent waits for its model from now on; with a state it also stands at a safe point meanwhile."""
        link = self.link
        if link is None or link.finished:
            return None
        armed = None
        if state is not None:
            armed = link.arm(self._encoded(state), self.settings.schema, step if step is not None else link.step)
        link.turn(True)
        return armed

    def turn_ends(self, armed: Optional[ArmedPoint]) -> "Steps[None]":
        """The model has answered. Waits for a cut that is being taken."""
        link = self.link
        if link is None or link.finished:
            return
        cut = link.disarm(armed) if armed is not None else None
        if cut is not None:
            yield from self._stand_still(link, cut)
        link.turn(False)

    # MARK: effects

    def effect_begins(self, key: str, description: Optional[str], idempotent: bool) -> "Steps[Optional[EffectAnswer]]":
        """Asks whether to do it: an answer of PROCEED or DONE, None without a runner."""
        _check_key(key)
        link = self._usable(f"begin effect '{key}'")
        if link is None:
            return None
        answer = yield from self._asked(
            link, lambda number: wire.effect_begin(number, key, description, idempotent), f"begin effect '{key}'", True
        )
        if answer.verdict is Verdict.UNKNOWN:
            raise UnknownEffect(key, answer.reason or None)
        if answer.verdict not in (Verdict.PROCEED, Verdict.DONE):
            raise EffectDenied(key, answer.reason or "the runner gave no reason", done=False)
        return answer

    def effect_ends(self, key: str, result: Any) -> "Steps[None]":
        """Records that it is done, and its result."""
        link = self._usable(f"record effect '{key}'")
        if link is None:
            return
        encoded = json.dumps(result, ensure_ascii=False, separators=(",", ":")).encode("utf-8", "surrogatepass")
        if len(encoded) > EFFECT_RESULT_LIMIT:
            raise EffectResultTooLarge(
                key,
                f"could not record effect '{key}': its result takes {len(encoded)} bytes, the limit is {EFFECT_RESULT_LIMIT}. "
                "Keep it in the workspace and record where; the ledger now holds the effect as begun and not ended",
            )
        answer = yield from self._asked(
            link, lambda number: wire.effect_end(number, key, encoded), f"record effect '{key}'", False
        )
        if answer.verdict is not Verdict.RECORDED:
            raise EffectDenied(key, answer.reason or "the runner gave no reason", done=True)

    def _asked(self, link: Link, build: Callable[[int], bytes], what: str, begins: bool) -> "Steps[EffectAnswer]":
        ask = link.ask(build, begins)
        try:
            answer = yield Wait(ask.answer, self.settings.patience)
        except BaseException:
            link.forget(ask)
            raise
        if isinstance(answer, _TimedOut):
            link.forget(ask)
            raise RunnerUnreachable(f"could not {what}: the runner gave no answer within {self.settings.patience:g} s")
        if isinstance(answer, AgentError):
            raise answer
        return answer  # type: ignore[no-any-return]

    # MARK: parts

    def ease_pressure(self) -> None:
        """Calls the agent's own `on_pressure`, in the agent's own thread, once per wish of the runner."""
        link, shrink = self.link, self.settings.on_pressure
        if link is not None and link.pressure and shrink is not None:
            link.pressure = False
            shrink()

    def _usable(self, what: str) -> Optional[Link]:
        link = self.link
        if link is None:
            return None
        if link.fault is not None:
            raise link.fault
        if link.finished:
            raise AgentClosed(f"could not {what}: the agent has said that it is done or has failed")
        return link

    def _encoded(self, state: Any) -> bytes:
        return bytes(self.settings.encode(state() if callable(state) else state))

    def _point(self, state: Any, step: Optional[int]) -> Point:
        assert self.link is not None
        step = step if step is not None else self.link.step
        return Point(self.settings.stage(self._encoded(state)), self.settings.schema, step)


def result_of(answer: Optional[EffectAnswer]) -> Any:
    """The recorded result an answer brings, decoded; None when nothing was recorded."""
    if answer is None or answer.verdict is not Verdict.DONE or not answer.result:
        return None
    try:
        return json.loads(answer.result)
    except ValueError:
        # Settled by a person, in words.
        return answer.result.decode("utf-8", "replace")


def _check_key(key: str) -> None:
    try:
        size = len(key.encode("utf-8"))
    except UnicodeEncodeError:
        size = 0
    if not 1 <= size <= KEY_LIMIT or any(ord(character) < 0x20 or 0x7F <= ord(character) < 0xA0 for character in key):
        raise ValueError(f"effect key {key!r} must be 1 to {KEY_LIMIT} bytes of UTF-8 without control characters")

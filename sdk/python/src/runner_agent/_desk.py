"""Everything asked and answered between agent and runner, without a socket: what other threads ask, what is to be sent, what comes in.

Futures given out here never hold an exception: they hold an answer, `LOST` (the connection broke and nothing was stored), or an `AgentError` as
a value.
"""

from __future__ import annotations

import abc
import logging
import threading
import time
from collections import OrderedDict, deque
from concurrent.futures import Future
from typing import Any, Callable, Deque, Dict, Optional, Union

from . import _messages as wire
from ._beats import Beats
from ._cuts import Aborting, ArmedPoint, Ask, Cut, Resumed
from ._frames import FrameFault
from ._messages import Point, Prepare, Welcome, Welcomed
from .errors import AgentError, RunnerRefused, VersionRefused

log = logging.getLogger("runner_agent")

# The runner takes 64 open requests of one connection.
OPEN_ASKS = 32
# Refusals after which connecting again is of no use.
FINAL_REFUSALS = frozenset({"E-PROTOCOL-VERSION", "E-PROTOCOL-STRANGER", "E-PROTOCOL-OCCUPIED"})


class Desk(abc.ABC):
    """One agent's side of the protocol, over any number of connections. Every method may be called from any thread.

    `stage` turns a safe point's bytes into a payload and may write a file, `unstage` removes it.
    """

    def __init__(
        self,
        schema: Optional[str],
        beat_from_thread: bool,
        stage: Callable[[bytes], wire.Payload],
        unstage: Callable[[wire.Payload], None],
    ) -> None:
        self._schema = schema
        self._stage = stage
        self._unstage = unstage

        self.welcome: Optional[Welcome] = None
        self.first_welcome: "Future[Union[Welcomed, AgentError]]" = Future()
        self.stop: Optional[wire.Stop] = None
        self.stop_at: Optional[float] = None
        self.pressure = False
        self.last_version: Optional[int] = None
        # Set once and for good: why nothing can be asked any more.
        self.fault: Optional[AgentError] = None

        self._lock = threading.Lock()
        self._numbers = 0
        self._open = False
        self._posts: Deque[bytes] = deque()
        self._asks: "OrderedDict[int, Ask]" = OrderedDict()
        self._cuts: Dict[int, Cut] = {}
        self._prepare: Optional[Prepare] = None
        self._armed: Optional[ArmedPoint] = None
        self._waiting_for_model = 0
        self._last_words: Optional[bytes] = None
        self._last_words_sent: "Future[Any]" = Future()
        self._beats = Beats(beat_from_thread)

    @abc.abstractmethod
    def _wake(self) -> None:
        """Something is to be sent."""

    @abc.abstractmethod
    def _drop(self) -> None:
        """Ends the connection that is open now. Called with the lock held."""

    # MARK: what other threads ask for

    def allow_beats(self) -> None:
        """From here on silence is filled with heartbeats: the agent has its state."""
        with self._lock:
            self._beats.allowed = True
        self._wake()

    def beat(self, values: Dict[str, Any]) -> None:
        """Merges `values` into the next beat; it is sent at once unless one was sent a moment ago."""
        with self._lock:
            if self.fault is not None:
                return
            self._beats.say(values)
        self._wake()

    @property
    def finished(self) -> bool:
        """`done` or `failed` was said."""
        return self._last_words is not None

    @property
    def step(self) -> Optional[int]:
        """The step said by the last beat."""
        return self._beats.said.get("step")

    def ask(self, build: Callable[[int], bytes], begins: bool) -> Ask:
        """Sends what `build` makes of a new request number, again after every reconnect, until it is answered."""
        with self._lock:
            ask = Ask(self._number(), build, begins)
            if self.fault is not None:
                ask.answer.set_result(self.fault)
            else:
                self._asks[ask.number] = ask
        self._wake()
        return ask

    def forget(self, ask: Ask) -> None:
        """Nobody waits for `ask` any more."""
        with self._lock:
            self._asks.pop(ask.number, None)

    def open_prepare(self) -> Optional[Prepare]:
        """The runner's wish for a cut, while it stands. Cheap: meant for every turn of a loop."""
        return self._prepare

    def refuse(self, prepare: Prepare, reason: str) -> None:
        """Says that no state can be had for `prepare`."""
        with self._lock:
            if self._prepare is prepare:
                self._prepare = None
                self._posts.append(wire.refused(prepare.request, reason))
        self._wake()

    def answer_prepare(self, prepare: Prepare, point: Point) -> Cut:
        """Hands over `point`. When the runner no longer waits for it, the cut is already over."""
        with self._lock:
            cut = self._answer(prepare, point)
        self._wake()
        return cut

    def save(self, point: Point) -> Cut:
        """Asks for a cut at the agent's own safe point. The one before must be settled."""
        with self._lock:
            number = self._number()
            cut = Cut(number, point, own=True)
            cut.settled.add_done_callback(lambda _: self._unstage(point.payload))
            if self.fault is not None:
                cut.lose()
            else:
                self._cuts[number] = cut
                if self._open:
                    self._posts.append(wire.save(number, point))
        self._wake()
        return cut

    def unsettled_save(self) -> Optional[Cut]:
        """The agent's own cut that is neither stored nor given up yet."""
        with self._lock:
            return next((cut for cut in self._cuts.values() if cut.own), None)

    def arm(self, state: bytes, schema: Optional[str], step: Optional[int]) -> "ArmedPoint":
        """From now to `disarm` the caller stands still: a `prepare` is answered with this state by the connection's own thread."""
        armed = ArmedPoint(state, schema, step)
        with self._lock:
            self._armed = armed
        self._wake()
        return armed

    def disarm(self, armed: "ArmedPoint") -> Optional[Cut]:
        """The cut that was begun meanwhile, if one was; wait for its `resumed` before going on."""
        with self._lock:
            if self._armed is armed:
                self._armed = None
            # While the state is being written to a file the cut is not there yet; the writer sees that it came too late.
            return armed.cut

    def turn(self, waiting: bool) -> None:
        """One more, or one less, thread waits for the model."""
        with self._lock:
            before = self._waiting_for_model
            self._waiting_for_model = max(0, before + (1 if waiting else -1))
            changed = (before > 0) != (self._waiting_for_model > 0)
            if changed and self._open and self._last_words is None:
                self._posts.append(wire.turn(waiting))
        self._wake()

    def abandon(self, cut: Cut) -> None:
        """The agent goes on although `cut` is not over: the connection is dropped, so that the runner takes nothing half-changed for a cut."""
        with self._lock:
            if cut.resumed.done():
                return
            self._cuts.pop(cut.number, None)
            cut.lose()
            self._drop()
        self._wake()

    def say_last(self, frame: bytes) -> "Future[Any]":
        """`done` or `failed`: said on this connection and on every later one. The future is done when it has left this process."""
        with self._lock:
            if self._last_words is None:
                self._last_words = frame
                if self.fault is not None:
                    self._last_words_sent.set_result(self.fault)
                elif self._open:
                    self._posts.append(frame)
        self._wake()
        return self._last_words_sent

    # MARK: what is to be sent

    def _outgoing(self, now: float) -> bytes:
        """Frames that are due now, in order. A safe point asked for while the agent stands still is handed over here."""
        self._answer_with_armed()
        with self._lock:
            frames = list(self._posts)
            self._posts.clear()
            standing = any(not cut.resumed.done() for cut in self._cuts.values())
            sent = sum(ask.sent for ask in self._asks.values())
            for ask in self._asks.values() if self._last_words is None else ():
                # Between a safe point and `resume` no effect is begun.
                if not ask.sent and sent < OPEN_ASKS and not (ask.begins and standing):
                    ask.sent = True
                    sent += 1
                    frames.append(ask.frame)
            beat = self._beats.due(now)
            if beat is not None:
                frames.append(beat)
        return b"".join(frames)

    def _all_sent(self) -> None:
        """All that was due has left this process."""
        with self._lock:
            if self._open and self._last_words is not None and not self._last_words_sent.done() and not self._posts:
                self._last_words_sent.set_result(None)

    def _answer_with_armed(self) -> None:
        prepare, armed = self._prepare, self._armed
        if prepare is None or armed is None or (armed.cut is not None and not armed.cut.resumed.done()):
            return
        try:
            payload = self._stage(armed.state)
        except Exception as error:
            log.warning("no state could be handed over, going on: %s", error)
            self.refuse(prepare, str(error))
            return
        with self._lock:
            if self._armed is not armed or self._prepare is not prepare:
                self._unstage(payload)
                return
            armed.cut = self._answer(prepare, Point(payload, armed.schema, armed.step))

    # MARK: what the runner says

    def _take(self, message: Optional[wire.Incoming]) -> bytes:
        """Acts on one message; gives what is to be sent before anything else."""
        if message is None:
            return b""
        if isinstance(message, wire.Ping):
            return wire.pong(message.number)
        if isinstance(message, wire.Refusal):
            return self._refused(message)
        if isinstance(message, Welcomed):
            return self._welcomed(message)
        if not self._open:
            raise FrameFault(f"a '{type(message).__name__.lower()}' came before the welcome")
        with self._lock:
            if isinstance(message, Prepare):
                self._prepare = message
            elif isinstance(message, wire.Resume):
                self._cut_is_taken(message.request)
            elif isinstance(message, wire.Committed):
                self.last_version = max(message.version, self.last_version or 0)
                self._settle(message.request, message.version)
            elif isinstance(message, wire.Aborted):
                self._settle(message.request, Aborting(message.reason))
            elif isinstance(message, wire.Stop):
                self.stop_at = time.monotonic() + message.deadline
                self.stop = message
            elif isinstance(message, wire.Pressure):
                self.pressure = True
            elif isinstance(message, wire.EffectAnswer):
                ask = self._asks.pop(message.request, None)
                if ask is not None:
                    ask.answer.set_result(message)
        return b""

    def _welcomed(self, message: Welcomed) -> bytes:
        if self._open:
            raise FrameFault("a second welcome came on one connection")
        if not wire.OLDEST <= message.welcome.version <= wire.NEWEST:
            raise FrameFault(f"the welcome chose version {message.welcome.version} of the protocol, which was not offered")
        out = []
        with self._lock:
            if self.welcome is not None:
                log.info("connected to the runner again, incarnation %d", message.welcome.incarnation)
            self.welcome = message.welcome
            self._open = True
            # What was asked and not answered is asked again, by the same number.
            for cut in self._cuts.values():
                out.append(wire.save(cut.number, cut.point))
            self._beats.welcomed(message.welcome.beat_every)
            if self._waiting_for_model:
                out.append(wire.turn(True))
            if self._last_words is not None:
                out = [self._last_words]
        if not self.first_welcome.done():
            self.first_welcome.set_result(message)
        return b"".join(out)

    def _refused(self, refusal: wire.Refusal) -> bytes:
        kind = VersionRefused if refusal.code == "E-PROTOCOL-VERSION" else RunnerRefused
        error = kind(refusal.code, refusal.reason)
        if refusal.code in FINAL_REFUSALS:
            log.error("%s; going on without it", error)
            self.fault = error
        else:
            log.warning("%s; connecting again", error)
        return b""

    # MARK: cuts, with the lock held

    def _number(self) -> int:
        self._numbers += 1
        return self._numbers

    def _answer(self, prepare: Prepare, point: Point) -> Cut:
        cut = Cut(prepare.request, point, own=False)
        cut.settled.add_done_callback(lambda _: self._unstage(point.payload))
        # It may have been cut without us, withdrawn, or asked on a connection that is gone.
        if self._prepare is not prepare:
            cut.lose()
            return cut
        self._prepare = None
        self._cuts[cut.number] = cut
        self._posts.append(wire.prepared(cut.number, point))
        return cut

    def _cut_is_taken(self, request: int) -> None:
        if self._prepare is not None and self._prepare.request == request:
            self._prepare = None
        cut = self._cuts.get(request)
        if cut is not None and not cut.resumed.done():
            cut.resumed.set_result(Resumed())

    def _settle(self, request: int, outcome: Union[int, Aborting]) -> None:
        self._cut_is_taken(request)
        cut = self._cuts.pop(request, None)
        if cut is not None and not cut.settled.done():
            cut.settled.set_result(outcome)

    # MARK: ends, from the connection's thread

    def _lose(self, why: str) -> None:
        """The connection is over: what the runner asked is void, what the agent asked waits for the next one."""
        with self._lock:
            if self._open:
                log.info("lost the connection to the runner: %s", why)
            self._open = False
            self._prepare = None
            self._posts.clear()
            for ask in self._asks.values():
                ask.sent = False
            for cut in list(self._cuts.values()):
                # An own cut whose caller still stands still is asked for again; any other cannot be told from one that was never taken.
                if not (cut.own and cut.standing):
                    del self._cuts[cut.number]
                    cut.lose()

    def _end(self, error: AgentError) -> None:
        """Nothing will be answered any more: everybody who waits is told so."""
        with self._lock:
            if self.fault is None:
                self.fault = error
            for ask in self._asks.values():
                ask.answer.set_result(self.fault)
            self._asks.clear()
            for cut in self._cuts.values():
                cut.lose()
            self._cuts.clear()
            if self._last_words is not None and not self._last_words_sent.done():
                self._last_words_sent.set_result(self.fault)
        if not self.first_welcome.done():
            self.first_welcome.set_result(self.fault)

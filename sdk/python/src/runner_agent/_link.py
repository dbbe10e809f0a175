"""The connection to the runner: one thread owns the socket, heartbeats and reconnecting; every other thread asks it and waits for a future.

Futures given out here never hold an exception: they hold an answer, `LOST` (the connection broke and nothing was stored), or an `AgentError` as
a value.
"""

from __future__ import annotations

import logging
import os
import random
import select
import socket
import threading
import time
import weakref
from collections import OrderedDict, deque
from concurrent.futures import Future
from typing import Any, Callable, Deque, Dict, List, Optional, Union

from . import _messages as wire
from ._cuts import Aborting, Ask, Cut, Resumed
from ._frames import FrameFault, FrameReader
from ._messages import Point, Prepare, Welcome, Welcomed
from .errors import AgentClosed, AgentError, ForkedAgent, RunnerRefused, VersionRefused

log = logging.getLogger("runner_agent")

WELCOME_WITHIN = 30.0
BACK_OFF_FIRST = 0.05
BACK_OFF_MOST = 5.0
# A connection that lived this long was a good one: the next loss begins with the shortest pause again.
GOOD_AFTER = 1.0
# The runner takes 64 open requests of one connection.
OPEN_ASKS = 32
# Beats of the agent's own code are merged to at most this many a second.
BEAT_GAP = 0.05
BEAT_DEFAULT = 1.0
FLUSH_WITHIN = 2.0
# Refusals after which connecting again is of no use.
FINAL_REFUSALS = frozenset({"E-PROTOCOL-VERSION", "E-PROTOCOL-STRANGER", "E-PROTOCOL-OCCUPIED"})


class Link:
    """One agent's connection, kept for its whole life.

    `stage` turns a safe point's bytes into a payload and may write a file, `unstage` removes it; `beat_from_thread` says whether silence of the
    agent's own code is filled.
    """

    def __init__(
        self,
        path: str,
        capabilities: List[str],
        schema: Optional[str],
        beat_from_thread: bool,
        stage: Callable[[bytes], wire.Payload],
        unstage: Callable[[wire.Payload], None],
    ) -> None:
        self._path = path
        self._capabilities = capabilities
        self._schema = schema
        self._beat_from_thread = beat_from_thread
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
        self._socket: Optional[socket.socket] = None
        self._open = False
        self._posts: Deque[bytes] = deque()
        self._asks: "OrderedDict[int, Ask]" = OrderedDict()
        self._cuts: Dict[int, Cut] = {}
        self._prepare: Optional[Prepare] = None
        self._armed: Optional[ArmedPoint] = None
        self._waiting_for_model = 0
        self._last_words: Optional[bytes] = None
        self._last_words_sent: "Future[Any]" = Future()
        self._beat: Dict[str, Any] = {}
        self._beat_dirty = False
        self._beats_allowed = False
        self._beat_sent = float("-inf")
        self._closing = False
        self._wake_read, self._wake_write = os.pipe()
        os.set_blocking(self._wake_read, False)
        os.set_blocking(self._wake_write, False)
        self._thread = threading.Thread(target=self._run, name="runner-agent", daemon=True)
        _links.add(self)

    # MARK: what other threads ask for

    def start(self) -> None:
        self._thread.start()

    def allow_beats(self) -> None:
        """From here on silence is filled with heartbeats: the agent has its state."""
        with self._lock:
            self._beats_allowed = True
        self._wake()

    def beat(self, values: Dict[str, Any]) -> None:
        """Merges `values` into the next beat; it is sent at once unless one was sent a moment ago."""
        with self._lock:
            if self.fault is not None:
                return
            self._beat.update(values)
            self._beat_dirty = True
        self._wake()

    @property
    def finished(self) -> bool:
        """`done` or `failed` was said."""
        return self._last_words is not None

    @property
    def step(self) -> Optional[int]:
        """The step said by the last beat."""
        return self._beat.get("step")

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

    def close(self) -> None:
        """Sends what is queued (at most for a moment) and ends the thread."""
        with self._lock:
            self._closing = True
        self._wake()
        if self._thread.is_alive() and threading.current_thread() is not self._thread:
            self._thread.join(FLUSH_WITHIN + 1)

    # MARK: the connection's own thread

    def _run(self) -> None:
        try:
            pause = BACK_OFF_FIRST
            while not self._over():
                began = time.monotonic()
                connection = self._connect()
                if connection is not None:
                    why = self._converse(connection)
                    self._lose(why)
                if time.monotonic() - began >= GOOD_AFTER:
                    pause = BACK_OFF_FIRST
                self._pause(pause * random.uniform(0.75, 1.25))
                pause = min(pause * 2, BACK_OFF_MOST)
            self._end(self.fault or AgentClosed("the agent is closed"))
        except BaseException as error:  # a heartbeat thread must never end a program
            log.exception("the connection to the runner ended by a bug, going on without it")
            self._lose("a bug")
            self._end(AgentError(f"the connection to the runner ended by a bug: {error!r}"))

    def _connect(self) -> Optional[socket.socket]:
        connection = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
        try:
            connection.setblocking(False)
            connection.connect(self._path)
        except OSError as error:
            connection.close()
            log.debug("could not connect to the runner at '%s': %s", self._path, error)
            return None
        with self._lock:
            self._socket = connection
        return connection

    def _converse(self, connection: socket.socket) -> str:
        """One connection from `hello` to its end; why it ended."""
        reader = FrameReader()
        resumes = self.welcome.incarnation if self.welcome is not None else None
        out = bytearray(wire.hello(self._capabilities, self._schema, resumes))
        welcome_by = time.monotonic() + WELCOME_WITHIN
        close_by: Optional[float] = None
        while True:
            now = time.monotonic()
            if self.fault is not None:
                return "it is of no further use"
            if self._open:
                out += self._outgoing(now)
            elif now >= welcome_by:
                return f"no welcome came within {WELCOME_WITHIN:.0f} s"
            if self._closing:
                close_by = close_by or now + FLUSH_WITHIN
                if not out or not self._open or now >= close_by:
                    return "the agent is closed"
            due = close_by or (self._next_beat(now) if self._open else welcome_by)
            readable, writable = self._wait(connection, bool(out), due - now)
            try:
                if writable:
                    del out[: connection.send(out)]
                    if not out:
                        self._all_sent()
                if readable:
                    data = connection.recv(1 << 16)
                    if not data:
                        return "the runner closed it"
                    for body in reader.push(data):
                        out += self._take(wire.decode(body))
            except (BlockingIOError, InterruptedError):
                continue
            except FrameFault as fault:
                log.warning("the runner sent what is not the protocol, connecting again: %s", fault)
                return str(fault)
            except OSError as error:
                return error.strerror or str(error)

    def _wait(self, connection: Optional[socket.socket], writing: bool, seconds: float) -> "tuple[bool, bool]":
        poll = select.poll()
        poll.register(self._wake_read, select.POLLIN)
        if connection is not None:
            poll.register(connection, select.POLLIN | (select.POLLOUT if writing else 0))
        ready = dict(poll.poll(max(0.0, min(seconds, 3600.0)) * 1000))
        if ready.pop(self._wake_read, 0):
            try:
                os.read(self._wake_read, 4096)
            except BlockingIOError:
                pass
        events = ready.get(connection.fileno(), 0) if connection is not None and connection.fileno() >= 0 else 0
        return bool(events & ~select.POLLOUT), bool(events & select.POLLOUT)

    def _pause(self, seconds: float) -> None:
        until = time.monotonic() + seconds
        while not self._over() and (left := until - time.monotonic()) > 0:
            self._wait(None, False, left)

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
            if self._beat_dirty and now >= self._beat_sent + BEAT_GAP:
                frames.append(wire.beat(**self._beat))
                self._beat_dirty = False
                self._beat_sent = now
            elif self._beats_allowed and self._beat_from_thread and now >= self._beat_sent + self._beat_interval():
                frames.append(wire.beat())
                self._beat_sent = now
        return b"".join(frames)

    def _beat_interval(self) -> float:
        # `beat_every` is the longest silence the runner accepts: half of it leaves room for one that is late.
        every = self.welcome.beat_every if self.welcome is not None else None
        return max(BEAT_GAP, every / 2) if every else BEAT_DEFAULT

    def _next_beat(self, now: float) -> float:
        if self._beat_dirty:
            return self._beat_sent + BEAT_GAP
        if self._beats_allowed and self._beat_from_thread:
            return self._beat_sent + self._beat_interval()
        return now + 3600

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
            if self._beat:
                self._beat_dirty = True
            self._beat_sent = float("-inf")
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

    # MARK: ends

    def _over(self) -> bool:
        return self._closing or self.fault is not None

    def _all_sent(self) -> None:
        with self._lock:
            if self._open and self._last_words is not None and not self._last_words_sent.done() and not self._posts:
                self._last_words_sent.set_result(None)

    def _drop(self) -> None:
        connection = self._socket
        if connection is not None:
            try:
                connection.shutdown(socket.SHUT_RDWR)
            except OSError:
                pass  # the other side was faster

    def _lose(self, why: str) -> None:
        """The connection is over: what the runner asked is void, what the agent asked waits for the next one."""
        with self._lock:
            if self._socket is not None:
                self._socket.close()
                self._socket = None
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
        with self._lock:
            os.close(self._wake_read)
            os.close(self._wake_write)
            self._wake_write = -1

    def _wake(self) -> None:
        with self._lock:
            if self._wake_write >= 0:
                try:
                    os.write(self._wake_write, b"\0")
                except BlockingIOError:
                    pass  # it is full: the thread is about to wake anyway

    def _after_fork(self) -> None:
        """In the child: the thread is not there, and the socket is the parent's. Only this process's copies are closed."""
        self._lock = threading.Lock()
        self.fault = ForkedAgent("this process was made by fork: the runner's connection and its ledger belong to the parent")
        connection, self._socket = self._socket, None
        if connection is not None:
            connection.close()
        if self._wake_write >= 0:
            os.close(self._wake_write)
            os.close(self._wake_read)
            self._wake_write = -1
        self._prepare = None
        self._armed = None
        self._asks = OrderedDict()
        self._cuts = {}
        self._last_words_sent = Future()


class ArmedPoint:
    """A state that may be handed over while its owner stands still, and the cut that came of it."""

    def __init__(self, state: bytes, schema: Optional[str], step: Optional[int]) -> None:
        self.state = state
        self.schema = schema
        self.step = step
        self.cut: Optional[Cut] = None


_links: "weakref.WeakSet[Link]" = weakref.WeakSet()


def _detach_all() -> None:
    for link in list(_links):
        link._after_fork()


os.register_at_fork(after_in_child=_detach_all)

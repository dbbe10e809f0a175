"""The connection to the runner: one thread owns the socket, heartbeats and reconnecting; every other thread asks it and waits for a future."""

from __future__ import annotations

import logging
import os
import random
import select
import socket
import threading
import time
import weakref
from collections import OrderedDict
from concurrent.futures import Future
from typing import Callable, List, Optional

from . import _messages as wire
from ._desk import Desk
from ._frames import FrameFault, FrameReader
from .errors import AgentClosed, AgentError, ForkedAgent

log = logging.getLogger("runner_agent")

WELCOME_WITHIN = 30.0
BACK_OFF_FIRST = 0.05
BACK_OFF_MOST = 5.0
# A connection that lived this long was a good one: the next loss begins with the shortest pause again.
GOOD_AFTER = 1.0
# How long `close` waits for what is queued.
FLUSH_WITHIN = 2.0


class Link(Desk):
    """A desk and the thread that carries its messages to and fro, for the agent's whole life."""

    def __init__(
        self,
        path: str,
        capabilities: List[str],
        schema: Optional[str],
        beat_from_thread: bool,
        stage: Callable[[bytes], wire.Payload],
        unstage: Callable[[wire.Payload], None],
    ) -> None:
        super().__init__(schema, beat_from_thread, stage, unstage)
        self._path = path
        self._capabilities = capabilities
        self._socket: Optional[socket.socket] = None
        self._closing = False
        self._wake_read, self._wake_write = os.pipe()
        os.set_blocking(self._wake_read, False)
        os.set_blocking(self._wake_write, False)
        self._thread = threading.Thread(target=self._run, name="runner-agent", daemon=True)
        _links.add(self)

    def start(self) -> None:
        """Begins to connect."""
        self._thread.start()

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
            due = close_by or (self._beats.next(now) if self._open else welcome_by)
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

    def _over(self) -> bool:
        return self._closing or self.fault is not None

    def _lose(self, why: str) -> None:
        with self._lock:
            if self._socket is not None:
                self._socket.close()
                self._socket = None
        super()._lose(why)

    def _end(self, error: AgentError) -> None:
        super()._end(error)
        with self._lock:
            os.close(self._wake_read)
            os.close(self._wake_write)
            self._wake_write = -1

    def _drop(self) -> None:
        connection = self._socket
        if connection is not None:
            try:
                connection.shutdown(socket.SHUT_RDWR)
            except OSError:
                pass  # the other side was faster

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


_links: "weakref.WeakSet[Link]" = weakref.WeakSet()


def _detach_all() -> None:
    for link in list(_links):
        link._after_fork()


os.register_at_fork(after_in_child=_detach_all)

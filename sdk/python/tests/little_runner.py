"""A runner small enough to read in one sitting, for testing whole agents: it restores state and workspace together, keeps a ledger of effects, and
kills its agent when the test says so. Not a supervisor for real use: nothing here is durable and nothing is confined."""

import json
import os
import select
import shutil
import signal
import socket
import struct
import subprocess
import sys

from runner_agent import agent_pb2 as pb

RUNNER_NUMBERS = 1 << 32


class LittleRunner:
    """Runs `command` until it ends with status 0, restoring it from its newest version after every death.

    heard(runner, kind, message): called for every message of the agent, after it was answered; may call `kill()` and `prepare()`.
    """

    def __init__(self, folder, command, workspace, environ=None, heard=None):
        self.folder = str(folder)
        self.command = command
        self.workspace = str(workspace)
        self.environ = environ or {}
        self.heard = heard or (lambda runner, kind, message: None)
        self.incarnation = 0
        self.versions = []  # (number, state, schema, step, copy of the workspace)
        self.ledger = {}  # key: ("open", incarnation, request) or ("done", result)
        self.attempts = {}  # key: how often PROCEED was said
        self.origins = []  # what each incarnation began from: None or a version's number
        self.connection = None
        self.process = None
        self._preparing = None
        self._requests = RUNNER_NUMBERS

    def run(self, incarnations=100, patience=60.0):
        """The agent's last exit status. Fails the test when it dies oftener, or is silent for longer, than that."""
        staging = os.path.join(self.folder, "staging")
        path = os.path.join(self.folder, "agent.sock")
        while True:
            self.incarnation += 1
            assert self.incarnation <= incarnations, f"died {self.incarnation - 1} times"
            shutil.rmtree(staging, ignore_errors=True)
            os.makedirs(staging)
            version = self.versions[-1] if self.versions else None
            self.origins.append(version[0] if version else None)
            if version:
                shutil.rmtree(self.workspace)
                shutil.copytree(version[4], self.workspace)
            listener = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
            if os.path.exists(path):
                os.unlink(path)
            listener.bind(path)
            listener.listen()
            environ = {**os.environ, **self.environ, "RUNNER_SOCKET": path, "RUNNER_STAGING": staging}
            self.process = subprocess.Popen(self.command, env=environ)
            try:
                self._serve(listener, version, patience)
            finally:
                listener.close()
                self.process.kill()
                status = self.process.wait()
            if status >= 0:
                return status

    def kill(self):
        """Kills the agent with SIGKILL, now."""
        self.process.send_signal(signal.SIGKILL)

    def prepare(self):
        """Asks for a checkpoint, unless one is being asked for."""
        if self._preparing is None:
            self._requests += 1
            self._preparing = self._requests
            self._say(prepare=pb.Prepare(request=self._preparing, deadline_ms=30_000, reason=pb.SCHEDULE))

    def stop(self):
        """Asks the agent to end."""
        self._say(stop=pb.Stop(deadline_ms=30_000))

    def _serve(self, listener, version, patience):
        self.connection, self._preparing = None, None
        # Readable at the moment the process ends.
        ending = os.pidfd_open(self.process.pid)
        held = b""
        try:
            while True:
                ready = select.select([listener, ending] + ([self.connection] if self.connection else []), [], [], patience)[0]
                assert ready, f"the agent said nothing for {patience} s"
                if listener in ready:
                    self.connection, held = listener.accept()[0], b""
                if self.connection in ready:
                    try:
                        data = self.connection.recv(1 << 20)
                        held = self._take(held + data, version)
                    except (BrokenPipeError, ConnectionResetError):
                        data = b""  # it went while it was spoken to
                    if not data:
                        self.connection.close()
                        self.connection = None
                elif ending in ready:
                    return
        finally:
            os.close(ending)
            if self.connection:
                self.connection.close()

    def _take(self, held, version):
        while len(held) >= 4:
            (length,) = struct.unpack_from("<I", held)
            if len(held) < 4 + length:
                break
            envelope = pb.Envelope.FromString(held[4 : 4 + length])
            held = held[4 + length :]
            kind = envelope.WhichOneof("body")
            message = getattr(envelope, kind)
            self._answer(kind, message, version)
            self.heard(self, kind, message)
        return held

    def _answer(self, kind, message, version):
        if kind == "hello":
            welcome = pb.Welcome(version=1, agent="little", incarnation=self.incarnation)
            if version:
                welcome.restored_from, welcome.slept_ms = version[0], 0
                welcome.state.inline, welcome.state_schema = version[1], version[2]
            self._say(welcome=welcome)
        elif kind in ("save", "prepared"):
            self._cut(message)
        elif kind == "effect_begin":
            known = self.ledger.get(message.key)
            if known and known[0] == "done":
                self._say(effect_result=pb.EffectResult(request=message.request, verdict=pb.EFFECT_DONE, result=known[1]))
            elif known and not message.idempotent and known[1:] != (self.incarnation, message.request):
                self._say(effect_result=pb.EffectResult(request=message.request, verdict=pb.UNKNOWN))
            else:
                self.ledger[message.key] = ("open", self.incarnation, message.request)
                self.attempts[message.key] = self.attempts.get(message.key, 0) + 1
                self._say(effect_result=pb.EffectResult(request=message.request, verdict=pb.PROCEED))
        elif kind == "effect_end":
            self.ledger[message.key] = ("done", message.result)
            self._say(effect_result=pb.EffectResult(request=message.request, verdict=pb.RECORDED))

    def _cut(self, message):
        number = len(self.versions) + 1
        copy = os.path.join(self.folder, f"version-{number}")
        shutil.copytree(self.workspace, copy)
        point = message.point
        self.versions.append((number, point.state.inline, point.schema, point.step, copy))
        if message.request == self._preparing:
            self._preparing = None
        self._say(resume=pb.Resume(request=message.request))
        self._say(committed=pb.Committed(request=message.request, version=number))

    def _say(self, **body):
        data = pb.Envelope(**body).SerializeToString()
        self.connection.sendall(struct.pack("<I", len(data)) + data)


def python(script, *arguments):
    """The command for a script in the tests' own Python."""
    return [sys.executable, str(script), *arguments]


def lines_of(path):
    """The JSON lines of a file."""
    with open(path, encoding="utf-8") as file:
        return [json.loads(line) for line in file]

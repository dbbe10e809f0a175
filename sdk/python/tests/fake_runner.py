"""A runner made of one UNIX socket: a test says line by line what it hears and what it answers. Every wait ends with an event or fails the test."""

import os
import shutil
import socket
import struct
import tempfile

from runner_agent import agent_pb2 as pb

PATIENCE = 20.0
RUNNER_NUMBERS = 1 << 32


class FakeRunner:
    """Listens; `environ` is what an agent below it would see."""

    def __init__(self):
        # A path of its own: pytest's may be longer than a socket's address can be.
        self.folder = tempfile.mkdtemp(prefix="runner-")
        self.staging = os.path.join(self.folder, "staging")
        os.mkdir(self.staging)
        self.path = os.path.join(self.folder, "agent.sock")
        self.environ = {"RUNNER_SOCKET": self.path, "RUNNER_STAGING": self.staging}
        self.connections = []
        self.listen()

    def listen(self):
        self.listener = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
        self.listener.bind(self.path)
        self.listener.listen(8)
        self.listener.settimeout(PATIENCE)

    def stop_listening(self):
        self.listener.close()
        os.unlink(self.path)

    def accept(self):
        connection = FakeConnection(self.listener.accept()[0])
        self.connections.append(connection)
        return connection

    def welcomed(self, **fields):
        """Accepts a connection, hears its hello and welcomes it."""
        connection = self.accept()
        connection.hello = connection.hear("hello")
        connection.welcome(**fields)
        return connection

    def close(self):
        self.listener.close()
        for connection in self.connections:
            connection.close()
        shutil.rmtree(self.folder, ignore_errors=True)


class FakeConnection:
    """One connection, from the runner's side."""

    def __init__(self, sock):
        sock.settimeout(PATIENCE)
        self.sock = sock
        self.hello = None
        self.beats = []

    def hear(self, kind):
        """The next message that is not a beat; it must be of this kind. Beats on the way are kept in `beats`."""
        while True:
            name, message = self.next()
            if name == "beat" and kind != "beat":
                self.beats.append(message)
                continue
            assert name == kind, f"heard '{name}' and not '{kind}': {message}"
            return message

    def next(self):
        (length,) = struct.unpack("<I", self._exactly(4))
        envelope = pb.Envelope.FromString(self._exactly(length))
        name = envelope.WhichOneof("body")
        return name, getattr(envelope, name)

    def ended(self):
        """Waits until the agent closes; what it still says is read away."""
        try:
            while self.sock.recv(1 << 16):
                pass
        except ConnectionResetError:
            pass
        return True

    def _exactly(self, count):
        held = b""
        while len(held) < count:
            piece = self.sock.recv(count - len(held))
            if not piece:
                raise EOFError("the agent closed the connection")
            held += piece
        return held

    def raw(self, data):
        self.sock.sendall(data)

    def say(self, **body):
        self.raw(frame(**body))

    def say_bytewise(self, **body):
        for byte in frame(**body):
            self.raw(bytes([byte]))

    def welcome(self, **fields):
        self.say(welcome=pb.Welcome(**{"version": 1, "agent": "tester", "incarnation": 1, **fields}))

    def prepare(self, request=RUNNER_NUMBERS):
        self.say(prepare=pb.Prepare(request=request, deadline_ms=30_000, reason=pb.SCHEDULE))

    def resume(self, request=RUNNER_NUMBERS):
        self.say(resume=pb.Resume(request=request))

    def committed(self, version, request=RUNNER_NUMBERS):
        self.say(committed=pb.Committed(request=request, version=version))

    def aborted(self, reason, request=RUNNER_NUMBERS):
        self.say(aborted=pb.Aborted(request=request, reason=reason))

    def effect(self, request, verdict, **more):
        self.say(effect_result=pb.EffectResult(request=request, verdict=verdict, **more))

    def seen(self):
        """Returns when the agent has acted on everything said so far: it has answered a ping that was sent last."""
        self.say(ping=pb.Ping(number=77))
        assert self.hear("pong").number == 77

    def close(self):
        self.sock.close()


def frame(**body):
    data = pb.Envelope(**body).SerializeToString()
    return struct.pack("<I", len(data)) + data

#!/usr/bin/env python3
"""A hostile peer at the agent's door: everything a stranger, or the agent's own children, could send. Prints 'knocked NAME' after each attack.

    knocker.py SOCKET SEED ATTACK…        what is not given is not done; 'all' does everything
"""

import random
import socket
import struct
import sys

HELLO = b"\x0a\x0c\x08\x01\x10\x01\x1a\x06hostil"  # Envelope{hello{oldest 1, newest 1, sdk}}
LIMIT = 1_114_112


def framed(body):
    return struct.pack("<I", len(body)) + body


class Knocker:
    def __init__(self, path, seed):
        self.path = path
        self.chance = random.Random(seed)

    def connect(self):
        door = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
        door.settimeout(20)
        door.connect(self.path)
        return door

    def say(self, *pieces):
        """Sends the pieces and waits until the other side closes, which it must."""
        with self.connect() as door:
            try:
                for piece in pieces:
                    door.sendall(piece)
                door.shutdown(socket.SHUT_WR)
                while door.recv(65536):
                    pass
            except (BrokenPipeError, ConnectionResetError):
                pass

    # MARK: attacks

    def truncated(self):
        whole = framed(HELLO)
        for length in range(len(whole)):
            self.say(whole[:length])

    def oversized(self):
        for length in (LIMIT + 1, 1 << 24, (1 << 32) - 1):
            self.say(struct.pack("<I", length), b"x" * 4096)
        self.say(struct.pack("<I", LIMIT), bytes(LIMIT))

    def unknown(self):
        # Fields nobody knows, a body of the other side, group wire types, a deep nest, a number of unknown fields.
        for body in (b"\xfa\x07\x00", b"\x8a\x02\x00", b"\x0b\x0c", b"\x0a\x7f" * 50, b"\xf8\x07\x01" * 200, b"\x0a\x02\xff\xff"):
            self.say(framed(body))
            self.say(framed(HELLO), framed(body))

    def interleaved(self):
        """Two peers speak by turns, piece by piece, and neither makes sense."""
        one, other = self.connect(), self.connect()
        with one, other:
            try:
                for byte in framed(HELLO) + framed(b"\x12\x00") * 20:
                    one.sendall(bytes([byte]))
                    other.sendall(bytes([byte ^ 0x55]))
            except (BrokenPipeError, ConnectionResetError):
                pass

    def byte_by_byte(self):
        with self.connect() as door:
            try:
                for byte in framed(HELLO):
                    door.sendall(bytes([byte]))
                door.recv(65536)
            except (BrokenPipeError, ConnectionResetError):
                pass

    def random_frames(self):
        """10,000 frames of random bytes, as many as it takes on each connection before it is closed."""
        sent = 0
        while sent < 10_000:
            with self.connect() as door:
                try:
                    if self.chance.random() < 0.5:
                        door.sendall(framed(HELLO))
                    batch = b"".join(framed(self.chance.randbytes(self.chance.randrange(64))) for _ in range(50))
                    sent += 50
                    door.sendall(batch)
                    door.shutdown(socket.SHUT_WR)
                    while door.recv(65536):
                        pass
                except (BrokenPipeError, ConnectionResetError):
                    pass

    def crowd(self):
        """100 connections at once, all silent; then each says something."""
        crowd = []
        for _ in range(100):
            try:
                crowd.append(self.connect())
            except OSError:
                continue
        for door in crowd:
            try:
                door.sendall(b"\x01")
            except OSError:
                pass
        for door in crowd:
            door.close()

    def half_open(self):
        """Says half a frame and lets the other side wait: it must not wait for ever."""
        with self.connect() as door:
            door.sendall(framed(HELLO)[:6])
            try:
                while door.recv(65536):
                    pass
            except ConnectionResetError:
                pass

    def deaf(self):
        """Asks and never reads the answers."""
        with self.connect() as door:
            door.settimeout(1)
            try:
                for _ in range(2000):
                    door.sendall(framed(HELLO) * 50)
            except OSError:
                pass


ATTACKS = ["truncated", "oversized", "unknown", "interleaved", "byte_by_byte", "random_frames", "crowd", "half_open", "deaf"]


def main():
    knocker = Knocker(sys.argv[1], int(sys.argv[2]))
    for attack in ATTACKS if sys.argv[3:] == ["all"] else sys.argv[3:]:
        getattr(knocker, attack)()
        print(f"knocked {attack}", flush=True)
    return 0


if __name__ == "__main__":
    sys.exit(main())

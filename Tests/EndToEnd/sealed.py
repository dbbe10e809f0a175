"""A reader of encrypted stores that shares nothing with runner but docs/store-format.md#sealed: libsodium by ctypes."""

import ctypes
import ctypes.util
import os
import pathlib

BLOCK, NONCE, TAG = 16384, 24, 16
CLEAR_AT_TOP = {"format", "id", "limits", "copying", "encryption"}


class Unreadable(ValueError):
    """It is not what was sealed."""


def library():
    """None where there is none."""
    name = ctypes.util.find_library("sodium")
    return ctypes.CDLL(name) if name else None


def opened(sodium, sealed, context, key):
    if len(sealed) < NONCE + TAG:
        raise Unreadable("too short")
    content = ctypes.create_string_buffer(len(sealed) - NONCE - TAG + 1)
    result = sodium.crypto_aead_xchacha20poly1305_ietf_decrypt(
        content, None, None, sealed[NONCE:], ctypes.c_ulonglong(len(sealed) - NONCE), context, ctypes.c_ulonglong(len(context)), sealed[:NONCE], key
    )
    if result != 0:
        raise Unreadable("other bytes than were sealed")
    return content.raw[: len(sealed) - NONCE - TAG]


def number(value, length):
    return value.to_bytes(length, "little")


def lasting(name):
    for ending in (".new", ".part"):
        if name.endswith(ending):
            return name[: -len(ending)]
    return name


def folder(path):
    """The directory that tells what its files are: never an agent's own, whatever that is called."""
    parts = path.parts[3:] if path.parts[0] == "staging" and path.parts[2:3] == ("content",) else path.parts
    if len(parts) == 3 and parts[0] in {"agents", "staging", "removed", "trash"}:
        return ""
    return path.parent.name


def role(path):
    parent, name = folder(path), lasting(path.name)
    if parent == "packs":
        return b"packs/"
    if parent == "process":
        return f"process/{name}".encode()
    if parent == "journal" and name.endswith(".jsonl"):
        return b"journal/"
    if parent == "log" and name.endswith(".log"):
        return b"log/"
    return name.encode()


class SealedStore:
    def __init__(self, store, key_file):
        self.store = pathlib.Path(store)
        self.sodium = library()
        first, digits = pathlib.Path(key_file).read_text().split("\n")[:2]
        assert first == "runner-key 1"
        key = bytes.fromhex(digits)
        lines = (self.store / "encryption").read_text().split("\n")
        name = ctypes.create_string_buffer(16)
        words = b"runner: name of a key"
        self.sodium.crypto_generichash(name, 16, words, ctypes.c_ulonglong(len(words)), key, 32)
        assert lines[0] == "runner-encryption 1" and lines[1] == f"key {name.raw[:8].hex()}", lines
        context = "".join(line + "\n" for line in lines[:3]).encode()
        self.key = opened(self.sodium, bytes.fromhex(lines[3].removeprefix("sealed ")), context, key)

    def read(self, path):
        """The content of a file, by its path below the store."""
        path = pathlib.PurePosixPath(path)
        stored = (self.store / path).read_bytes()
        if self.is_clear(path):
            return stored
        if stored[:16] == b"runner-sealed 1\n":
            return self.blocks(stored[16:32], stored[32:], role(path))
        if stored[:16] == b"runner-sealed 2\n":
            return self.records(stored, role(path))
        raise Unreadable(f"{path} begins with {stored[:16]}")

    @staticmethod
    def is_clear(path):
        name = lasting(path.name)
        return len(path.parts) == 1 and name in CLEAR_AT_TOP or name == "lock" or folder(path) in ("packs", "journal", "log") and name.endswith(".damaged")

    def blocks(self, identity, rest, role):
        content, index = b"", 0
        while True:
            sealed, rest = rest[: BLOCK + NONCE + TAG], rest[BLOCK + NONCE + TAG :]
            is_last = len(sealed) < BLOCK + NONCE + TAG
            content += opened(self.sodium, sealed, identity + number(index, 8) + bytes([is_last]) + role, self.key)
            if is_last:
                return content
            index += 1

    def records(self, stored, role):
        identity, position, content = stored[16:32], 32, b""
        while position < len(stored):
            found = self.record(identity, stored, position, role)
            skipped = 0
            while found is None and position + skipped < len(stored):
                skipped += 1
                found = self.record(identity, stored, position + skipped, role)
            if found is None:
                return content + (b"" if self.is_torn(identity, stored, position, role) else b"(damaged)\n")
            gap, text, end = found
            content += (b"" if gap == skipped else b"(damaged)\n") + text
            position = end
        return content

    def is_torn(self, identity, stored, start, role):
        torn = len(stored) - start < 16
        for at in range(start, len(stored)):
            head = self.head(identity, stored, at, role)
            if head is not None and head[1] > len(stored):
                torn = head[0] == at - start
        return torn

    def head(self, identity, stored, position, role):
        """Gap, end and context of the record that begins there."""
        length, gap = (int.from_bytes(stored[position + at : position + at + 4], "little") for at in (0, 4))
        if length > 1 << 20 or len(stored) - position < 16:
            return None
        context = identity + number(position, 8) + number(length, 4) + number(gap, 4) + role
        check = ctypes.create_string_buffer(16)
        words = b"runner: head of a record" + context
        self.sodium.crypto_generichash(check, 16, words, ctypes.c_ulonglong(len(words)), self.key, 32)
        return (gap, position + 16 + NONCE + length + TAG, context) if check.raw[:8] == stored[position + 8 : position + 16] else None

    def record(self, identity, stored, position, role):
        head = self.head(identity, stored, position, role)
        if head is None or head[1] > len(stored):
            return None
        gap, end, context = head
        try:
            return gap, opened(self.sodium, stored[position + 16 : end], context, self.key), end
        except Unreadable:
            return None

    def copy_in_clear(self, target):
        """The same store as it would be without encryption."""
        for path in sorted(self.store.rglob("*")):
            copy = target / path.relative_to(self.store)
            if path.is_symlink():
                copy.symlink_to(os.readlink(path))
            elif path.is_dir():
                copy.mkdir(mode=0o700)
            elif path.relative_to(self.store) != pathlib.Path("encryption"):
                copy.write_bytes(self.read(path.relative_to(self.store)))
                copy.chmod(0o600)
        (target / "format").write_text("runner-store 2\n")

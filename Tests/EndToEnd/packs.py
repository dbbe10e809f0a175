"""Reads packs by the documented format alone (docs/store-format.md), with nothing of runner's own code: what the tests believe of a version whose
plain files were taken away.

Every check there is holds, or `Damaged` is raised: names and digests of indexes, XXH3 of blocks, SHA-256 of chunks and of lists of chunks.
"""

import ctypes
import dataclasses
import functools
import hashlib
import json
import pathlib

import zstandard

PAGE, OTHER = 4 << 10, 16 << 10
ZEROS, ABSENT = "zeros", "absent"


class Damaged(ValueError):
    """Bytes that are not what was stored."""


def expect(holds, what):
    if not holds:
        raise Damaged(what)


class _Halves(ctypes.Structure):
    _fields_ = [("low", ctypes.c_uint64), ("high", ctypes.c_uint64)]


@functools.cache
def _xxhash():
    library = ctypes.CDLL("libxxhash.so.0")
    library.XXH3_128bits.restype = _Halves
    library.XXH3_128bits.argtypes = [ctypes.c_char_p, ctypes.c_size_t]
    return library


def xxh3(content):
    """By the library and not by runner's own code."""
    halves = _xxhash().XXH3_128bits(content, len(content))
    return f"{halves.high:016x}{halves.low:016x}"


def expanded(frame, size, prefix=b""):
    """What one frame of Zstandard holds, which is so many bytes."""
    words = zstandard.ZstdCompressionDict(prefix, dict_type=zstandard.DICT_TYPE_RAWCONTENT) if prefix else None
    try:
        content = zstandard.ZstdDecompressor(dict_data=words, max_window_size=1 << 31).decompress(
            frame, max_output_size=max(size, 1), read_across_frames=False, allow_extra_data=False
        )
    except zstandard.ZstdError as error:
        raise Damaged(f"a frame cannot be expanded: {error}") from None
    expect(len(content) == size, f"a frame holds {len(content)} bytes in place of {size}")
    return content


class _Reader:
    """Numbers as they are written in tables: 7 bits a byte, the least significant first; with signs: 0, -1, 1, -2, 2 …"""

    def __init__(self, content):
        self.content, self.at = content, 0

    def number(self):
        value = shift = 0
        while True:
            expect(self.at < len(self.content), "a table ends too early")
            byte = self.content[self.at]
            self.at += 1
            value |= (byte & 0x7F) << shift
            if byte < 0x80:
                return value
            shift += 7

    def signed(self):
        value = self.number()
        return (value >> 1) ^ -(value & 1)

    def fixed(self):
        expect(self.at + 8 <= len(self.content), "a table ends too early")
        self.at += 8
        return int.from_bytes(self.content[self.at - 8 : self.at], "little")

    @property
    def is_at_end(self):
        return self.at == len(self.content)


# MARK: one pack


@dataclasses.dataclass(frozen=True)
class Chunk:
    number: int
    block: int
    offset: int  # in the expanded block
    length: int
    base: int  # 0: none
    identity: bytes


@dataclasses.dataclass(frozen=True)
class Block:
    offset: int  # in the pack
    length: int
    is_delta: bool
    check: int
    chunks: range


class Pack:
    """FIRST-LAST-DIGEST: magic line, blocks, table, 16 bytes for every chunk, 48 bytes of trailer."""

    MAGIC, END, TRAILER = b"runner-pack 1\n", b"runnerpk", 48

    def __init__(self, path):
        self.path = path
        self.content = content = path.read_bytes()
        expect(len(content) >= len(self.MAGIC) + self.TRAILER, f"{path.name} is too short")
        expect(content.startswith(self.MAGIC) and content.endswith(self.END), f"{path.name} does not begin and end as a pack")
        trailer = _Reader(content[-self.TRAILER :])
        self.table_at, lengths, count = trailer.fixed(), trailer.fixed(), trailer.fixed()
        self.table_length, table_size = lengths & 0xFFFFFFFF, lengths >> 32
        expect(self.table_at + self.table_length + 16 * count + self.TRAILER == len(content), f"the index of {path.name} is elsewhere")
        table = content[self.table_at : self.table_at + self.table_length]
        self.identities_at = self.table_at + self.table_length
        identities = content[self.identities_at : -self.TRAILER]
        digest = hashlib.sha256(table + identities + content[-self.TRAILER : -self.TRAILER + 24]).digest()
        # Two numbers, the least significant byte of each first.
        stored = content[-self.TRAILER + 24 : -self.TRAILER + 40]
        expect(stored == digest[7::-1] + digest[15:7:-1], f"the index of {path.name} does not match its digest")
        first, last, name = path.name.split("-")
        expect(digest[:8].hex() == name, f"the index of {path.name} does not match its name")
        self._read_table(expanded(table, table_size), identities)
        numbers = [chunk.number for chunk in self.chunks]
        expect((min(numbers), max(numbers)) == (int(first), int(last)), f"the chunks of {path.name} are not those of its name")

    def _read_table(self, table, identities):
        reader, expected, at = _Reader(table), 1, len(self.MAGIC)
        self.blocks, self.chunks = [], []
        for block in range(reader.number()):
            length, check, header = reader.number(), reader.fixed(), reader.number()
            begin, inside = len(self.chunks), 0
            for _ in range(header >> 1):
                number = expected + reader.signed()
                expected = number + 1
                size = reader.number()
                distance = reader.number() if header & 1 else 0
                raw = identities[16 * len(self.chunks) : 16 * len(self.chunks) + 16]
                identity = raw[7::-1] + raw[15:7:-1]
                self.chunks.append(Chunk(number, block, inside, size, number - distance if distance else 0, identity))
                inside += size
            self.blocks.append(Block(at, length, bool(header & 1), check, range(begin, len(self.chunks))))
            at += length
        expect(reader.is_at_end and at == self.table_at, f"the blocks of {self.path.name} do not fit")
        expect(16 * len(self.chunks) == len(identities), f"the index of {self.path.name} is not complete")
        self.by_number = {chunk.number: chunk for chunk in self.chunks}

    def frame(self, block):
        frame = self.content[block.offset : block.offset + block.length]
        expect(int(xxh3(frame)[:16], 16) == block.check, f"a block of {self.path.name} is not what was stored")
        return frame


class Packs:
    """All packs of an agent. The chunk of a number never changes, wherever it is moved to."""

    def __init__(self, folder):
        self.folder = folder
        self.opened = {}
        self.damaged = {}
        self.expanded = {}
        self.checked = set()

    def look(self):
        """Opens what is new. A runner at work may move what is needed to another pack meanwhile, and remove this one."""
        try:
            paths = list(self.folder.iterdir())
        except FileNotFoundError:
            return
        for path in paths:
            if path.name.count("-") == 2 and path.suffix != ".damaged" and path.name not in self.opened and path.name not in self.damaged:
                try:
                    self.opened[path.name] = Pack(path)
                except FileNotFoundError:
                    continue
                except Damaged as fault:
                    self.damaged[path.name] = fault  # no source for anything, and no harm to what is elsewhere

    def find(self, number):
        for again in (False, True):
            if again:
                self.look()
            for pack in self.opened.values():
                if number in pack.by_number:
                    return pack, pack.by_number[number]
        raise Damaged(f"chunk {number} is in no pack" + "".join(f"; {fault}" for fault in self.damaged.values()))

    def chunk(self, number):
        """The bytes of a chunk, which match its identity."""
        pack, chunk = self.find(number)
        content = self.block(pack, chunk.block)[chunk.offset : chunk.offset + chunk.length]
        if (pack.path.name, number) not in self.checked:
            expect(hashlib.sha256(content).digest()[:16] == chunk.identity, f"chunk {number} in {pack.path.name} is not what its identity says")
            self.checked.add((pack.path.name, number))
        return content

    def block(self, pack, index):
        key = (pack.path.name, index)
        if key not in self.expanded:
            block = pack.blocks[index]
            prefix = b""
            chunks = [pack.chunks[each] for each in block.chunks]
            if block.is_delta:
                for chunk in chunks:
                    if chunk.base:
                        base_pack, base = self.find(chunk.base)
                        expect(not base_pack.blocks[base.block].is_delta, f"chunk {chunk.number} is a delta of a delta")
                        prefix += self.chunk(chunk.base)
            if len(self.expanded) > 4000:
                self.expanded.clear()
            self.expanded[key] = expanded(pack.frame(block), sum(chunk.length for chunk in chunks), prefix)
        return self.expanded[key]

    def check_all(self):
        """Every chunk of every pack, also what no version needs. Gives their number."""
        self.look()
        expect(not self.damaged, str(self.damaged))
        for pack in self.opened.values():
            for chunk in pack.chunks:
                content = self.block(pack, chunk.block)[chunk.offset : chunk.offset + chunk.length]
                expect(hashlib.sha256(content).digest()[:16] == chunk.identity, f"chunk {chunk.number} in {pack.path.name} is damaged")
        return sum(len(pack.chunks) for pack in self.opened.values())


# MARK: a version


def places(path):
    """The file 'chunks' of a version: which chunks, zeros or absent files its content is, in order."""
    content = path.read_bytes()
    magic = b"runner-chunks 1\n"
    expect(content.startswith(magic) and len(content) > len(magic) + 40, f"{path} is no list of chunks")
    expect(hashlib.sha256(content[:-32]).digest() == content[-32:], f"{path} does not match its checksum")
    size = int.from_bytes(content[len(magic) : len(magic) + 8], "little")
    reader, expected, found = _Reader(expanded(content[len(magic) + 8 : -32], size)), 1, []
    for _ in range(reader.number()):
        header = reader.number()
        count, kind = header >> 2, header & 3
        expect(kind < 3, f"{path} has a run of an unknown kind")
        if kind == 0:
            first = expected + reader.signed()
            expected = first + count
            found += range(first, expected)
        else:
            found += [ZEROS if kind == 1 else ABSENT] * count
    expect(reader.is_at_end, f"{path} goes on behind its end")
    return found


def bundled(file, tree):
    """Where each file lies in the file 'files' of a version, and its size, by path."""
    file.seek(-40, 2)
    end, trailer = file.tell(), file.read()
    expect(trailer.endswith(b"runfiles"), "a bundle does not end as one")
    numbers = _Reader(trailer)
    table_at, length = numbers.fixed(), numbers.fixed()
    expect(table_at + length == end, "the table of a bundle is elsewhere")
    file.seek(table_at)
    table = file.read(length)
    expect(hashlib.sha256(table + trailer[:16]).digest()[:16] == trailer[16:32], "the table of a bundle does not match its checksum")
    files = [entry for entry in tree if entry["kind"] == "file"]
    reader, at, position, found = _Reader(table), 0, 0, {}
    for _ in range(reader.number()):
        at += reader.number()
        for entry in files[at : at + (count := reader.number())]:
            position += -position % 4096
            found[entry["path"]] = (position, entry["size"])
            position += entry["size"]
        at += count
    expect(reader.is_at_end and position == table_at and at <= len(files), "a bundle holds something else than its files")
    return found


class Version:
    """The content of a version, wherever it lies: a plain file goes first, as it is all there or not there."""

    def __init__(self, folder, packs=None):
        self.folder = pathlib.Path(folder)
        self.manifest = json.loads((self.folder / "manifest.json").read_bytes())
        self.packs = packs or Packs(self.folder.parent.parent / "packs")
        self._places = None

    @property
    def is_packed(self):
        """Whether all of it is in packs. A version that was cut upon another has some of it there from the beginning."""
        try:
            return ABSENT not in places(self.folder / "chunks")
        except FileNotFoundError:
            return False

    def plain(self):
        """What of its content lies in its directory."""
        return [name for name in ("state", "tree", "images", "workspace", "files", "process") if (self.folder / name).exists()]

    @functools.cached_property
    def tree(self):
        return self._list("tree", "workspace")

    @functools.cached_property
    def images(self):
        return self._list("images", "process")

    @functools.cached_property
    def first_names(self):
        """By every name but the first of a file that has several, the first."""
        entries = {entry["path"]: entry for entry in self.tree}
        found = {path: entry["same"] for path, entry in entries.items() if "same" in entry}
        for path, first in found.items():
            told = {key: value for key, value in entries[path].items() if key not in ("path", "same")}
            expect(first < path and told == {key: value for key, value in entries[first].items() if key != "path"}, f"'{path}' is not '{first}'")
        return found

    def _list(self, name, part):
        # Split at line feeds alone: names may hold what else Python takes for the end of a line.
        return [json.loads(line) for line in self.read(name).split(b"\n") if line] if self.manifest.get(part) else []

    def read(self, name):
        """'state', 'tree', 'images', 'workspace/PATH' or 'process/PATH', as bytes."""
        if name.startswith("workspace/") and (first := self.first_names.get(name.removeprefix("workspace/"))):
            expect(not (self.folder / name).exists(), f"'{name}' is another name of '{first}' and has a file of its own")
            name = f"workspace/{first}"
        try:
            return (self.folder / name).read_bytes()
        except (FileNotFoundError, NotADirectoryError):
            if name.startswith("workspace/") and (content := self._from_bundle(name.removeprefix("workspace/"))) is not None:
                return content
            if not (self.folder / "chunks").exists():
                raise
            return self.packed(name)

    def _from_bundle(self, path):
        """None: there is no such file in it, or no bundle."""
        try:
            with (self.folder / "files").open("rb") as file:
                offset = bundled(file, self.tree).get(path)
                if offset is None:
                    return None
                file.seek(offset[0])
                return file.read(offset[1])
        except FileNotFoundError:
            return None

    def packed(self, name):
        """As `read`, from packs alone."""
        if self._places is None:
            self._places = places(self.folder / "chunks")
        first, size, length = self._extent(name)
        content = []
        for place in range(-(-size // length)):
            expect(first + place < len(self._places), f"the chunks of {self.folder.name} end before '{name}'")
            here = self._places[first + place]
            expect(here != ABSENT, f"'{name}' of version {self.folder.name} is neither a file nor in packs")
            wanted = min(length, size - place * length)
            piece = bytes(wanted) if here == ZEROS else self.packs.chunk(here)
            expect(len(piece) == wanted, f"chunk {here} has {len(piece)} bytes in place of {wanted}")
            content.append(piece)
        return b"".join(content)

    def _extent(self, wanted):
        """Where a file lies among the places: the first, its size, and the size of a chunk."""
        at = 0
        for name, part in (("state", "state"), ("tree", "workspace"), ("images", "process")):
            if self.manifest.get(part):
                size = self.manifest[part]["size"]
                if name == wanted:
                    return at, size, OTHER
                at += -(-size // OTHER)
        for folder, entries in (("workspace", self.tree), ("process", self.images)):
            for entry in entries:
                if entry["kind"] == "file":
                    length = PAGE if folder == "process" and entry["path"].startswith("pages-") else OTHER
                    if f"{folder}/{entry['path']}" == wanted:
                        return at, entry["size"], length
                    at += -(-entry["size"] // length)
        raise KeyError(wanted)

    def check_packed(self):
        """Every byte from packs alone, against its hash. Gives how many there were."""
        total = 0
        for name, part in (("state", "state"), ("tree", "workspace"), ("images", "process")):
            if self.manifest.get(part):
                content = self.packed(name)
                expect(hashlib.sha256(content).hexdigest() == self.manifest[part]["sha256"], f"'{name}' in packs is not what the manifest says")
                total += len(content)
        for folder, entries in (("workspace", self.tree), ("process", self.images)):
            for entry in entries:
                if entry["kind"] == "file":
                    content = self.packed(f"{folder}/{entry['path']}")
                    expect(fits(content, entry), f"'{folder}/{entry['path']}' in packs is not what the list says")
                    total += len(content)
        return total


def fits(content, entry):
    """Whether these are the bytes of that entry of a list."""
    if len(content) != entry["size"]:
        return False
    return xxh3(content) == entry["xxh3"] if "xxh3" in entry else hashlib.sha256(content).hexdigest() == entry["sha256"]

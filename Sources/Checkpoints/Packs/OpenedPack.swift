internal import Compression
internal import Digests
internal import OutsideWorld

/// A pack with its table read and checked.
final class OpenedPack {
    let name: PackName
    let index: PackIndex
    private let path: DiskPath
    private let file: any DiskFile
    private let trailer: PackTrailer
    private let zstandard: Zstandard
    /// Indices of chunks by their number.
    private let sorted: [Int32]

    /// - Throws: `damaged` when it is not the pack its name says.
    init(_ name: PackName, in directory: DiskPath, of disk: any Disk, with zstandard: Zstandard) throws(FileFault) {
        self.name = name
        self.zstandard = zstandard
        path = directory / name.text
        file = try disk.open(path, .read)
        let size = try disk.entry(at: path)?.size ?? 0
        let trailer = try Self.trailer(of: file, size, path)
        self.trailer = trailer
        let table = try file.readExactly(trailer.tableOffset, Int(trailer.tableLength), of: path)
        let identities = try file.readExactly(trailer.tableOffset + UInt64(trailer.tableLength), Int(trailer.chunks) * 16, of: path)
        let digest = PackTrailer.digest(of: table, identities: identities, trailer)
        let index = try damaged(path) { () throws(Damage) in
            guard digest == trailer.digest, digest.text == name.digest else { throw Damage("its index does not match its name") }
            let plain: [UInt8]
            do throws(Zstandard.Damage) { plain = try zstandard.expand(table[...], count: Int(trailer.tableSize)) } catch {
                throw Damage(error.how)
            }
            let index = try PackIndex(decoding: plain, blocksEnd: trailer.tableOffset)
            guard index.chunks.count == Int(trailer.chunks) else { throw Damage("its index is not complete") }
            return index
        }
        self.index = index
        sorted = (0..<Int32(index.chunks.count)).sorted { index.chunks[Int($0)].number < index.chunks[Int($1)].number }
    }

    private static func trailer(of file: any DiskFile, _ size: UInt64, _ path: DiskPath) throws(FileFault) -> PackTrailer {
        let shortest = UInt64(PackIndex.magic.count + PackIndex.trailerLength)
        guard size >= shortest else { throw Self.damage(path, "it is shorter than any pack") }
        let end = try file.readExactly(size - UInt64(PackIndex.trailerLength), PackIndex.trailerLength, of: path)
        let head = try file.readExactly(0, PackIndex.magic.count, of: path)
        return try damaged(path) { () throws(Damage) in
            guard head == PackIndex.magic else { throw Damage("it does not begin as a pack does") }
            let trailer = try PackTrailer(decoding: end)
            let index = UInt64(trailer.tableLength) + trailer.chunks * 16
            guard trailer.tableOffset >= UInt64(PackIndex.magic.count), trailer.tableOffset <= size,
                trailer.tableOffset + index + UInt64(PackIndex.trailerLength) == size
            else { throw Damage("its index is not where it says") }
            return trailer
        }
    }

    private static func damage(_ path: DiskPath, _ how: String) -> FileFault {
        FileFault(.damaged(how), doing: "read", what: path.text)
    }

    // MARK: Chunks

    /// The index of the chunk; nil: it is not here.
    func find(_ number: ChunkNumber) -> Int? {
        // Nearly always all numbers of a pack follow each other.
        if number >= name.first, case let guess = number - name.first, guess < UInt64(sorted.count),
            case let index = Int(sorted[Int(guess)]), self.index.chunks[index].number == number
        {
            return index
        }
        var low = 0
        var high = sorted.count
        while low < high {
            let middle = (low + high) / 2
            if index.chunks[Int(sorted[middle])].number < number { low = middle + 1 } else { high = middle }
        }
        guard low < sorted.count, case let found = Int(sorted[low]), index.chunks[found].number == number else { return nil }
        return found
    }

    /// What the chunks are known by, in the order of `index.chunks`. Read anew: only who writes needs them.
    func identities() throws(FileFault) -> [ChunkID] {
        let offset = trailer.tableOffset + UInt64(trailer.tableLength)
        let bytes = try file.readExactly(offset, Int(trailer.chunks) * 16, of: path)
        return bytes.withUnsafeBytes { bytes in
            (0..<Int(trailer.chunks)).map { chunk in
                ChunkID(
                    high: UInt64(littleEndian: bytes.loadUnaligned(fromByteOffset: chunk * 16, as: UInt64.self)),
                    low: UInt64(littleEndian: bytes.loadUnaligned(fromByteOffset: chunk * 16 + 8, as: UInt64.self)))
            }
        }
    }

    /// The block as it lies in the file.
    func frame(of block: Int) throws(FileFault) -> [UInt8] {
        let frame = try file.readExactly(index.blocks[block].offset, index.blocks[block].length, of: path)
        guard PackBlock.check(frame) == index.blocks[block].check else { throw Self.damage(path, "its bytes are not what was stored") }
        return frame
    }

    /// The content of the block's chunks, one after the other.
    /// - Parameter prefix: of a delta, the content of the bases.
    func expand(_ block: Int, prefix: [UInt8]) throws(FileFault) -> [UInt8] {
        let frame = try frame(of: block)
        do throws(Zstandard.Damage) { return try zstandard.expand(frame[...], count: index.size(of: block), prefix: prefix) } catch {
            throw Self.damage(path, error.how)
        }
    }

    /// Bytes it takes on the disk.
    var size: UInt64 { trailer.tableOffset + UInt64(trailer.tableLength) + trailer.chunks * 16 + UInt64(PackIndex.trailerLength) }
}

extension ChunkID {
    /// 16 hexadecimal digits of the first half.
    var text: String {
        let digits = String(high, radix: 16)
        return String(repeating: "0", count: 16 - digits.count) + digits
    }
}

/// Runs `body`; what is damaged is told of the file at `path`.
func damaged<Result>(_ path: DiskPath, _ body: () throws(Damage) -> Result) throws(FileFault) -> Result {
    do throws(Damage) { return try body() } catch { throw FileFault(.damaged(error.how), doing: "read", what: path.text) }
}

extension DiskFile {
    /// So many bytes from `offset` on. - Throws: `damaged` where there are fewer.
    func readExactly(_ offset: UInt64, _ count: Int, of path: DiskPath) throws(FileFault) -> [UInt8] {
        var bytes: [UInt8] = []
        bytes.reserveCapacity(count)
        while bytes.count < count {
            let piece = try read(count - bytes.count, at: offset + UInt64(bytes.count))
            guard !piece.isEmpty else { throw FileFault(.damaged("it is shorter than it was"), doing: "read", what: path.text) }
            bytes += piece
        }
        return bytes
    }
}

internal import Digests
internal import OutsideWorld

/// Bytes copied or hashed at a time: large enough for the hash to run at its speed, small enough to stay in the cache.
let pieceSize = 256 << 10

/// Size and hash of what was read.
struct Measure: Hashable {
    var size: UInt64
    /// Hexadecimal.
    var sha256: String
    /// There is more than was to be read.
    var isCutOff = false

    static func of(_ bytes: [UInt8]) -> Measure {
        Measure(size: UInt64(bytes.count), sha256: hexadecimal(SHA256.digest(of: bytes)))
    }
}

/// Reads a file piece by piece and measures what it read.
final class MeasuredFile {
    private let file: any DiskFile
    private let limit: UInt64
    private var hash: SHA256?
    private var size: UInt64 = 0
    private var isCutOff = false

    /// - Parameter limit: of a longer file only so many bytes are read.
    init(_ file: any DiskFile, limit: UInt64) {
        self.file = file
        self.limit = limit
        hash = SHA256()
    }

    /// nil: there is no more.
    func next() throws(FileFault) -> [UInt8]? {
        var piece = try file.read(pieceSize)
        if UInt64(piece.count) > limit - size {
            isCutOff = true
            piece.removeLast(piece.count - Int(limit - size))
        }
        if piece.isEmpty { return nil }
        size += UInt64(piece.count)
        hash?.update(piece)
        return piece
    }

    /// Once, after `next` gave nil.
    func finish() -> Measure { Measure(size: size, sha256: hexadecimal(hash.take()?.finish() ?? []), isCutOff: isCutOff) }
}

extension Disk {
    /// Size and hash of a file's first `limit` bytes.
    func measure(_ path: DiskPath, limit: UInt64) throws(FileFault) -> Measure {
        let file = MeasuredFile(try open(path, .read), limit: limit)
        while try file.next() != nil {}
        return file.finish()
    }
}

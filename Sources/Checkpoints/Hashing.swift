internal import Digests
internal import OutsideWorld

/// Bytes copied or hashed at a time: large enough for the hash to run at its speed, small enough to stay in the cache.
let pieceSize = 512 << 10

/// Size and hash of what was read.
struct Measure: Hashable {
    var size: UInt64
    /// Hexadecimal.
    var digest: String
    /// There is more than was to be read.
    var isCutOff = false

    static func of(_ bytes: [UInt8]) -> Measure {
        Measure(size: UInt64(bytes.count), digest: hexadecimal(SHA256.digest(of: bytes)))
    }
}

/// What a file's bytes are known by.
enum FileHash {
    case sha256
    /// Of memory pages: gigabytes that somebody waits for, at a checkpoint and at a restore. It finds what decayed, ten times as fast.
    case xxh3

    /// Of one of the images.
    init(image path: DiskPath) { self = path.text.hasPrefix("pages-") ? .xxh3 : .sha256 }
}

/// Reads a file piece by piece and measures what it read.
final class MeasuredFile {
    private let file: any DiskFile
    private let limit: UInt64
    private var sha256: SHA256?
    private var xxh3: XXH3?
    private var size: UInt64 = 0
    private var isCutOff = false

    /// - Parameter limit: of a longer file only so many bytes are read.
    init(_ file: any DiskFile, _ hash: FileHash = .sha256, limit: UInt64) {
        self.file = file
        self.limit = limit
        switch hash {
        case .sha256: sha256 = SHA256()
        case .xxh3: xxh3 = XXH3()
        }
    }

    /// Reads on into `piece`. - Returns: false: there is no more.
    func next(_ piece: inout [UInt8]) throws(FileFault) -> Bool {
        try file.read(pieceSize, into: &piece)
        if UInt64(piece.count) > limit - size {
            isCutOff = true
            piece.removeLast(piece.count - Int(limit - size))
        }
        if piece.isEmpty { return false }
        size += UInt64(piece.count)
        sha256?.update(piece)
        xxh3?.update(piece)
        return true
    }

    /// Once, after `next` said that there is no more.
    func finish() -> Measure {
        let digest = sha256.take()?.finish() ?? xxh3.take()?.finish() ?? []
        return Measure(size: size, digest: hexadecimal(digest), isCutOff: isCutOff)
    }
}

extension Disk {
    /// Size and hash of a file's first `limit` bytes.
    func measure(_ path: DiskPath, _ hash: FileHash = .sha256, limit: UInt64) throws(FileFault) -> Measure {
        try open(path, .read).measure(hash, limit: limit)
    }
}

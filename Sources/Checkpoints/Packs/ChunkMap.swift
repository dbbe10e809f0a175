internal import AgentModel
internal import Compression
internal import Digests

/// Which chunks are the content of one version, one place after the other, in the order that `ContentLayout` gives. Kept as runs: a version of
/// which a few pages are new has few of them. Documentation: docs/store-format.md#chunks
struct ChunkMap: Hashable {
    enum Place: Hashable {
        case chunk(ChunkNumber)
        /// Nothing but zeros: stored nowhere.
        case zeros
        /// In no pack: the file lies in the version's directory.
        case absent
    }
    struct Run: Hashable {
        /// Places before it.
        var position: Int
        var count: Int
        /// The first of consecutive chunks, or what all of them are.
        var first: Place

        func place(at position: Int) -> Place {
            guard case .chunk(let number) = first else { return first }
            return .chunk(number + ChunkNumber(position - self.position))
        }

        /// Whether `place` goes on where this ends.
        func goesOn(with place: Place) -> Bool { self.place(at: position + count) == place }
    }
    private(set) var runs: [Run] = []

    var count: Int { runs.last.map { $0.position + $0.count } ?? 0 }

    mutating func append(_ place: Place, count: Int = 1) {
        guard count > 0 else { return }
        if let last = runs.last, last.goesOn(with: place) {
            runs[runs.count - 1].count += count
        } else {
            runs.append(Run(position: self.count, count: count, first: place))
        }
    }

    /// Forgets all but the first `count` places.
    mutating func cut(to count: Int) {
        while let last = runs.last, last.position + last.count > count {
            runs.removeLast()
            if last.position < count { runs.append(Run(position: last.position, count: count - last.position, first: last.first)) }
        }
    }

    /// The places of `range` of another map, which has them.
    mutating func append(_ range: Range<Int>, of other: ChunkMap) {
        var position = range.lowerBound
        while position < range.upperBound, let run = other.run(at: position) {
            let end = min(range.upperBound, run.position + run.count)
            append(run.place(at: position), count: end - position)
            position = end
        }
    }

    subscript(position: Int) -> Place? { run(at: position)?.place(at: position) }

    /// The run that holds the place; nil: there are not so many.
    func run(at position: Int) -> Run? {
        guard position >= 0, position < count else { return nil }
        var low = 0
        var high = runs.count - 1
        while low < high {
            let middle = (low + high + 1) / 2
            if runs[middle].position <= position { low = middle } else { high = middle - 1 }
        }
        return runs[low]
    }

    /// Whether any of these places is in no pack.
    func hasAbsent(in range: Range<Int>) -> Bool {
        var position = range.lowerBound
        while position < range.upperBound {
            guard let run = run(at: position), run.first != .absent else { return true }
            position = run.position + run.count
        }
        return false
    }

    // MARK: As a file

    static let limit = ByteCount.mebibytes(256)
    private static let magic = Array("runner-chunks 1\n".utf8)
    private static let digestLength = 32

    /// First line, length of the runs (8 bytes), the runs in a frame of Zstandard, SHA-256 of all before.
    func encoded(with zstandard: Zstandard) -> [UInt8] {
        var plain: [UInt8] = []
        plain.append(compact: UInt64(runs.count))
        var expected: ChunkNumber = 1
        for run in runs {
            let kind: UInt64
            switch run.first {
            case .chunk: kind = 0
            case .zeros: kind = 1
            case .absent: kind = 2
            }
            plain.append(compact: UInt64(run.count) << 2 | kind)
            guard case .chunk(let first) = run.first else { continue }
            plain.append(signed: Int64(bitPattern: first &- expected))
            expected = first + ChunkNumber(run.count)
        }
        var file = Self.magic
        file.append(fixed: UInt64(plain.count))
        file += zstandard.compress(plain, level: 3)
        return file + SHA256.digest(of: file)
    }

    init() {}

    init(decoding file: [UInt8], with zstandard: Zstandard) throws(Damage) {
        guard file.count > Self.magic.count + 8 + Self.digestLength, file.starts(with: Self.magic) else {
            throw Damage("it is not a list of chunks")
        }
        let content = file[..<(file.count - Self.digestLength)]
        guard SHA256.digest(of: Array(content)).elementsEqual(file.suffix(Self.digestLength)) else {
            throw Damage("it does not match its checksum")
        }
        var head = CompactReader(content[Self.magic.count...])
        let length = try head.fixed()
        guard length <= Self.limit.bytes else { throw Damage("it is too long") }
        let plain: [UInt8]
        do throws(Zstandard.Damage) { plain = try zstandard.expand(content[(Self.magic.count + 8)...], count: Int(length)) } catch {
            throw Damage(error.how)
        }
        try read(plain)
    }

    private mutating func read(_ plain: [UInt8]) throws(Damage) {
        var reader = CompactReader(plain[...])
        var expected: ChunkNumber = 1
        for _ in 0..<(try reader.number(upTo: plain.count)) {
            let header = try reader.number()
            let count = header >> 2
            guard count > 0, count < 1 << 48 else { throw Damage("it has a run of \(count) chunks") }
            switch header & 3 {
            case 0:
                let first = expected &+ UInt64(bitPattern: try reader.signed())
                guard first > 0, first < 1 << 56 else { throw Damage("it has a chunk without a number") }
                append(.chunk(first), count: Int(count))
                expected = first + count
            case 1: append(.zeros, count: Int(count))
            case 2: append(.absent, count: Int(count))
            default: throw Damage("it has a run of an unknown kind")
            }
            guard self.count < 1 << 48 else { throw Damage("it has too many chunks") }
        }
        guard reader.isAtEnd else { throw Damage("it goes on behind its end") }
    }
}

internal import AgentModel
internal import Digests
internal import OutsideWorld

/// The content of many files one after the other in one, so that a version of thousands of files is synced, and removed, as one.
/// Documentation: docs/store-format.md#files
enum FileBundle {
    /// Where each file begins: at a multiple of what file systems share.
    static let alignment: UInt64 = 4096
    static let magic = Array("runfiles".utf8)
    /// Where the table begins, its length, the first half of its SHA-256 with those two, the magic.
    static let trailerLength: UInt64 = 40

    static func trailer(of table: [UInt8], at offset: UInt64) -> [UInt8] {
        var numbers: [UInt8] = []
        numbers.append(fixed: offset)
        numbers.append(fixed: UInt64(table.count))
        return numbers + SHA256.digest(of: table + numbers).prefix(16) + magic
    }
}

/// Writes a bundle, one file after the other.
struct BundleWriter {
    private let file: any DiskFile
    private var position: UInt64 = 0
    /// Runs of files that are in it: how many before each are not, and how many are.
    private var runs: [(skipped: Int, count: Int)] = []
    private var skipped = 0

    init(_ file: any DiskFile) { self.file = file }

    /// The next file of the list is not in it.
    mutating func pass() { skipped += 1 }

    /// The next file of the list begins here.
    mutating func begin() throws(FileFault) {
        let gap = (FileBundle.alignment - position % FileBundle.alignment) % FileBundle.alignment
        if gap > 0 { try file.skip(gap) }
        position += gap
        if skipped > 0 || runs.isEmpty { runs.append((skipped, 0)) }
        runs[runs.count - 1].count += 1
        skipped = 0
    }

    mutating func write(_ bytes: [UInt8]) throws(FileFault) {
        if bytes[...].isZero { try file.skip(UInt64(bytes.count)) } else { try file.write(bytes) }
        position += UInt64(bytes.count)
    }

    /// As `write` of what is in `source`, if the two can share it. Gives where it begins.
    mutating func share(_ count: UInt64, of source: any DiskFile) throws(FileFault) -> (sharing: Sharing, at: UInt64) {
        let (start, sharing) = (position, try file.share(count, of: source))
        if sharing == .shared { position += count }
        return (sharing, start)
    }

    func finish() throws(FileFault) {
        var table: [UInt8] = []
        table.append(compact: UInt64(runs.count))
        for run in runs {
            table.append(compact: UInt64(run.skipped))
            table.append(compact: UInt64(run.count))
        }
        try file.write(table + FileBundle.trailer(of: table, at: position))
        try file.finish()
    }
}

/// A bundle, to be read.
final class BundleReader {
    private let file: any DiskFile
    private let path: DiskPath
    private let contentEnd: UInt64
    private var places: [DiskPath: (offset: UInt64, size: UInt64)] = [:]
    /// Where each file ends and the next begins, or the content ends.
    private var gaps: [Range<UInt64>] = []

    /// - Parameter files: of the version, in the order of its list.
    init(_ path: DiskPath, of disk: any Disk, files: some Sequence<TreeEntry>) throws(FileFault) {
        self.path = path
        file = try disk.open(path, .read)
        let size = try disk.entry(at: path)?.size ?? 0
        guard size >= FileBundle.trailerLength else { throw Self.damage(path, "it is shorter than any") }
        let trailer = try file.readExactly(size - FileBundle.trailerLength, Int(FileBundle.trailerLength), of: path)
        var numbers = CompactReader(trailer[...])
        let (offset, length) = try damaged(path) { () throws(Damage) in (try numbers.fixed(), try numbers.fixed()) }
        contentEnd = offset
        guard offset <= size, length <= size, offset + length + FileBundle.trailerLength == size, length <= Manifest.treeLimit.bytes else {
            throw Self.damage(path, "its table is not where it says")
        }
        let table = try file.readExactly(offset, Int(length), of: path)
        guard FileBundle.trailer(of: table, at: offset) == trailer else { throw Self.damage(path, "its table does not match its checksum") }
        try damaged(path) { () throws(Damage) in try place(files, by: table) }
    }

    private func place(_ files: some Sequence<TreeEntry>, by table: [UInt8]) throws(Damage) {
        var reader = CompactReader(table[...])
        var files = files.makeIterator()
        var position: UInt64 = 0
        for _ in 0..<(try reader.number(upTo: table.count)) {
            let (skipped, count) = (try reader.number(), try reader.number())
            for _ in 0..<skipped where files.next() == nil { throw Damage("it has more files than the version") }
            for _ in 0..<count {
                guard let entry = files.next() else { throw Damage("it has more files than the version") }
                let start = (position + FileBundle.alignment - 1) / FileBundle.alignment * FileBundle.alignment
                let (end, isTooLarge) = start.addingReportingOverflow(entry.size ?? 0)
                guard !isTooLarge, end <= contentEnd else { throw Damage("it ends before its last file") }
                if start > position { gaps.append(position..<start) }
                places[entry.path] = (start, end - start)
                position = end
            }
        }
        guard reader.isAtEnd, position == contentEnd else { throw Damage("it has something behind its last file") }
    }

    func has(_ path: DiskPath) -> Bool { places[path] != nil }

    /// nil: it is not in it.
    func open(_ path: DiskPath) -> (any DiskFile)? {
        places[path].map { FileSection(of: file, from: $0.offset, size: $0.size, named: "\(self.path), '\(path)'") }
    }

    /// What is between the files is of no file, so nobody else looks at it.
    func checkGaps() throws(FileFault) {
        for gap in gaps {
            let bytes = try file.readExactly(gap.lowerBound, gap.count, of: path)
            guard bytes[...].isZero else { throw Self.damage(path, "there is something between its files") }
        }
    }

    private static func damage(_ path: DiskPath, _ how: String) -> FileFault { FileFault(.damaged(how), doing: "read", what: path.text) }
}

/// A part of a file as if it were one. Only read.
final class FileSection: DiskFile {
    private let whole: any DiskFile
    private let start: UInt64
    private let size: UInt64
    private let name: String
    private var position: UInt64 = 0

    init(of whole: any DiskFile, from start: UInt64, size: UInt64, named name: String) {
        self.whole = whole
        self.start = start
        self.size = size
        self.name = name
    }

    func read(_ count: Int) throws(FileFault) -> [UInt8] {
        let bytes = try read(count, at: position)
        position += UInt64(bytes.count)
        return bytes
    }

    func read(_ count: Int, at offset: UInt64) throws(FileFault) -> [UInt8] {
        guard offset < size else { return [] }
        return try whole.read(Int(min(UInt64(count), size - offset)), at: start + offset)
    }

    func write(_ bytes: [UInt8]) throws(FileFault) { throw FileFault(.readOnly, doing: "write", what: name) }
    func sync() throws(FileFault) {}
    /// A version has them in its list of files.
    func attributes(limit: ByteCount) throws(FileFault) -> [ExtendedAttribute] { [] }
}

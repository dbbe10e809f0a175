internal import OutsideWorld

/// A file of images beside the same file in the version before, by what is remembered of both: only pages that changed are read.
struct PageComparison {
    private let new: PageSums
    private let old: PageSums
    private var alignment: Alignment
    private var file: PageReader
    private var former: PageReader?
    private var index = 0
    private let size: UInt64

    enum Step {
        case zeros
        case same(ChunkNumber)
        /// - Parameter old: what lay in its place.
        case changed(ArraySlice<UInt8>, old: Alignment.Old?)
        /// The file does not hold what was stored.
        case decayed
    }

    /// - Parameters:
    ///   - file: of so many bytes.
    ///   - former: the same file of the version before, where it lies there still.
    init(_ file: any DiskFile, size: UInt64, _ new: PageSums, after former: (any DiskFile)?, _ old: PageSums, _ alignment: Alignment) {
        self.file = PageReader(file)
        self.former = former.map { PageReader($0) }
        self.new = new
        self.old = old
        self.alignment = alignment
        self.size = size
    }

    /// What comes next; nil: that was all. `passed` is told of what changed.
    mutating func next() throws(FileFault) -> Step? {
        guard index < new.count else { return nil }
        defer { index += 1 }
        if new.isZero(index) {
            alignment.passed(nil)
            return .zeros
        }
        let before = alignment.next()
        if let before, new.isSame(index, as: before.index, of: old) {
            alignment.passedNext()
            return .same(before.number)
        }
        let offset = UInt64(index) * UInt64(ChunkSize.page)
        let bytes = try file.page(at: offset, of: Int(min(size - offset, UInt64(ChunkSize.page))))
        guard new.isPage(index, bytes) else { return .decayed }
        return .changed(bytes, old: before)
    }

    /// - Parameter number: the chunk of some place before that it is; nil: a new one.
    mutating func passed(_ number: ChunkNumber?) {
        if let number { alignment.passed(number) } else { alignment.passedNext() }
    }

    /// What the version before has there as a plain file, if that is what it had; else nothing is known.
    mutating func content(of page: Alignment.Old) -> ArraySlice<UInt8>? {
        guard page.index < old.count, let bytes = try? former?.page(at: page.offset(ChunkSize.page), of: ChunkSize.page),
            old.isPage(page.index, bytes)
        else { return nil }
        return bytes
    }
}

/// Pages of a file by their place. Read one at a time until they turn out to lie side by side, then more and more at once.
private struct PageReader {
    private static let most = pieceSize / ChunkSize.page
    private let file: any DiskFile
    private var window: [UInt8] = []
    private var begin: UInt64 = 0
    private var ahead = 1

    init(_ file: any DiskFile) { self.file = file }

    /// - Parameter count: bytes. Fewer come where the file is at its end.
    mutating func page(at offset: UInt64, of count: Int) throws(FileFault) -> ArraySlice<UInt8> {
        let end = begin + UInt64(window.count)
        if offset < begin || offset >= end {
            ahead = offset == end ? min(2 * ahead, Self.most) : 1
            window = try file.read(ahead * ChunkSize.page, at: offset)
            begin = offset
        }
        // A read may give less than there is.
        while window.count < Int(offset - begin) + count {
            let more = try file.read(count, at: begin + UInt64(window.count))
            if more.isEmpty { break }
            window += more
        }
        return window[Int(offset - begin)...].prefix(count)
    }
}

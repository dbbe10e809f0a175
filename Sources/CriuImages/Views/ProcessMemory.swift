/// The memory of one process, read from the images.
public struct ProcessMemory: Sendable {
    private let source: PageSource

    /// - Throws: `notThere` when the set has no page map of this process; the map's own fault.
    public init(of pid: UInt64, in directory: ImageDirectory) throws(ImageFault) {
        guard directory.files["pagemap-\(pid).img"] != nil else {
            throw ImageFault(.notThere, "there is no page map of process \(pid)")
        }
        source = try PageSource("pagemap-\(pid).img", in: directory)
    }

    /// A run of pages with the same fate.
    public struct Run: Hashable, Sendable, Codable {
        public var address: UInt64
        public var pages: UInt64
        /// "here", "parent" or "lazy": in this set, in an older one, or left with the process.
        public var place: String
        /// Bytes from the beginning of the pages file; nil unless "here".
        public var offset: UInt64?
    }

    /// Number of the pages file: N of pages-N.img.
    public var pagesID: UInt64 { source.map.pagesID }

    public var runs: [Run] {
        source.map.runs.map { run in
            let place = run.place == .here ? "here" : run.place == .parent ? "parent" : "lazy"
            return Run(
                address: run.address, pages: run.count, place: place,
                offset: run.place == .here ? run.position * PageMap.pageSize : nil)
        }
    }

    /// The bytes at an address: as many of `count` as are in the images without a gap.
    /// - Throws: `notThere` when the first of them is not.
    public func bytes(at address: UInt64, count: UInt64) throws(ImageFault) -> [UInt8] {
        var bytes: [UInt8] = []
        try read(at: address, count: count) { (piece) throws(ImageFault) in bytes += piece }
        return bytes
    }

    /// As `bytes`, piece by piece.
    public func read(at address: UInt64, count: UInt64, each: ([UInt8]) throws(ImageFault) -> Void) throws(ImageFault) {
        let (end, overflow) = address.addingReportingOverflow(count)
        var next = address
        try source.read(address..<(overflow ? .max : end)) { (start, piece) throws(ImageFault) in
            guard start == next else { return false }
            try each(piece)
            next += UInt64(piece.count)
            return true
        }
        if next == address, count > 0 {
            throw ImageFault(.notThere, "the page at \(hexadecimal(address / PageMap.pageSize * PageMap.pageSize)) is not in the images")
        }
    }

    /// Texts in memory: at least `length` printable ASCII characters (or tabs) in a row, within one run of pages.
    /// - Parameter each: false ends the search.
    public func strings(atLeast length: Int, each: (_ address: UInt64, _ text: [UInt8]) throws(ImageFault) -> Bool) throws(ImageFault) {
        var text: [UInt8] = []
        var start: UInt64 = 0
        var next: UInt64 = 0
        func finish() throws(ImageFault) -> Bool {
            defer { text.removeAll(keepingCapacity: true) }
            return text.count >= length ? try each(start, text) : true
        }
        var goesOn = true
        try source.read(0..<(.max)) { (address, piece) throws(ImageFault) in
            if address != next { goesOn = try finish() }
            for (index, byte) in piece.enumerated() where goesOn {
                // A text that never ends is told in parts.
                if byte >= 0x20 && byte < 0x7f || byte == 9, text.count < Self.longestText {
                    if text.isEmpty { start = address + UInt64(index) }
                    text.append(byte)
                } else if !text.isEmpty {
                    goesOn = try finish()
                }
            }
            next = address + UInt64(piece.count)
            return goesOn
        }
        if goesOn { _ = try finish() }
    }

    private static let longestText = 4096

    // MARK: What CRIU leaves in memory

    static func command(of pid: UInt64, _ memory: SetFacts.Memory?, in directory: ImageDirectory) -> [String] {
        guard let range = memory?.arguments, !range.isEmpty else { return [] }
        let words = try? ProcessMemory(of: pid, in: directory).bytes(
            at: range.lowerBound, count: min(range.upperBound - range.lowerBound, 64 << 10))
        guard var words else { return [] }
        if words.last == 0 { words.removeLast() }
        // A process may have wiped them.
        guard words.contains(where: { $0 != 0 }) else { return [] }
        return words.split(separator: 0, omittingEmptySubsequences: false).map { String(decoding: $0, as: UTF8.self) }
    }
}

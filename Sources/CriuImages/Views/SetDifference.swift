/// What differs between two sets of images: the processes, and of each its files and pages.
public struct SetDifference: Hashable, Sendable, Codable {
    public struct Process: Hashable, Sendable, Codable {
        public var pid: UInt64
        public var name: String
        public var filesAdded: [String]
        public var filesRemoved: [String]
        public var pages: Pages
        /// Bytes of pages before and after, those in older sets included.
        public var memoryBefore: UInt64
        public var memoryAfter: UInt64
    }
    /// Counts of pages, compared byte by byte.
    public struct Pages: Hashable, Sendable, Codable {
        public var same: UInt64 = 0
        public var changed: UInt64 = 0
        public var added: UInt64 = 0
        public var removed: UInt64 = 0
    }
    public var before: String
    public var after: String
    public var sizeBefore: UInt64
    public var sizeAfter: UInt64
    public var processesAdded: [SetSummary.Process]
    public var processesRemoved: [SetSummary.Process]
    /// In both sets.
    public var processes: [Process]

    /// Whether nothing differs but what every dump writes anew.
    public var isEmpty: Bool {
        processesAdded.isEmpty && processesRemoved.isEmpty
            && processes.allSatisfy {
                $0.filesAdded.isEmpty && $0.filesRemoved.isEmpty && $0.pages.changed + $0.pages.added + $0.pages.removed == 0
            }
    }

    /// - Throws: the first fault of a page map or a pages file.
    public init(from before: ImageDirectory, to after: ImageDirectory) throws(ImageFault) {
        let old = SetSummary(of: before)
        let new = SetSummary(of: after)
        (self.before, self.after) = (old.name, new.name)
        (sizeBefore, sizeAfter) = (old.size, new.size)
        let oldByPID = Dictionary(old.processes.map { ($0.pid, $0) }) { first, _ in first }
        let newPIDs = Set(new.processes.map(\.pid))
        processesAdded = new.processes.filter { oldByPID[$0.pid] == nil }
        processesRemoved = old.processes.filter { !newPIDs.contains($0.pid) }
        processes = []
        for process in new.processes {
            guard let earlier = oldByPID[process.pid] else { continue }
            let files = (Self.words(of: earlier), Self.words(of: process))
            processes.append(
                Process(
                    pid: process.pid, name: process.name, filesAdded: files.1.filter { !files.0.contains($0) },
                    filesRemoved: files.0.filter { !files.1.contains($0) },
                    pages: try Self.pages(of: process.pid, before, after),
                    memoryBefore: earlier.memory.pages + earlier.memory.inParent,
                    memoryAfter: process.memory.pages + process.memory.inParent))
        }
    }

    private static func words(of process: SetSummary.Process) -> [String] {
        process.files.map { "fd \($0.descriptor): \($0.kind) \($0.what)" }
    }

    private static func pages(of pid: UInt64, _ before: ImageDirectory, _ after: ImageDirectory) throws(ImageFault) -> Pages {
        let name = "pagemap-\(pid).img"
        let old = before.files[name] == nil ? nil : try PageSource(name, in: before)
        let new = after.files[name] == nil ? nil : try PageSource(name, in: after)
        var pages = Pages()
        var covered: UInt64 = 0
        try new?.read(0..<(.max)) { (address, bytes) throws(ImageFault) in
            let end = address + UInt64(bytes.count)
            var earlier = [UInt8](repeating: 0, count: bytes.count)
            var known = [Bool](repeating: false, count: bytes.count / pageSize)
            try old?.read(address..<end) { (start, piece) throws(ImageFault) in
                let offset = Int(start - address)
                earlier.replaceSubrange(offset..<offset + piece.count, with: piece)
                for page in offset / pageSize..<(offset + piece.count) / pageSize { known[page] = true }
                return true
            }
            for page in known.indices {
                let range = page * pageSize..<(page + 1) * pageSize
                if !known[page] { pages.added += 1 } else if bytes[range] == earlier[range] { pages.same += 1 } else { pages.changed += 1 }
            }
            covered += UInt64(known.count { $0 })
            return true
        }
        var total: UInt64 = 0
        for run in old?.map.runs ?? [] where run.place != .nowhere { total += run.count }
        pages.removed = total - min(total, covered)
        return pages
    }

    private static let pageSize = Int(PageMap.pageSize)
}

/// What a set of images says, as far as its files can be read: one pass over all of them, and nothing of the pages.
struct SetFacts: Sendable {
    var inventory: Inventory?
    /// In the order of pstree.img.
    var tasks: [Task] = []
    /// By thread.
    var cores: [UInt64: Core] = [:]
    /// By process.
    var ids: [UInt64: ImageMessage] = [:]
    var memories: [UInt64: Memory] = [:]
    var directories: [UInt64: ImageMessage] = [:]
    /// By the number that ids-PID.img calls `files_id`.
    var descriptors: [UInt64: [Descriptor]] = [:]
    /// By the id that descriptors and mappings use.
    var files: [UInt64: ImageMessage] = [:]
    var repeatedFiles: [UInt64] = []
    /// By file name.
    var pageMaps: [String: PageMap] = [:]
    var remaps: [ImageMessage] = []
    var locks: [ImageMessage] = []
    var terminals: Set<UInt64> = []
    var memoryFiles: [UInt64: ImageMessage] = [:]
    var queued: [(file: String, owner: UInt64)] = []
    var seccompFilters: Int?
    var controlGroupSets: Set<UInt64>?
    var dumpStatistics: ImageMessage?
    /// Faults of single files, by name.
    var faults: [String: ImageFault] = [:]
    /// Files with fields that the schema does not know.
    var unknownFields: Set<String> = []

    struct Inventory: Sendable {
        var version: UInt64
        var hasDescriptorsPerID: Bool
        var closesTCP: Bool
        /// CRIU 4.1 began to give every dump a name.
        var hasRunID: Bool
        /// The set of control groups that CRIU itself was in; it is in no file.
        var controlGroupSet: UInt64?
        var root: ImageMessage?
    }
    struct Task: Sendable {
        var pid: UInt64
        var parent: UInt64
        var group: UInt64
        var session: UInt64
        var threads: [UInt64]
    }
    struct Core: Sendable {
        /// As in the schema: "X86_64".
        var architecture: String
        /// What belongs to the process, only in the main thread's.
        var task: ImageMessage?
        var thread: ImageMessage?
        /// Alive or stopped; a dead process or a zombie has nothing but its core.
        var isAlive: Bool { [1, 3].contains(task?.number("task_state")) }
    }
    struct Memory: Sendable {
        var arguments: Range<UInt64>
        var environment: Range<UInt64>
        var executable: UInt64
        var areas: [Area]
    }
    struct Area: Sendable {
        var range: Range<UInt64>
        var status: UInt64
        var protection: UInt64
        var file: UInt64
        /// Whether a file is mapped: `file` is then an id in files.img.
        var hasFile: Bool { status & (1 << 6 | 1 << 7) != 0 }
        var isAnonymousShared: Bool { status & 1 << 8 != 0 }
    }
    struct Descriptor: Sendable {
        var number: UInt64
        var file: UInt64
        var type: UInt64
    }
}

/// Which pages of one process, or of one piece of shared memory, are there.
struct PageMap: Sendable {
    static let pageSize: UInt64 = 4096
    struct Run: Sendable, Hashable {
        var address: UInt64
        var count: UInt64
        var place: Place
        /// Pages of this map's file before this run.
        var position: UInt64
        var end: UInt64 { address &+ count &* PageMap.pageSize }
    }
    enum Place: Sendable, Hashable { case here, parent, nowhere }
    var pagesID: UInt64
    var runs: [Run] = []
    /// Pages in the map's own file.
    var present: UInt64 = 0
    var inParent: UInt64 = 0
    /// Whether pages are counted in the field that CRIU 4.2 counts them in.
    var hasLaterCounts = false

    /// Says what cannot be, or nil.
    mutating func add(_ entry: ImageMessage) -> String? {
        let address = entry.number("vaddr") ?? 0
        // CRIU 4.2 moved the count; before, it was in the second field.
        let count = entry.number("nr_pages") ?? entry.number("compat_nr_pages") ?? 0
        if entry.number("nr_pages") != nil { hasLaterCounts = true }
        let flags = entry.number("flags")
        let inParent = entry.number("in_parent") == 1 || (flags ?? 0) & 1 != 0
        let isPresent = flags.map { $0 & 4 != 0 } ?? !inParent
        let place: Place = inParent ? .parent : isPresent ? .here : .nowhere
        let run = Run(address: address, count: count, place: place, position: present)
        let (_, tooMany) = count.multipliedReportingOverflow(by: Self.pageSize)
        guard !tooMany, count > 0, address % Self.pageSize == 0, address &+ count &* Self.pageSize > address else {
            return "a run of \(count) pages at \(hexadecimal(address)) cannot be"
        }
        if let last = runs.last, last.end > address { return "the run at \(hexadecimal(address)) begins before the one before it ends" }
        runs.append(run)
        switch place {
        case .here: present += count
        case .parent: self.inParent += count
        case .nowhere: break
        }
        return nil
    }
}

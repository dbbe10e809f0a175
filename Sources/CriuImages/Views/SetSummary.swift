/// What is in a set of images, as a person asks: processes with their commands, memory, files and sockets.
public struct SetSummary: Hashable, Sendable, Codable {
    public struct Process: Hashable, Sendable, Codable {
        public var pid: UInt64
        public var parent: UInt64
        public var group: UInt64
        public var session: UInt64
        /// As ps(1) shows it: the name the main thread gave itself.
        public var name: String
        /// Read from the process's memory; empty where that is not in the images.
        public var command: [String]
        public var state: String
        public var threads: [UInt64]
        public var user: UInt64?
        public var executable: String?
        public var workingDirectory: String?
        public var memory: Memory
        public var files: [File]
    }
    /// Sizes in bytes.
    public struct Memory: Hashable, Sendable, Codable {
        /// Of all mappings.
        public var mapped: UInt64 = 0
        /// Of the pages that are in this set.
        public var pages: UInt64 = 0
        /// Of the pages that are in an older set.
        public var inParent: UInt64 = 0
        public var areas: Int = 0
    }
    public struct File: Hashable, Sendable, Codable {
        public var descriptor: UInt64
        /// "REG", "PIPE", "INETSK" …, as in the schema.
        public var kind: String
        /// A path, an address, a pair of ends.
        public var what: String
        /// Whether it is a socket.
        public var isSocket: Bool
    }
    public var name: String
    public var architecture: String?
    /// Bytes of all files; of them, of pages.
    public var size: UInt64
    public var pages: UInt64
    /// In files.img, by kind.
    public var fileKinds: [String: Int]
    public var hasParent: Bool
    /// Microseconds the processes stood still, from stats-dump.
    public var frozenMicroseconds: UInt64?
    /// Parents before their children.
    public var processes: [Process]
    /// Files that could not be read and are therefore left out.
    public var unread: [String]

    /// Never fails: what cannot be read is left out and named in `unread`.
    public init(of directory: ImageDirectory) {
        let facts = FactsReader.read(directory)
        name = directory.name
        architecture = facts.tasks.lazy.compactMap { facts.cores[$0.pid]?.architecture }.first
        size = directory.files.values.reduce(0) { $0 &+ $1.size }
        pages = directory.files.values.reduce(0) { $0 &+ ($1.name.hasPrefix("pages-") ? $1.size : 0) }
        fileKinds = Dictionary(facts.files.values.map { (FileWords.kind(of: $0), 1) }, uniquingKeysWith: +)
        if case .none = directory.parent { hasParent = false } else { hasParent = true }
        frozenMicroseconds = facts.dumpStatistics?.number("frozen_time")
        processes = Self.inOrder(facts.tasks).map { Self.process($0, facts, directory) }
        unread = facts.faults.keys.sorted()
    }

    /// The tree, each process before its children; what hangs nowhere comes last.
    private static func inOrder(_ tasks: [SetFacts.Task]) -> [SetFacts.Task] {
        var children: [UInt64: [SetFacts.Task]] = [:]
        for task in tasks { children[task.parent, default: []].append(task) }
        var order: [SetFacts.Task] = []
        var seen: Set<UInt64> = []
        var open = Array((children[0] ?? []).reversed())
        while let task = open.popLast() {
            guard seen.insert(task.pid).inserted else { continue }
            order.append(task)
            open += (children[task.pid] ?? []).reversed()
        }
        return order + tasks.filter { seen.insert($0.pid).inserted }
    }

    private static func process(_ task: SetFacts.Task, _ facts: SetFacts, _ directory: ImageDirectory) -> Process {
        let core = facts.cores[task.pid]
        let isAlive = core?.isAlive ?? true
        let memory = facts.memories[task.pid]
        let places = facts.directories[task.pid]
        let table = facts.ids[task.pid]?.number("files_id")
        return Process(
            pid: task.pid, parent: task.parent, group: task.group, session: task.session, name: core?.task?.text("comm") ?? "?",
            command: isAlive ? ProcessMemory.command(of: task.pid, memory, in: directory) : [],
            state: FileWords.state(core?.task?.number("task_state")), threads: isAlive ? task.threads : [task.pid],
            user: core?.thread?.message("creds")?.number("uid"), executable: memory.flatMap { path($0.executable, facts) },
            workingDirectory: places?.number("cwd_id").flatMap { path($0, facts) },
            memory: Self.memory(of: task.pid, memory, facts),
            files: (table.flatMap { facts.descriptors[$0] } ?? []).sorted { $0.number < $1.number }.map { descriptor in
                let file = facts.files[descriptor.file]
                return File(
                    descriptor: descriptor.number, kind: file.map { FileWords.kind(of: $0) } ?? "?",
                    what: file.map { FileWords.text(of: $0) } ?? "", isSocket: file.map { FileWords.isSocket($0) } ?? false)
            })
    }

    private static func path(_ id: UInt64, _ facts: SetFacts) -> String? { facts.files[id]?.message("reg")?.text("name") }

    private static func memory(of pid: UInt64, _ memory: SetFacts.Memory?, _ facts: SetFacts) -> Memory {
        let map = facts.pageMaps["pagemap-\(pid).img"]
        return Memory(
            mapped: memory?.areas.reduce(0) { $0 &+ ($1.range.upperBound - $1.range.lowerBound) } ?? 0,
            pages: (map?.present ?? 0) &* PageMap.pageSize, inParent: (map?.inParent ?? 0) &* PageMap.pageSize,
            areas: memory?.areas.count ?? 0)
    }
}

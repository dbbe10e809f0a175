/// What a restore of a set of images must lead to, as the kernel would tell it: the tree, what it holds open, and the maps of its memory.
public struct SetShape: Hashable, Sendable {
    public struct Process: Hashable, Sendable {
        public var pid: UInt64
        /// 0: it is the root.
        public var parent: UInt64
        public var group: UInt64
        public var session: UInt64
        public var name: String
        /// Not dead, and no zombie: only such a one holds anything.
        public var isAlive: Bool
        public var threads: [UInt64]
        public var descriptors: [Descriptor]
        /// In the order of their addresses, without those that the kernel itself makes (vdso and the like).
        public var areas: [Area]
        /// Bytes of the pages that are in the images, those of the kernel's own areas left out.
        public var pages: UInt64
    }
    public struct Descriptor: Hashable, Sendable {
        public var number: UInt64
        /// "REG", "PIPE", "INETSK" …, as in the schema.
        public var kind: String
        /// Of a regular file.
        public var path: String?
    }
    public struct Area: Hashable, Sendable {
        public var range: Range<UInt64>
        /// As of mmap(2).
        public var protection: UInt64
        public var isShared: Bool
        /// The mapped file.
        public var path: String?
    }
    /// In the order of pstree.img.
    public var processes: [Process]
    /// Paths that its UNIX sockets are bound to. A restore binds them anew, whoever is there.
    public var boundSockets: [String]
    /// Paths of the pipes it holds open that are files. A restore puts what lay unread in one into it, whoever reads there.
    public var namedPipes: [String]
    /// Network devices that its sockets are bound to.
    public var boundDevices: [String]
    /// Addresses that its UDP sockets are connected to, but for loopback: a restore needs a route to each.
    public var connectedTo: [String]
    /// Paths of all it holds open, has mapped or works in.
    public var paths: Set<String>
    /// Those of them that must be there for a restore: all but the deleted ones, whose content is in the images.
    public var neededPaths: Set<String>

    /// Files that could not be read, for no fault of what is in them.
    public var unreadable: [String]

    /// Never fails: what cannot be read is left out, and `Check` names it.
    public init(of directory: ImageDirectory) {
        let facts = FactsReader.read(directory)
        processes = facts.tasks.map { Self.process($0, facts) }
        unreadable = facts.faults.filter { $0.value.kind == .unreadable }.keys.sorted()
        boundSockets = Set(facts.files.values.compactMap { $0.message("usk").flatMap(Self.place) }).sorted()
        let pipes = facts.files.values.compactMap { $0.message("fifo")?.number("regf_id") }
        namedPipes = Set(pipes.compactMap { facts.files[$0]?.message("reg")?.text("name") }).sorted()
        boundDevices = Set(facts.files.values.flatMap(Self.devices)).sorted()
        connectedTo = Set(facts.files.values.compactMap { $0.message("isk").flatMap(FileWords.farEnd) }).sorted()
        paths = Set(facts.files.values.compactMap { $0.message("reg")?.text("name") })
        let deleted = Set(facts.remaps.compactMap { $0.number("orig_id") })
        neededPaths = Set(facts.files.filter { !deleted.contains($0.key) }.values.compactMap { $0.message("reg")?.text("name") })
    }

    private static func process(_ task: SetFacts.Task, _ facts: SetFacts) -> Process {
        let isAlive = facts.cores[task.pid]?.isAlive ?? true
        let table = facts.ids[task.pid]?.number("files_id")
        let map = facts.pageMaps["pagemap-\(task.pid).img"]
        return Process(
            pid: task.pid, parent: task.parent, group: task.group, session: task.session,
            name: facts.cores[task.pid]?.task?.text("comm") ?? "?", isAlive: isAlive, threads: isAlive ? task.threads.sorted() : [],
            descriptors: (table.flatMap { facts.descriptors[$0] } ?? []).sorted { $0.number < $1.number }.map {
                descriptor($0, facts)
            },
            areas: (facts.memories[task.pid]?.areas ?? []).filter { !$0.isOfKernel }.map { area($0, facts) },
            pages: pages(map, facts.memories[task.pid]?.areas ?? []))
    }

    /// nil: it has no name, or one that is in no file system.
    private static func place(_ socket: ImageMessage) -> String? {
        guard let name = socket.bytes("name")?.prefix(while: { $0 != 0 }), !name.isEmpty else { return nil }
        let text = String(decoding: name, as: UTF8.self)
        return text.hasPrefix("/") ? text : (socket.text("name_dir") ?? "") + "/" + text
    }

    private static func devices(of file: ImageMessage) -> [String] {
        let options = ["isk", "usk", "psk", "nlsk"].compactMap { file.message($0)?.message("opts")?.text("so_bound_dev") }
        let name = file.message("isk")?.text("ifname") ?? ""
        let interface = file.message("psk")?.number("ifindex").flatMap { $0 == 0 ? nil : "interface \($0)" }
        return (options + [name]).filter { !$0.isEmpty } + (interface.map { [$0] } ?? [])
    }

    private static func pages(_ map: PageMap?, _ areas: [SetFacts.Area]) -> UInt64 {
        let kernels = areas.filter(\.isOfKernel).map(\.range)
        return (map?.runs ?? []).reduce(0) { sum, run in
            guard run.place != .nowhere, run.end > run.address else { return sum }
            let outside = kernels.reduce(run.end - run.address) { left, range in
                left - min(left, UInt64((run.address..<run.end).clamped(to: range).count))
            }
            return sum &+ outside
        }
    }

    private static func descriptor(_ descriptor: SetFacts.Descriptor, _ facts: SetFacts) -> Descriptor {
        let file = facts.files[descriptor.file]
        return Descriptor(
            number: descriptor.number, kind: file.map { FileWords.kind(of: $0) } ?? "?", path: file?.message("reg")?.text("name"))
    }

    private static func area(_ area: SetFacts.Area, _ facts: SetFacts) -> Area {
        Area(
            range: area.range, protection: area.protection, isShared: area.isShared,
            path: area.hasFile ? facts.files[area.file]?.message("reg")?.text("name") : nil)
    }
}

extension SetFacts.Area {
    /// vsyscall, vdso, vvar: the kernel's own, which a restore may put where it likes.
    var isOfKernel: Bool { status & (1 << 2 | 1 << 3 | 1 << 12) != 0 }
    /// A shared file, or memory shared without one (System V and memfd included).
    var isShared: Bool { status & (1 << 7 | 1 << 8 | 1 << 10 | 1 << 14) != 0 }
}

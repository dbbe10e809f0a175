/// What a set of images says of the world its processes lived in: what whoever restores it must bring along.
public struct SetOutside: Hashable, Sendable {
    public struct Socket: Hashable, Sendable {
        public enum Form: Hashable, Sendable { case stream, datagrams, packets }
        public var inode: UInt64
        public var form: Form
        public init(inode: UInt64, form: Form) {
            self.inode = inode
            self.form = form
        }
    }
    /// The oldest release of CRIU that writes such images: they do not say which it was.
    public enum Writer: Hashable, Sendable { case criu3_17, criu4_1, criu4_2 }

    /// The root of the tree.
    public var root: UInt64
    /// The highest number of a process, thread, group or session.
    public var highest: UInt64
    /// The pipes behind the root's standard output and error that nobody in the tree reads. One pipe behind both is the output's.
    public var outputPipe: UInt64?
    public var errorPipe: UInt64?
    /// UNIX sockets that were named as external at the dump.
    public var sockets: [Socket]
    /// Other things that were named so: a terminal, a file of another mount.
    public var otherExternals: Int
    /// Whether TCP connections were closed by the dump.
    public var closesTCP: Bool
    /// The namespaces of their own that the processes lived in: "pid", "mnt" …
    public var namespaces: [String]
    public var hasParent: Bool
    public var writer: Writer

    /// nil: the set has no root. Whether it is whole otherwise, `Check` tells.
    public init?(of directory: ImageDirectory) {
        let facts = FactsReader.read(directory)
        guard let root = facts.tasks.first(where: { $0.parent == 0 }) else { return nil }
        self.root = root.pid
        highest = facts.tasks.lazy.flatMap { [$0.pid, $0.group, $0.session] + $0.threads }.max() ?? root.pid
        let read = Self.pipesRead(facts)
        outputPipe = Self.pipe(behind: 1, of: root, facts).flatMap { read.contains($0) ? nil : $0 }
        let output = outputPipe
        errorPipe = Self.pipe(behind: 2, of: root, facts).flatMap { read.contains($0) || $0 == output ? nil : $0 }
        sockets = facts.files.values.compactMap { Self.socket($0) }.sorted { $0.inode < $1.inode }
        otherExternals = facts.files.values.count { $0.message("ext") != nil || $0.message("reg")?.number("ext") == 1 }
        closesTCP = facts.inventory?.closesTCP ?? false
        namespaces = Self.namespaces(of: root, facts)
        if case .none = directory.parent { hasParent = false } else { hasParent = true }
        let hasLaterCounts = facts.pageMaps.values.contains { $0.hasLaterCounts }
        writer = hasLaterCounts ? .criu4_2 : facts.inventory?.hasRunID == true ? .criu4_1 : .criu3_17
    }

    /// A reader within the tree keeps the pipe a matter of its own.
    private static func pipesRead(_ facts: SetFacts) -> Set<UInt64> {
        let readOnly: UInt64 = 0, accessMode: UInt64 = 3
        return Set(
            facts.files.values.compactMap { file in
                guard let pipe = file.message("pipe"), (pipe.number("flags") ?? 0) & accessMode == readOnly else { return nil }
                return pipe.number("pipe_id")
            })
    }

    private static func pipe(behind descriptor: UInt64, of task: SetFacts.Task, _ facts: SetFacts) -> UInt64? {
        guard let table = facts.ids[task.pid]?.number("files_id"),
            let found = facts.descriptors[table]?.first(where: { $0.number == descriptor })
        else { return nil }
        return facts.files[found.file]?.message("pipe")?.number("pipe_id")
    }

    private static func socket(_ file: ImageMessage) -> Socket? {
        let external: UInt64 = 1
        guard let socket = file.message("usk"), (socket.number("uflags") ?? 0) & external != 0, let inode = socket.number("ino") else {
            return nil
        }
        let form: Socket.Form =
            switch socket.number("type") {
            case 2: .datagrams
            case 5: .packets
            default: .stream
            }
        return Socket(inode: inode, form: form)
    }

    private static func namespaces(of root: SetFacts.Task, _ facts: SetFacts) -> [String] {
        guard let own = facts.ids[root.pid], let dumpers = facts.inventory?.root else { return [] }
        return ["pid", "mnt", "net", "ipc", "uts", "user"].filter { name in
            guard let one = own.number("\(name)_ns_id"), let other = dumpers.number("\(name)_ns_id") else { return false }
            return one != other
        }
    }
}

/// The processes of a sandbox and what they hold, as the kernel tells it from outside: what can be known before a dump is tried.
public struct TreeSight: Hashable, Sendable {
    public var processes: [ProcessSight]
    /// All UNIX sockets of the network namespace, by inode: what each is connected to.
    public var unixPeers: [UInt64: UInt64]
    /// The pipes that take the sandbox's output to the supervisor, while they are open.
    public var outputPipes: [OutputStream: UInt64]
    /// A page server still brings memory in.
    public var awaitsMemory: Bool
    /// That of the sandbox, if it has one.
    public var terminal: TerminalSight?
    public init(
        processes: [ProcessSight] = [], unixPeers: [UInt64: UInt64] = [:], outputPipes: [OutputStream: UInt64] = [:],
        awaitsMemory: Bool = false, terminal: TerminalSight? = nil
    ) {
        self.processes = processes
        self.unixPeers = unixPeers
        self.outputPipes = outputPipes
        self.awaitsMemory = awaitsMemory
        self.terminal = terminal
    }
}

/// The agent's terminal, by what its side is to stat(2).
public struct TerminalSight: Hashable, Sendable {
    public var device: UInt64
    public var fileSystem: UInt64
    public init(device: UInt64, fileSystem: UInt64) {
        self.device = device
        self.fileSystem = fileSystem
    }
}

public struct ProcessSight: Hashable, Sendable {
    /// A namespace whose kind is not the sandbox's own.
    public enum Namespace: String, Hashable, Sendable, CaseIterable {
        case pid, mount = "mnt", ipc, hostName = "uts", network = "net", user, controlGroup = "cgroup"
    }
    /// Number inside the sandbox.
    public var pid: Int32
    /// Number as the host counts.
    public var hostPid: Int32
    public var name: String
    /// As in /proc/PID/stat: R, S, D, Z, T, t …
    public var state: Character
    /// Whoever traces it, as the host counts; 0: nobody.
    public var tracer: Int32
    public var memoryBytes: UInt64
    public var namespaces: Set<Namespace>
    public var descriptors: [DescriptorSight]
    /// Mappings of a kind no image can hold, as /proc/PID/maps names them.
    public var mappings: [String]
    /// What only a look at its shape tells.
    public var shape: Shape?

    /// Numbers are those inside the sandbox.
    public struct Shape: Hashable, Sendable {
        /// 0: of outside the sandbox; 1: the sandbox's init.
        public var parent: Int32
        public var group: Int32
        public var session: Int32
        public var threads: [Int32]
        /// In the order of their addresses.
        public var areas: [AreaSight]
        public init(parent: Int32, group: Int32, session: Int32, threads: [Int32], areas: [AreaSight] = []) {
            self.parent = parent
            self.group = group
            self.session = session
            self.threads = threads
            self.areas = areas
        }
    }

    public init(
        pid: Int32, hostPid: Int32 = 0, name: String, state: Character = "S", tracer: Int32 = 0, memoryBytes: UInt64 = 0,
        namespaces: Set<Namespace> = [], descriptors: [DescriptorSight] = [], mappings: [String] = [], shape: Shape? = nil
    ) {
        self.shape = shape
        self.pid = pid
        self.hostPid = hostPid
        self.name = name
        self.state = state
        self.tracer = tracer
        self.memoryBytes = memoryBytes
        self.namespaces = namespaces
        self.descriptors = descriptors
        self.mappings = mappings
    }
}

/// A piece of a process's memory, as a line of /proc/PID/maps tells it.
public struct AreaSight: Hashable, Sendable {
    public var start: UInt64
    public var end: UInt64
    /// PROT_READ 1, PROT_WRITE 2, PROT_EXEC 4.
    public var protection: UInt8
    public var isShared: Bool
    /// The file, or what the kernel calls it in brackets; nil: nothing.
    public var name: String?
    public init(start: UInt64, end: UInt64, protection: UInt8, isShared: Bool, name: String?) {
        self.start = start
        self.end = end
        self.protection = protection
        self.isShared = isShared
        self.name = name
    }
}

public struct DescriptorSight: Hashable, Sendable {
    public enum Kind: Hashable, Sendable {
        case file
        case directory
        case pipe(inode: UInt64)
        case socket(SocketSight)
        /// The part after "anon_inode:", without brackets.
        case anonymous(String)
        case characterDevice(major: UInt32, minor: UInt32)
        case blockDevice(major: UInt32, minor: UInt32)
        case other
    }
    public var number: Int32
    /// Where its link in /proc/PID/fd points.
    public var target: String
    public var kind: Kind
    /// Of a file: the process has a record lock on it (fcntl(2), F_SETLK) and maps it as well.
    public var isLockedAndMapped: Bool
    /// Of a file that has a name: it was opened for writing, and not to append only (O_WRONLY with O_APPEND).
    public var writesInPlace: Bool
    public init(number: Int32, target: String, kind: Kind, isLockedAndMapped: Bool = false, writesInPlace: Bool = false) {
        self.number = number
        self.target = target
        self.kind = kind
        self.isLockedAndMapped = isLockedAndMapped
        self.writesInPlace = writesInPlace
    }
}

public struct SocketSight: Hashable, Sendable {
    /// Those that matter; the numbers are Linux's (AF_…, SOCK_…).
    public enum Family: Hashable, Sendable {
        case unix, inet, inet6, netlink, packet, vsock
        case other(Int32)
    }
    public enum Form: Hashable, Sendable {
        case stream, datagram, packets
        case other(Int32)
    }
    public var inode: UInt64
    public var family: Family
    public var form: Form
    public var listens: Bool
    public init(inode: UInt64, family: Family, form: Form, listens: Bool) {
        self.inode = inode
        self.family = family
        self.form = form
        self.listens = listens
    }
}

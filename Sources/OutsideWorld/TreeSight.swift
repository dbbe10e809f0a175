/// The processes of a sandbox and what they hold, as the kernel tells it from outside: what can be known before a dump is tried.
public struct TreeSight: Hashable, Sendable {
    public var processes: [ProcessSight]
    /// All UNIX sockets of the network namespace, by inode: what each is connected to.
    public var unixPeers: [UInt64: UInt64]
    /// The pipes that take the sandbox's output to the supervisor, while they are open.
    public var outputPipes: [OutputStream: UInt64]
    public init(processes: [ProcessSight] = [], unixPeers: [UInt64: UInt64] = [:], outputPipes: [OutputStream: UInt64] = [:]) {
        self.processes = processes
        self.unixPeers = unixPeers
        self.outputPipes = outputPipes
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
    public init(
        pid: Int32, hostPid: Int32 = 0, name: String, state: Character = "S", tracer: Int32 = 0, memoryBytes: UInt64 = 0,
        namespaces: Set<Namespace> = [], descriptors: [DescriptorSight] = [], mappings: [String] = []
    ) {
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
    public init(number: Int32, target: String, kind: Kind, isLockedAndMapped: Bool = false) {
        self.number = number
        self.target = target
        self.kind = kind
        self.isLockedAndMapped = isLockedAndMapped
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

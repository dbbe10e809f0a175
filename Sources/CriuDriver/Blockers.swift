public import CriuRequests
public import OutsideWorld

/// Something in a process tree that keeps CRIU from dumping it, or its image from being restored.
public struct Blocker: Hashable, Sendable {
    public enum Kind: String, Hashable, Sendable, Codable, CaseIterable {
        case ioUring, specialDescriptor, device, vsock, socketFamily, oldForSockets, outsideDatagrams, terminal
        case sharedLock, fileOutside, namespace, traced, systemVSharedMemory, secretMemory, dead, awaitsMemory, gpu

        /// Gone by itself after a while: another try may go well.
        public var passes: Bool { self == .awaitsMemory }
    }
    public var kind: Kind
    /// The process, as the sandbox counts, and its name.
    public var process: Int32
    public var name: String
    public var descriptor: Int32?
    /// What it is and what to do about it, without the process.
    public var what: String

    public init(_ kind: Kind, _ process: ProcessSight, descriptor: Int32? = nil, _ what: String) {
        self.kind = kind
        self.process = process.pid
        self.name = process.name
        self.descriptor = descriptor
        self.what = what
    }

    /// "fd 9 of 'node' (process 1003) is an io_uring, …"
    public var sentence: String {
        (descriptor.map { "fd \($0) of " } ?? "") + "'\(name)' (process \(process)) \(what)"
    }
}

/// All that can be seen from outside before a dump is tried. What is found is sure; what is not found may still be refused.
public func findBlockers(
    in tree: TreeSight, version: CriuVersion, kernel: KernelVersion, kept: KeptFiles = KeptFiles()
) -> [Blocker] {
    if tree.awaitsMemory, let root = tree.processes.first(where: { $0.pid >= 1000 }) ?? tree.processes.first {
        // The image would hold only what has come so far, and CRIU would call it whole.
        return [Blocker(.awaitsMemory, root, "is still getting its memory back from a lazy restore. Try again in a moment")]
    }
    let inside = Set(tree.processes.flatMap { $0.unixSockets.map(\.inode) })
    // A terminal whose master is in the tree as well is dumped with it.
    let hasMasters = tree.processes.contains { $0.descriptors.contains { $0.target.hasSuffix("/ptmx") } }
    return ofGPU(tree)
        + tree.processes.flatMap { process in
            ofProcess(process) + ofLocks(process, in: tree)
                + process.descriptors.compactMap { descriptor in
                    ofDescriptor(
                        descriptor, process,
                        TreeFacts(
                            unixInside: inside, unixPeers: tree.unixPeers, hasTerminalMasters: hasMasters,
                            terminal: tree.terminal, kept: kept,
                            dumpsInternetSockets: version.dumpsInternetSockets(on: kernel)))
                }
        }
}

/// What must be known of the whole tree to judge one descriptor.
private struct TreeFacts {
    var unixInside: Set<UInt64>
    var unixPeers: [UInt64: UInt64]
    var hasTerminalMasters: Bool
    var terminal: TerminalSight?
    var kept: KeptFiles
    var dumpsInternetSockets: Bool
}

private func ofProcess(_ process: ProcessSight) -> [Blocker] {
    var found: [Blocker] = []
    // Every control group of the tree may be seen from a namespace of its own: groups are not part of the image.
    for namespace in process.namespaces.subtracting([.controlGroup]).sorted(by: { $0.rawValue < $1.rawValue }) {
        found.append(
            Blocker(
                .namespace, process,
                "has a \(namespace.rawValue) namespace of its own, as sandboxing tools (bubblewrap, unshare) make. Start the tool without it"
            ))
    }
    if process.tracer != 0 { found.append(Blocker(.traced, process, "is traced by a debugger or by strace. End the tracer")) }
    if process.mappings.contains(where: { $0.hasPrefix("/SYSV") }) {
        found.append(Blocker(.systemVSharedMemory, process, "has System V shared memory attached. Use POSIX shared memory (/dev/shm)"))
    }
    if process.mappings.contains(where: { $0.hasPrefix("/secretmem") }) {
        found.append(Blocker(.secretMemory, process, "holds secret memory (memfd_secret), which nobody else can read. Close it"))
    }
    for device in process.mappings where device.hasPrefix("/dev/") && !isGPU(device) {
        // A descriptor of it is named by itself.
        if process.descriptors.contains(where: { $0.target == device }) { continue }
        found.append(Blocker(.device, process, "maps the device '\(device)'; CRIU cannot dump it. Unmap it before a checkpoint"))
    }
    return found
}

/// CRIU sets the locks of a process before it maps its files, and closes what it mapped them with, which drops the process's locks on them.
/// SQLite in WAL mode locks and maps its '-shm'. Where nobody else has the file open, nobody notices.
private func ofLocks(_ process: ProcessSight, in tree: TreeSight) -> [Blocker] {
    var told: Set<String> = []
    // A file may be open more than once.
    return process.descriptors.filter { $0.isLockedAndMapped && told.insert($0.target).inserted }.compactMap { descriptor in
        let other = tree.processes.first { other in
            other.pid != process.pid && other.descriptors.contains { $0.kind == .file && $0.target == descriptor.target }
        }
        guard let other else { return nil }
        return Blocker(
            .sharedLock, process, descriptor: descriptor.number,
            "is '\(descriptor.target)', which is locked and mapped here and open in '\(other.name)' (process \(other.pid)) too; CRIU would lose "
                + "the lock. Close it in one of them (SQLite: or leave WAL mode)")
    }
}

private func ofDescriptor(_ descriptor: DescriptorSight, _ process: ProcessSight, _ tree: TreeFacts) -> Blocker? {
    func blocker(_ kind: Blocker.Kind, _ what: String) -> Blocker { Blocker(kind, process, descriptor: descriptor.number, what) }
    switch descriptor.kind {
    case .characterDevice where isGPU(descriptor.target): return nil  // told once for all, see ofGPU
    case .file where descriptor.writesInPlace: return ofWrittenFile(descriptor.target, tree.kept, blocker)
    case .file, .directory, .pipe, .other: return nil
    case .anonymous("io_uring"):
        let cure = process.name.hasPrefix("node") ? "Start Node with UV_USE_IO_URING=0" : "Turn io_uring off in the program"
        return blocker(.ioUring, "is an io_uring; CRIU cannot dump it. \(cure)")
    case .anonymous("eventfd semaphore"):
        return blocker(
            .specialDescriptor, "is an eventfd in semaphore mode, which CRIU would restore as a counter. Close it before a checkpoint")
    case .anonymous(let name) where !dumpable.contains(name):
        return blocker(.specialDescriptor, "is a \(name); CRIU cannot dump it. Close it before a checkpoint")
    case .anonymous: return nil
    case .blockDevice: return blocker(.device, "is the device '\(descriptor.target)'; CRIU cannot dump it. Close it before a checkpoint")
    case .characterDevice(let major, let minor):
        if major == 5 || (136...143).contains(major) {
            if tree.hasTerminalMasters || tree.terminal?.isSame(major, minor) == true { return nil }
            return blocker(.terminal, "is a terminal from outside the sandbox. Start the agent without one, or with 'runner run -it'")
        }
        if major == 1, [3, 5, 7, 8, 9].contains(minor) { return nil }  // null, zero, full, random, urandom
        return blocker(.device, "is the device '\(descriptor.target)'; CRIU cannot dump it. Close it before a checkpoint")
    case .socket(let socket): return ofSocket(socket, tree, blocker)
    }
}

/// What is written to it after the cut would stay while everything else goes back: CRIU finds a size it does not expect, or nobody finds
/// anything. CRIU takes files that are only appended to as they are.
private func ofWrittenFile(_ path: String, _ kept: KeptFiles, _ blocker: (Blocker.Kind, String) -> Blocker) -> Blocker? {
    let cure: String
    switch kept.place(of: path) {
    case .kept: return nil
    case .excluded: cure = "take it out of 'checkpoint.exclude'"
    case .outside: cure = "put it into the workspace"
    }
    return blocker(
        .fileOutside,
        "is '\(path)', which is open for writing and in no version, so it would not be rolled back with the rest. Open it to append only "
            + "(O_WRONLY with O_APPEND, '>>' in a shell), or \(cure)")
}

/// Kinds of anonymous files that CRIU knows.
private let dumpable: Set<String> = ["eventfd", "eventpoll", "signalfd", "timerfd", "inotify", "fanotify", "bpf-map", "pidfd"]

private func ofSocket(_ socket: SocketSight, _ tree: TreeFacts, _ blocker: (Blocker.Kind, String) -> Blocker) -> Blocker? {
    switch socket.family {
    case .inet, .inet6, .packet:
        return tree.dumpsInternetSockets
            ? nil : blocker(.oldForSockets, "is a network socket; CRIU before 4.2 cannot dump one on this kernel. Run 'dev/install-criu'")
    case .netlink: return nil
    case .vsock: return blocker(.vsock, "is a vsock; CRIU cannot dump it. Close it before a checkpoint")
    case .other(let number):
        return blocker(.socketFamily, "is a socket of the family \(number); CRIU cannot dump it. Close it before a checkpoint")
    case .unix:
        let peer = tree.unixPeers[socket.inode] ?? 0
        guard socket.form == .datagram, peer != 0, !tree.unixInside.contains(peer) else { return nil }
        return blocker(
            .outsideDatagrams,
            "is a datagram socket connected to the outside (a log daemon?); a restore would hang on it. Close it before a checkpoint")
    }
}

extension TerminalSight {
    /// What CRIU calls it, both at a dump and at a restore.
    var key: String { "tty[\(String(device, radix: 16)):\(String(fileSystem, radix: 16))]" }

    /// Itself, or what a process calls its controlling terminal (/dev/tty).
    fileprivate func isSame(_ major: UInt32, _ minor: UInt32) -> Bool {
        // As glibc's makedev(3) packs them.
        let number = UInt64(major & 0xfff) << 8 | UInt64(major & ~0xfff) << 32 | UInt64(minor & 0xff) | UInt64(minor & ~0xff) << 12
        return number == device || (major, minor) == (5, 0)
    }
}

extension ProcessSight {
    /// Its UNIX sockets.
    var unixSockets: [SocketSight] {
        descriptors.compactMap { descriptor in
            guard case .socket(let socket) = descriptor.kind, socket.family == .unix else { return nil }
            return socket
        }
    }
}

extension TreeSight {
    /// Connections to processes outside the tree, each once.
    func outsideConnections() -> [DumpedTree.Connection] {
        let sockets = processes.flatMap(\.unixSockets)
        let inside = Set(sockets.map(\.inode))
        var found: Set<UInt64> = []
        return sockets.compactMap { socket in
            guard let peer = unixPeers[socket.inode], peer != 0, !inside.contains(peer), found.insert(socket.inode).inserted else {
                return nil
            }
            switch socket.form {
            case .stream: return DumpedTree.Connection(inode: socket.inode, form: .stream)
            case .packets: return DumpedTree.Connection(inode: socket.inode, form: .packets)
            case .datagram, .other: return nil
            }
        }
    }

    /// The output pipe of the sandbox, if a process still holds it.
    func heldPipe(_ stream: OutputStream) -> UInt64? {
        guard let inode = outputPipes[stream] else { return nil }
        return processes.contains { $0.descriptors.contains { $0.kind == .pipe(inode: inode) } } ? inode : nil
    }
}

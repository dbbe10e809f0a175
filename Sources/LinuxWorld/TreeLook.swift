internal import CLinuxShims
internal import Glibc
internal import OutsideWorld

/// Looks at every process of a sandbox through /proc, without stopping any: what ends meanwhile is left out.
struct TreeLook {
    /// Host number of the sandbox's init, which is not part of the tree.
    private let root: Int32
    private let purpose: LookPurpose
    /// pidfd of the init, where its network is not ours.
    private let network: Int32
    private let ownNamespaces: [ProcessSight.Namespace: String]

    init(initPid: Int32, initHandle: Int32, for purpose: LookPurpose) {
        root = initPid
        self.purpose = purpose
        let isOurs = linkTarget(of: "/proc/\(initPid)/ns/net") == linkTarget(of: "/proc/self/ns/net")
        network = isOurs ? -1 : initHandle
        ownNamespaces = purpose == .blockers ? Self.namespaces(of: initPid) : [:]
    }

    func sight() -> TreeSight {
        TreeSight(processes: descendants().compactMap(process), unixPeers: unixPeers())
    }

    /// Parents before their children. The kernel lists the children of every thread.
    func descendants() -> [Int32] {
        var found: [Int32] = []
        var next = [root]
        while let pid = next.popLast() {
            let threads = KernelFiles.names(in: "/proc/\(pid)/task")
            let children = threads.flatMap { thread in
                (KernelFiles.text("/proc/\(pid)/task/\(thread)/children", limit: 1 << 20) ?? "").split(separator: " ")
                    .compactMap { Int32($0) }
            }
            found += children
            next += children
        }
        return found
    }

    // MARK: One process

    private func process(_ pid: Int32) -> ProcessSight? {
        guard let facts = ProcessLook.facts(of: pid), let status = KernelFiles.text("/proc/\(pid)/status") else { return nil }
        func field(_ name: String) -> Substring? {
            status.split(separator: "\n").first { $0.hasPrefix(name + ":") }?.split(separator: "\t").last
        }
        let (inside, name) = (field("NSpid").flatMap { Int32($0) } ?? pid, field("Name").map(String.init) ?? "")
        func size(_ name: String) -> UInt64 { (field(name)?.split(separator: " ").first.flatMap { UInt64($0) } ?? 0) << 10 }
        switch purpose {
        case .connections: return ProcessSight(pid: inside, hostPid: pid, name: name, state: facts.state, descriptors: descriptors(pid))
        case .shape:
            func number(_ name: String) -> Int32 { field(name).flatMap { Int32($0) } ?? 0 }
            let parent = facts.parent == root ? 1 : Self.numberInside(facts.parent)
            let shape = ProcessSight.Shape(
                parent: parent, group: number("NSpgid"), session: number("NSsid"), threads: Self.threads(of: pid),
                areas: Self.areas(of: pid))
            return ProcessSight(
                pid: inside, hostPid: pid, name: name, state: facts.state, memoryBytes: size("VmRSS") + size("VmSwap"),
                descriptors: descriptors(pid), shape: shape)
        case .blockers: break
        }
        let mapped = files(mappedBy: pid)
        let namespaces = Self.namespaces(of: pid).filter { ownNamespaces[$0.key] != $0.value }
        return ProcessSight(
            pid: inside, hostPid: pid, name: name,
            state: facts.state, tracer: field("TracerPid").flatMap { Int32($0) } ?? 0,
            // What an image holds: not what is the same in a file.
            memoryBytes: size("RssAnon") + size("RssShmem") + size("VmSwap"), namespaces: Set(namespaces.keys),
            descriptors: descriptors(pid, mapped: mapped), mappings: Self.undumpable(mapped))
    }

    private static func namespaces(of pid: Int32) -> [ProcessSight.Namespace: String] {
        var all: [ProcessSight.Namespace: String] = [:]
        for kind in ProcessSight.Namespace.allCases { all[kind] = linkTarget(of: "/proc/\(pid)/ns/\(kind.rawValue)") }
        return all
    }

    /// Only those that no image can hold.
    private static func undumpable(_ mapped: Set<String>) -> [String] {
        mapped.map { String($0.prefix { $0 != " " }) }.filter { $0.hasPrefix("/SYSV") || $0.hasPrefix("/secretmem") }.sorted()
    }

    private func files(mappedBy pid: Int32) -> Set<String> {
        var found: Set<String> = []
        for line in (KernelFiles.text("/proc/\(pid)/maps", limit: 16 << 20) ?? "").split(separator: "\n") {
            if let slash = line.firstIndex(of: "/") { found.insert(String(line[slash...])) }
        }
        return found
    }

    // MARK: Its descriptors

    private func descriptors(_ pid: Int32, mapped: Set<String> = []) -> [DescriptorSight] {
        let numbers = KernelFiles.names(in: "/proc/\(pid)/fd").compactMap { Int32($0) }.sorted()
        let handle = shim_process_open(pid)
        defer { if handle >= 0 { close(handle) } }
        return numbers.compactMap { number in
            let path = "/proc/\(pid)/fd/\(number)"
            var status = stat()
            guard let target = linkTarget(of: path), isLookedAt(target), stat(path, &status) == 0 else { return nil }
            let isFile = status.st_mode & S_IFMT == S_IFREG
            // What has no name any more is in the image itself.
            let facts = isFile && status.st_nlink > 0 && purpose != .shape ? self.facts(pid, number) : ""
            if purpose == .connections, target.hasPrefix("/"), !isFile { return nil }
            return DescriptorSight(
                number: number, target: target, kind: kind(target, status, pid, handle, number),
                isLockedAndMapped: mapped.contains(target) && facts.contains("POSIX"), writesInPlace: Self.writesInPlace(facts))
        }
    }

    /// While the tree stands still every microsecond counts.
    private func isLookedAt(_ target: String) -> Bool {
        purpose != .connections || target.hasPrefix("socket:") || target.hasPrefix("pipe:") || target.hasPrefix("/")
    }

    /// - Parameter facts: of the descriptor, see proc_pid_fdinfo(5).
    static func writesInPlace(_ facts: String) -> Bool {
        guard let line = facts.split(separator: "\n").first(where: { $0.hasPrefix("flags:") }),
            let flags = line.split(whereSeparator: { $0 == "\t" || $0 == " " }).last.flatMap({ Int32($0, radix: 8) })
        else { return false }
        return switch flags & O_ACCMODE {
        case O_RDONLY: false
        case O_WRONLY: flags & O_APPEND == 0
        default: true
        }
    }

    private func kind(_ target: String, _ status: stat, _ pid: Int32, _ handle: Int32, _ descriptor: Int32) -> DescriptorSight.Kind {
        let anonymous = "anon_inode:"
        if target.hasPrefix(anonymous) {
            let name = target.dropFirst(anonymous.count).filter { $0 != "[" && $0 != "]" }
            return .anonymous(name == "eventfd" && isSemaphore(pid, descriptor) ? "eventfd semaphore" : name)
        }
        // As glibc's makedev(3) packs them.
        let number = UInt64(status.st_rdev)
        let device = (
            major: UInt32(truncatingIfNeeded: number >> 8 & 0xfff | number >> 32 & ~0xfff),
            minor: UInt32(truncatingIfNeeded: number & 0xff | number >> 12 & ~0xff)
        )
        switch status.st_mode & S_IFMT {
        case S_IFREG: return isMessageQueue(pid, descriptor, target) ? .anonymous("message queue") : .file
        case S_IFDIR: return .directory
        case S_IFIFO: return .pipe(inode: UInt64(status.st_ino))
        case S_IFCHR: return .characterDevice(major: device.major, minor: device.minor)
        case S_IFBLK: return .blockDevice(major: device.major, minor: device.minor)
        case S_IFSOCK: return Self.socket(handle, descriptor, inode: UInt64(status.st_ino)).map { .socket($0) } ?? .other
        default: return .other
        }
    }

    /// Whether reading an eventfd takes one from it, see EFD_SEMAPHORE in eventfd(2). Kernels before 6.5 do not tell.
    private func isSemaphore(_ pid: Int32, _ descriptor: Int32) -> Bool {
        facts(pid, descriptor).contains("eventfd-semaphore: 1")
    }

    private func facts(_ pid: Int32, _ descriptor: Int32) -> String { KernelFiles.text("/proc/\(pid)/fdinfo/\(descriptor)") ?? "" }

    /// Its name looks like that of a file in the root directory. See mq_overview(7).
    private func isMessageQueue(_ pid: Int32, _ descriptor: Int32, _ target: String) -> Bool {
        target.lastIndex(of: "/") == target.startIndex
            && shim_file_system("/proc/\(pid)/fd/\(descriptor)") == 0x1980_0202  // MQUEUE_MAGIC
    }

    private static func socket(_ handle: Int32, _ number: Int32, inode: UInt64) -> SocketSight? {
        var (family, type, protocolNumber, listens): (Int32, Int32, Int32, Int32) = (0, 0, 0, 0)
        guard handle >= 0, shim_socket_kind(handle, number, &family, &type, &protocolNumber, &listens) == 0 else { return nil }
        return SocketSight(inode: inode, family: .init(number: family), form: .init(number: type), listens: listens != 0)
    }

    private func unixPeers() -> [UInt64: UInt64] {
        var room = 1024
        while room <= 1 << 20 {
            var sockets = [shim_unix_socket](repeating: shim_unix_socket(), count: room)
            let count = shim_unix_sockets(network, &sockets, room)
            guard count > room else {
                let known = sockets.prefix(Int(max(0, count)))
                return Dictionary(known.map { (UInt64($0.inode), UInt64($0.peer)) }, uniquingKeysWith: { first, _ in first })
            }
            room = Int(count) + 256  // more may come meanwhile
        }
        return [:]
    }
}

extension SocketSight.Family {
    /// AF_… of socket(2).
    init(number: Int32) {
        switch number {
        case AF_UNIX: self = .unix
        case AF_INET: self = .inet
        case AF_INET6: self = .inet6
        case AF_NETLINK: self = .netlink
        case AF_PACKET: self = .packet
        case AF_VSOCK: self = .vsock
        default: self = .other(number)
        }
    }
}

extension SocketSight.Form {
    init(number: Int32) {
        switch UInt32(bitPattern: number) {
        case SOCK_STREAM.rawValue: self = .stream
        case SOCK_DGRAM.rawValue: self = .datagram
        case SOCK_SEQPACKET.rawValue: self = .packets
        default: self = .other(number)
        }
    }
}

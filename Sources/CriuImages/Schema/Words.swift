/// Names of bits, in the order crit writes them. Bits without a name are shown as one hexadecimal number.
enum FlagWords {
    /// mmap(2), PROT_…
    static let protection: [Presentation.Flag] = [.init("PROT_READ", 0x1), .init("PROT_WRITE", 0x2), .init("PROT_EXEC", 0x4)]

    /// mmap(2), MAP_…
    static let mapping: [Presentation.Flag] = [
        .init("MAP_SHARED", 0x1), .init("MAP_PRIVATE", 0x2), .init("MAP_DROPPABLE", 0x8), .init("MAP_ANON", 0x20),
        .init("MAP_GROWSDOWN", 0x100),
    ]

    /// What CRIU found a mapping to be.
    static let areas: [Presentation.Flag] = [
        .init("VMA_AREA_NONE", 0), .init("VMA_AREA_REGULAR", 1 << 0), .init("VMA_AREA_STACK", 1 << 1), .init("VMA_AREA_VSYSCALL", 1 << 2),
        .init("VMA_AREA_VDSO", 1 << 3), .init("VMA_AREA_HEAP", 1 << 5), .init("VMA_FILE_PRIVATE", 1 << 6),
        .init("VMA_FILE_SHARED", 1 << 7), .init("VMA_ANON_SHARED", 1 << 8), .init("VMA_ANON_PRIVATE", 1 << 9),
        .init("VMA_AREA_SYSVIPC", 1 << 10), .init("VMA_AREA_SOCKET", 1 << 11), .init("VMA_AREA_VVAR", 1 << 12),
        .init("VMA_AREA_AIORING", 1 << 13), .init("VMA_AREA_MEMFD", 1 << 14), .init("VMA_AREA_SHSTK", 1 << 15),
        .init("VMA_AREA_UPROBES", 1 << 17), .init("VMA_UNSUPP", 1 << 31),
    ]

    /// open(2), O_…, as numbered on x86.
    static let openFlags: [Presentation.Flag] = [
        .init("O_WRONLY", 0o1), .init("O_RDWR", 0o2), .init("O_CREAT", 0o100), .init("O_EXCL", 0o200), .init("O_NOCTTY", 0o400),
        .init("O_TRUNC", 0o1000), .init("O_APPEND", 0o2000), .init("O_NONBLOCK", 0o4000), .init("O_DSYNC", 0o10000),
        .init("FASYNC", 0o20000), .init("O_DIRECT", 0o40000), .init("O_LARGEFILE", 0o100000), .init("O_DIRECTORY", 0o200000),
        .init("O_NOFOLLOW", 0o400000), .init("O_NOATIME", 0o1000000), .init("O_CLOEXEC", 0o2000000),
    ]

    /// fcntl(2), F_SEAL_…
    static let seals: [Presentation.Flag] = [
        .init("F_SEAL_SEAL", 0x1), .init("F_SEAL_SHRINK", 0x2), .init("F_SEAL_GROW", 0x4), .init("F_SEAL_WRITE", 0x8),
        .init("F_SEAL_FUTURE_WRITE", 0x10),
    ]

    /// Where the pages of a run are.
    static let pages: [Presentation.Flag] = [.init("PE_PARENT", 1), .init("PE_LAZY", 2), .init("PE_PRESENT", 4)]
}

/// Numbers of sockets, as crit names them.
enum SocketWords {
    static let families: [UInt64: String] = [1: "UNIX", 2: "INET", 10: "INET6", 16: "NETLINK", 17: "PACKET"]
    static let types: [UInt64: String] = [1: "STREAM", 2: "DGRAM", 3: "RAW", 5: "SEQPACKET", 10: "PACKET"]
    static let states: [UInt64: String] = [
        1: "ESTABLISHED", 2: "SYN_SENT", 3: "SYN_RECV", 4: "FIN_WAIT1", 5: "FIN_WAIT2", 6: "TIME_WAIT", 7: "CLOSE", 8: "CLOSE_WAIT",
        9: "LAST_ACK", 10: "LISTEN",
    ]
    static let protocols: [UInt64: String] = [0: "IP", 6: "TCP", 17: "UDP", 136: "UDPLITE"]
}

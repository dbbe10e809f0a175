/// One kind of image: how its files are named, what they begin with, what their entries are and what lies behind an entry.
public struct ImageKind: Hashable, Sendable {
    /// What stands behind the stem in a file's name.
    enum Suffix: Hashable, Sendable { case none, decimal, hexadecimal, word }

    /// What the file holds.
    enum Content: Hashable, Sendable {
        /// Entries of one message, each with what lies behind it.
        case entries(String, Payload)
        /// A `pagemap_head`, then entries of `pagemap_entry`.
        case pagemap
        /// A `ghost_file_entry`, then its content.
        case ghost
        /// No magic and no entries.
        case raw
    }

    /// What lies behind an entry.
    enum Payload: Hashable, Sendable {
        case nothing
        /// So many bytes as these fields say together.
        case bytes([String])
        case tcpQueues
        case sharedMemory, messageQueue, semaphores
    }

    /// As crit calls it: "CORE". Raw images have a name too, which no file says.
    public let name: String
    /// What a file's name begins with: "core" of "core-7.img".
    public let stem: String
    let suffix: Suffix
    let ending: String
    let magic: UInt32
    /// The first of the two magics; nil: there is only one.
    let family: UInt32?
    let content: Content

    static let commonFamily: UInt32 = 0x5456_4319
    static let serviceFamily: UInt32 = 0x5510_5940

    private init(
        _ name: String, _ stem: String, _ suffix: Suffix, _ magic: UInt32, _ content: Content, family: UInt32? = commonFamily,
        ending: String = ".img"
    ) {
        self.name = name
        self.stem = stem
        self.suffix = suffix
        self.magic = magic
        self.content = content
        self.family = family
        self.ending = ending
    }

    /// Whether its files have entries.
    public var isRaw: Bool { content == .raw }
}

// MARK: Finding

extension ImageKind {
    /// The kind of the file of this name, and what stands behind the stem: 7 of "core-7.img". nil: no image of CRIU's.
    static func of(fileName name: String) -> (kind: ImageKind, id: UInt64?)? {
        for kind in all {
            guard name.hasSuffix(kind.ending) else { continue }
            let base = name.dropLast(kind.ending.count)
            if kind.suffix == .none {
                if base == kind.stem { return (kind, nil) }
                continue
            }
            guard base.hasPrefix(kind.stem + "-") else { continue }
            let rest = base.dropFirst(kind.stem.count + 1)
            if kind.suffix == .word {
                if !rest.isEmpty { return (kind, nil) }
            } else if let id = UInt64(rest, radix: kind.suffix == .hexadecimal ? 16 : 10) {
                return (kind, id)
            }
        }
        return nil
    }

    static func of(magic: UInt32) -> ImageKind? { all.first { $0.magic == magic && !$0.isRaw } }
    static func named(_ name: String) -> ImageKind? { all.first { $0.name == name && !$0.isRaw } }

    /// Name of the file with this number: "core-7.img".
    func fileName(_ id: UInt64) -> String { "\(stem)-\(String(id, radix: suffix == .hexadecimal ? 16 : 10))\(ending)" }
}

// MARK: The table

extension ImageKind {
    private static func plain(_ name: String, _ stem: String, _ suffix: Suffix, _ magic: UInt32, _ message: String) -> ImageKind {
        ImageKind(name, stem, suffix, magic, .entries(message, .nothing))
    }
    private static func raw(_ name: String, _ stem: String, _ suffix: Suffix = .decimal, ending: String = ".img") -> ImageKind {
        ImageKind(name, stem, suffix, 0, .raw, ending: ending)
    }

    /// Every kind of file that CRIU 3.17 to 4.2 writes, and those that it still reads. A kind comes before another with the same magic.
    public static let all: [ImageKind] = [
        // The whole set.
        ImageKind("INVENTORY", "inventory", .none, 0x5831_3116, .entries("inventory_entry", .nothing), family: nil),
        ImageKind("STATS", "stats", .word, 0x5709_3306, .entries("stats_entry", .nothing), family: serviceFamily, ending: ""),
        // These names have no ending.
        ImageKind(
            "IRMAP_CACHE", "irmap-cache", .none, 0x5700_4059, .entries("irmap_cache_entry", .nothing), family: serviceFamily, ending: ""),
        plain("CGROUP", "cgroup", .none, 0x5938_3330, "cgroup_entry"),
        plain("CPUINFO", "cpuinfo", .none, 0x6140_4013, "cpuinfo_entry"),
        plain("SECCOMP", "seccomp", .none, 0x6441_3049, "seccomp_entry"),
        plain("APPARMOR", "apparmor", .none, 0x5942_3047, "apparmor_entry"),

        // Processes.
        plain("PSTREE", "pstree", .none, 0x5027_3030, "pstree_entry"),
        plain("CORE", "core", .decimal, 0x5505_3847, "core_entry"),
        plain("IDS", "ids", .decimal, 0x5443_2030, "task_kobj_ids_entry"),
        plain("FS", "fs", .decimal, 0x5140_3912, "fs_entry"),
        plain("CREDS", "creds", .decimal, 0x5402_3547, "creds_entry"),
        plain("SIGACT", "sigacts", .decimal, 0x5534_4201, "sa_entry"),
        plain("ITIMERS", "itimers", .decimal, 0x5746_4056, "itimer_entry"),
        plain("POSIX_TIMERS", "posix-timers", .decimal, 0x5260_3957, "posix_timer_entry"),
        plain("RLIMIT", "rlimit", .decimal, 0x5711_3925, "rlimit_entry"),
        plain("SIGNAL", "signal-s", .decimal, 0x5925_5647, "siginfo_entry"),
        plain("SIGNAL", "signal-p", .decimal, 0x5925_5647, "siginfo_entry"),

        // Memory.
        plain("MM", "mm", .decimal, 0x5749_2820, "mm_entry"),
        plain("VMAS", "vmas", .decimal, 0x5412_3737, "vma_entry"),
        ImageKind("PAGEMAP", "pagemap-shmem", .decimal, 0x5608_4025, .pagemap),
        ImageKind("PAGEMAP", "pagemap", .decimal, 0x5608_4025, .pagemap),
        raw("PAGES_SHMEM", "pages-shmem"),
        raw("PAGES", "pages"),
        plain("MEMFD_INODE", "memfd", .none, 0x4845_3499, "memfd_inode_entry"),

        // Open files.
        plain("FDINFO", "fdinfo", .decimal, 0x5621_3732, "fdinfo_entry"),
        plain("FILES", "files", .none, 0x5630_3138, "file_entry"),
        plain("REG_FILES", "reg-files", .none, 0x5036_3636, "reg_file_entry"),
        plain("EXT_FILES", "ext-files", .none, 0x5925_5641, "ext_file_entry"),
        plain("NS_FILES", "ns-files", .none, 0x6139_4011, "ns_file_entry"),
        plain("PIPES", "pipes", .none, 0x5651_3555, "pipe_entry"),
        ImageKind("PIPES_DATA", "pipes-data", .none, 0x5645_3709, .entries("pipe_data_entry", .bytes(["bytes"]))),
        plain("FIFO", "fifo", .none, 0x5836_4939, "fifo_entry"),
        ImageKind("FIFO_DATA", "fifo-data", .none, 0x5933_3054, .entries("pipe_data_entry", .bytes(["bytes"]))),
        plain("EVENTFD_FILE", "eventfd", .none, 0x4452_3722, "eventfd_file_entry"),
        plain("EVENTPOLL_FILE", "eventpoll", .none, 0x4502_3858, "eventpoll_file_entry"),
        plain("EVENTPOLL_TFD", "eventpoll-tfd", .none, 0x4443_3746, "eventpoll_tfd_entry"),
        plain("SIGNALFD", "signalfd", .none, 0x5732_3820, "signalfd_entry"),
        plain("TIMERFD", "timerfd", .none, 0x5049_3712, "timerfd_entry"),
        plain("PIDFD", "pidfd", .none, 0x5443_5556, "pidfd_entry"),
        plain("INOTIFY_FILE", "inotify", .none, 0x4842_4431, "inotify_file_entry"),
        plain("INOTIFY_WD", "inotify-wd", .none, 0x5456_2009, "inotify_wd_entry"),
        plain("FANOTIFY_FILE", "fanotify", .none, 0x5509_6122, "fanotify_file_entry"),
        plain("FANOTIFY_MARK", "fanotify-mark", .none, 0x5650_6035, "fanotify_mark_entry"),
        plain("TTY_FILES", "tty", .none, 0x5943_3025, "tty_file_entry"),
        plain("TTY_INFO", "tty-info", .none, 0x5945_3036, "tty_info_entry"),
        plain("TTY_DATA", "tty-data", .none, 0x5941_3026, "tty_data_entry"),
        plain("TUNFILE", "tunfile", .none, 0x5714_3751, "tunfile_entry"),
        plain("BPFMAP_FILE", "bpfmap-file", .none, 0x5750_6142, "bpfmap_file_entry"),
        ImageKind("BPFMAP_DATA", "bpfmap-data", .none, 0x6432_4033, .entries("bpfmap_data_entry", .bytes(["keys_bytes", "values_bytes"]))),
        plain("REMAP_FPATH", "remap-fpath", .none, 0x5913_3954, "remap_file_path_entry"),
        plain("FILE_LOCKS", "filelocks", .none, 0x5432_3616, "file_lock_entry"),
        ImageKind("GHOST_FILE", "ghost-file", .hexadecimal, 0x5258_3605, .ghost),

        // Sockets.
        plain("UNIXSK", "unixsk", .none, 0x5437_3943, "unix_sk_entry"),
        plain("INETSK", "inetsk", .none, 0x5644_3851, "inet_sk_entry"),
        plain("PACKETSK", "packetsk", .none, 0x6045_4618, "packet_sock_entry"),
        plain("NETLINK_SK", "netlinksk", .none, 0x5800_5614, "netlink_sk_entry"),
        ImageKind("SK_QUEUES", "sk-queues", .none, 0x5626_4026, .entries("sk_packet_entry", .bytes(["length"]))),
        ImageKind("TCP_STREAM", "tcp-stream", .hexadecimal, 0x5146_5506, .entries("tcp_stream_entry", .tcpQueues)),

        // Namespaces.
        plain("UTSNS", "utsns", .decimal, 0x5447_3203, "utsns_entry"),
        plain("TIMENS", "timens", .decimal, 0x4311_4433, "timens_entry"),
        plain("PIDNS", "pidns", .decimal, 0x6115_7326, "pidns_entry"),
        plain("USERNS", "userns", .decimal, 0x5547_4906, "userns_entry"),
        plain("MNTS", "mountpoints", .decimal, 0x5556_3928, "mnt_entry"),
        plain("NETDEV", "netdev", .decimal, 0x5737_3951, "net_device_entry"),
        plain("NETNS", "netns", .decimal, 0x5593_3752, "netns_entry"),
        plain("IPC_VAR", "ipcns-var", .decimal, 0x5311_5007, "ipc_var_entry"),
        ImageKind("IPCNS_SHM", "ipcns-shm", .decimal, 0x4628_3044, .entries("ipc_shm_entry", .sharedMemory)),
        ImageKind("IPCNS_MSG", "ipcns-msg", .decimal, 0x5545_3737, .entries("ipc_msg_entry", .messageQueue)),
        ImageKind("IPCNS_SEM", "ipcns-sem", .decimal, 0x5957_3019, .entries("ipc_sem_entry", .semaphores)),
        plain("AUTOFS", "autofs", .decimal, 0x4935_3943, "autofs_entry"),
        plain("BINFMT_MISC", "binfmt-misc", .none, 0x6734_3323, "binfmt_misc_entry"),
        plain("BINFMT_MISC", "binfmt-misc", .decimal, 0x6734_3323, "binfmt_misc_entry"),
        raw("IFADDR", "ifaddr"), raw("ROUTE", "route"), raw("ROUTE6", "route6"), raw("RULE", "rule"), raw("IPTABLES", "iptables"),
        raw("IP6TABLES", "ip6tables"), raw("NFTABLES", "nftables"), raw("NETNF_CT", "netns-ct"), raw("NETNF_EXP", "netns-exp"),
        raw("TMPFS_DEV", "tmpfs-dev", ending: ".tar.gz.img"), raw("TMPFS_IMG", "tmpfs", ending: ".tar.gz.img"),
    ]
}

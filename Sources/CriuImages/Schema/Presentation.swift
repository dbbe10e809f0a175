/// How a number or a string of bytes is shown to a person; the same as crit shows it. Plain JSON has numbers throughout, but for `quoted`.
enum Presentation: Hashable, Sendable {
    case plain
    case hexadecimal
    /// Words in network byte order: one for IPv4, four for IPv6.
    case address
    /// `major:minor`, 20 bits of minor.
    case device
    /// `major:minor` as the C library packs them.
    case packedDevice
    case flags([Flag])
    case names([UInt64: String])
    /// Bytes that are mostly text, as quoted-printable (RFC 2045) instead of base64.
    case quoted

    struct Flag: Hashable, Sendable {
        var name: String
        var bits: UInt64
        init(_ name: String, _ bits: UInt64) {
            self.name = name
            self.bits = bits
        }
    }

    static func of(_ field: String, in message: String) -> Presentation { presentations[message]?[field] ?? .plain }
}

private let registers = hexadecimal("clear_tid_addr", "gpregs", "fpregs")
private let generalRegisters = hexadecimal("clear_tid_addr", "gpregs")
private let hexadecimalFlags: [String: Presentation] = ["flags": .hexadecimal]
private let socket: [String: Presentation] = [
    "family": .names(SocketWords.families), "type": .names(SocketWords.types), "proto": .names(SocketWords.protocols),
    "state": .names(SocketWords.states), "flags": .hexadecimal,
]

private func hexadecimal(_ fields: String...) -> [String: Presentation] {
    Dictionary(uniqueKeysWithValues: fields.map { ($0, .hexadecimal) })
}

/// By message and field; what is not here is plain.
let presentations: [String: [String: Presentation]] = [
    "bpfmap_file_entry": ["flags": .flags(FlagWords.openFlags)],
    "fanotify_file_entry": hexadecimal("flags", "faflags", "evflags"),
    "fanotify_mark_entry": hexadecimal("mflags", "mask", "ignored_mask").merging(["s_dev": .device]) { $1 },
    "ghost_file_entry": ["dev": .device, "rdev": .packedDevice],
    "inet_sk_entry": socket.merging(["src_addr": .address, "dst_addr": .address]) { $1 },
    "inotify_file_entry": hexadecimalFlags,
    "inotify_wd_entry": hexadecimal("mask", "ignored_mask").merging(["s_dev": .device]) { $1 },
    "irmap_cache_entry": ["dev": .packedDevice],
    "memfd_file_entry": ["flags": .flags(FlagWords.openFlags)],
    "memfd_inode_entry": ["seals": .flags(FlagWords.seals)],
    "mm_entry": hexadecimal(
        "mm_start_code", "mm_end_code", "mm_start_data", "mm_end_data", "mm_start_stack", "mm_start_brk", "mm_brk", "mm_arg_start",
        "mm_arg_end", "mm_env_start", "mm_env_end"),
    "mnt_entry": hexadecimal("flags", "sb_flags").merging(["root_dev": .device]) { $1 },
    "net_device_entry": hexadecimalFlags,
    "netlink_sk_entry": hexadecimalFlags,
    "packet_sock_entry": hexadecimalFlags,
    "pagemap_entry": ["vaddr": .hexadecimal, "flags": .flags(FlagWords.pages)],
    "pipe_entry": hexadecimalFlags,
    "reg_file_entry": ["flags": .flags(FlagWords.openFlags)],
    "sa_entry": hexadecimal("sigaction", "flags", "restorer", "mask", "mask_extended"),
    "signalfd_entry": hexadecimal("flags", "sigmask"),
    "sit_entry": ["local": .address, "remote": .address, "rd_prefix": .address, "relay_prefix": .address],
    "task_core_entry": hexadecimal("blk_sigset", "blk_sigset_extended", "membarrier_registration_mask")
        .merging(["task_state": .names([1: "Alive", 3: "Zombie", 6: "Stopped"])]) { $1 },
    "tcp_stream_entry": hexadecimal("opt_mask"),
    "thread_info_aarch64": generalRegisters, "thread_info_arm": generalRegisters, "thread_info_ppc64": generalRegisters,
    "thread_info_riscv64": generalRegisters, "thread_info_x86": generalRegisters,
    "thread_info_loongarch64": registers, "thread_info_mips": registers,
    "thread_info_s390": registers.merging(hexadecimal("vxrs_low", "vxrs_high", "gs_cb", "gs_bc", "ri_cb")) { $1 },
    "timerfd_entry": hexadecimal("flags", "settime_flags"),
    "tty_file_entry": hexadecimalFlags,
    "tun_link_entry": hexadecimalFlags,
    "unix_sk_entry": [
        "type": .names(SocketWords.types), "state": .names(SocketWords.states), "flags": .hexadecimal, "uflags": .hexadecimal,
        "name": .quoted,
    ],
    "user_x86_cet_entry": hexadecimal("cet", "ssp"),
    "vma_entry": hexadecimal("start", "end", "madv", "fdflags").merging([
        "prot": .flags(FlagWords.protection), "flags": .flags(FlagWords.mapping), "status": .flags(FlagWords.areas),
    ]) { $1 },
]

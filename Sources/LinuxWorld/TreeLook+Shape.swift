internal import OutsideWorld

/// What a process is made of, to be compared with its image.
extension TreeLook {
    /// The number of a process or thread where it lives.
    static func numberInside(_ pid: Int32, thread: String? = nil) -> Int32 {
        let path = thread.map { "/proc/\(pid)/task/\($0)/status" } ?? "/proc/\(pid)/status"
        let line = KernelFiles.text(path)?.split(separator: "\n").first { $0.hasPrefix("NSpid:") }
        return line?.split(separator: "\t").last.flatMap { Int32($0) } ?? 0
    }

    static func threads(of pid: Int32) -> [Int32] {
        KernelFiles.names(in: "/proc/\(pid)/task").map { numberInside(pid, thread: $0) }.sorted()
    }

    /// nil: it cannot be read, or not to its end. A process whose main thread has ended shows its memory through the others.
    private static func maps(of pid: Int32) -> String? {
        let limit = 64 << 20
        for thread in KernelFiles.names(in: "/proc/\(pid)/task") {
            guard let maps = KernelFiles.text("/proc/\(pid)/task/\(thread)/maps", limit: limit), maps.utf8.count < limit else { return nil }
            if !maps.isEmpty { return maps }
        }
        return nil
    }

    /// Inodes of all files that are mapped shared, whether for writing or not: what was written before keeps its page writable. nil: of a process
    /// it cannot be told.
    func mappedFiles() -> Set<UInt64>? {
        var inodes: Set<UInt64> = []
        for pid in descendants() {
            guard let maps = Self.maps(of: pid) else {
                // Its memory went before it, if it has ended.
                if let state = ProcessLook.facts(of: pid)?.state, state != "Z", state != "X" { return nil }
                continue
            }
            for line in maps.utf8.split(separator: UInt8(ascii: "\n")) {
                // "7f00-7f10 rw-s 00000000 08:01 131 /srv/x", see proc_pid_maps(5).
                let words = line.split(separator: UInt8(ascii: " "), maxSplits: 5, omittingEmptySubsequences: true)
                guard words.count >= 5, words[1].last == UInt8(ascii: "s") else { continue }
                guard let inode = UInt64(Substring(words[4])) else { return nil }
                inodes.insert(inode)
            }
        }
        return inodes
    }

    /// See proc_pid_maps(5): `7f00-7f10 r-xp 00000000 08:01 131 /usr/lib/x`; the name is what follows the fifth word.
    static func areas(of pid: Int32) -> [AreaSight] {
        (KernelFiles.text("/proc/\(pid)/maps", limit: 64 << 20) ?? "").split(separator: "\n").compactMap { line in
            let words = line.split(separator: " ", maxSplits: 5, omittingEmptySubsequences: true)
            let ends = words.first?.split(separator: "-") ?? []
            guard words.count >= 5, ends.count == 2, let start = UInt64(ends[0], radix: 16), let end = UInt64(ends[1], radix: 16) else {
                return nil
            }
            let bits = words[1]
            let protection: UInt8 = (bits.contains("r") ? 1 : 0) | (bits.contains("w") ? 2 : 0) | (bits.contains("x") ? 4 : 0)
            let name = words.count > 5 ? String(words[5].drop { $0 == " " }) : nil
            return AreaSight(start: start, end: end, protection: protection, isShared: bits.hasSuffix("s"), name: name)
        }
    }
}

internal import Glibc

/// The pages of this program's own machine code that are mapped into the process.
enum ProgramText {
    /// Gives them back. Those that are still needed come again from the page cache, without any reading, at the next step into them; what
    /// only the start and the last large piece of work needed stays away. A supervisor waits most of its life with a small part of its code.
    static func giveBack() {
        guard let maps = KernelFiles.text("/proc/self/maps", limit: 256 << 10) else { return }
        for line in maps.split(separator: "\n") {
            // See proc_pid_maps(5): "from-to permissions offset device inode path". Executable means never written, so nothing is lost.
            let fields = line.split(separator: " ", omittingEmptySubsequences: true)
            guard fields.count >= 6, fields[1] == "r-xp", fields[5].hasPrefix("/") else { continue }
            let ends = fields[0].split(separator: "-").compactMap { UInt($0, radix: 16) }
            guard ends.count == 2 else { continue }
            madvise(UnsafeMutableRawPointer(bitPattern: ends[0]), Int(ends[1] - ends[0]), Int32(MADV_DONTNEED))
        }
    }
}

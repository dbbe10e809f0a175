internal import Glibc

/// The pages of this program's own file that are mapped into the process and cannot be written: machine code and constants.
enum ProgramText {
    /// Gives them back. Those that are still needed come again from the page cache, without any reading, at the next step into them; what
    /// only the start and the last large piece of work needed stays away. A supervisor waits most of its life with a small part of its code.
    static func giveBack() {
        guard let maps = KernelFiles.text("/proc/self/maps", limit: 256 << 10) else { return }
        for line in maps.split(separator: "\n") {
            // See proc_pid_maps(5): "from-to permissions offset device inode path".
            let fields = line.split(separator: " ", omittingEmptySubsequences: true)
            guard fields.count >= 6, fields[5].hasPrefix("/") else { continue }
            let ends = fields[0].split(separator: "-").compactMap { UInt($0, radix: 16) }
            guard ends.count == 2, ends[0] < ends[1] else { continue }
            switch fields[1] {
            case "r-xp": giveBack(ends[0]..<ends[1])  // never written, so nothing is lost
            case "r--p": unwritten(in: ends[0]..<ends[1]).forEach(giveBack)
            default: break
            }
        }
    }

    private static func giveBack(_ range: Range<UInt>) {
        madvise(UnsafeMutableRawPointer(bitPattern: range.lowerBound), Int(range.upperBound - range.lowerBound), Int32(MADV_DONTNEED))
    }

    /// What the start relocated before it was closed for writing is ours alone and must stay; whatever is still the file's may go. Nobody can
    /// write there any more, so what is true when it is looked at stays true.
    private static func unwritten(in range: Range<UInt>) -> [Range<UInt>] {
        let page = UInt(sysconf(Int32(_SC_PAGESIZE)))
        let descriptor = open("/proc/self/pagemap", O_RDONLY | O_CLOEXEC)
        guard descriptor >= 0 else { return [] }
        defer { close(descriptor) }
        var entries = [UInt64](repeating: 0, count: Int((range.upperBound - range.lowerBound) / page))
        let size = entries.count * MemoryLayout<UInt64>.size
        guard pread(descriptor, &entries, size, off_t(range.lowerBound / page) * 8) == size else { return [] }
        var found: [Range<UInt>] = []
        for (index, entry) in entries.enumerated() where entry >> 61 & 1 == 1 {  // a page of the file: Documentation/admin-guide/mm/pagemap
            let start = range.lowerBound + UInt(index) * page
            if let last = found.last, last.upperBound == start {
                found[found.count - 1] = last.lowerBound..<(start + page)
            } else {
                found.append(start..<(start + page))
            }
        }
        return found
    }
}

internal import AgentModel
internal import CLinuxShims  // its headers define `stat` as well, and which module owns it depends on the order of compilation
internal import Glibc

/// Small files of /proc and /sys, read and written in one call each. Never for a user's data.
package enum KernelFiles {
    /// The file's text, at most `limit` bytes of it; nil when it cannot be read.
    package static func text(_ path: String, limit: Int = 64 << 10) -> String? {
        bytes(path, limit: limit).map { String(decoding: $0, as: UTF8.self) }
    }

    static func bytes(_ path: String, limit: Int = 64 << 10) -> [UInt8]? {
        let descriptor = open(path, O_RDONLY | O_CLOEXEC)
        guard descriptor >= 0 else { return nil }
        defer { close(descriptor) }
        var bytes: [UInt8] = []
        while bytes.count < limit {
            let part = [UInt8](unsafeUninitializedCapacity: 4096) { buffer, count in
                count = max(0, read(descriptor, buffer.baseAddress, 4096))
            }
            if part.isEmpty { break }
            bytes += part
        }
        return bytes
    }

    /// - Returns: 0 or errno.
    static func write(_ text: String, to path: String) -> Int32 {
        let descriptor = open(path, O_WRONLY | O_CLOEXEC)
        guard descriptor >= 0 else { return errno }
        defer { close(descriptor) }
        var text = text
        let written = text.withUTF8 { Glibc.write(descriptor, $0.baseAddress, $0.count) }
        return written < 0 ? errno : 0
    }

    static func number(_ path: String) -> UInt64? {
        text(path).flatMap { UInt64($0.prefix { $0 != "\n" }) }
    }

    /// The number after `key` in a file of "key number" lines, such as `memory.events`.
    static func number(_ path: String, key: String) -> UInt64? {
        guard let text = text(path) else { return nil }
        for line in text.split(separator: "\n") {
            let words = line.split(separator: " ")
            if words.count == 2, words[0] == key { return UInt64(words[1]) }
        }
        return nil
    }

    /// The size in a line of "Field:   123 kB", such as those of /proc/meminfo.
    static func kibibytes(_ path: String, field: String) -> ByteCount? {
        let line = text(path)?.split(separator: "\n").first { $0.hasPrefix(field + ":") }
        return line?.split(separator: " ").dropFirst().first.flatMap { UInt64($0) }.map { ByteCount($0 << 10) }
    }

    /// Names of the directories in a directory. One look: /sys and /proc say with each name what it is.
    static func directories(in path: String) -> [String] { names(in: path) { $0 == UInt8(DT_DIR) } }

    /// Names in a directory, without "." and "..".
    package static func names(in path: String) -> [String] { names(in: path) { _ in true } }

    private static func names(in path: String, where isWanted: (UInt8) -> Bool) -> [String] {
        guard let directory = opendir(path) else { return [] }
        defer { closedir(directory) }
        var names: [String] = []
        while let entry = readdir(directory) {
            guard isWanted(entry.pointee.d_type) else { continue }
            let name = withUnsafePointer(to: &entry.pointee.d_name) { pointer in
                pointer.withMemoryRebound(to: CChar.self, capacity: 256) { String(cString: $0) }
            }
            if name != ".", name != ".." { names.append(name) }
        }
        return names
    }

    static func isDirectory(_ path: String) -> Bool {
        var entry = stat()
        return stat(path, &entry) == 0 && entry.st_mode & S_IFMT == S_IFDIR
    }

    /// Makes `path` and what is missing above it. - Returns: 0 or errno.
    static func makeDirectories(_ path: String, mode: mode_t = 0o755) -> Int32 {
        if mkdir(path, mode) == 0 || errno == EEXIST { return 0 }
        guard errno == ENOENT, let slash = path.lastIndex(of: "/"), slash != path.startIndex else { return errno }
        let above = makeDirectories(String(path[..<slash]), mode: mode)
        guard above == 0 else { return above }
        return mkdir(path, mode) == 0 || errno == EEXIST ? 0 : errno
    }
}

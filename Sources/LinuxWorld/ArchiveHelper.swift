internal import AgentModel
internal import CLinuxShims
internal import Glibc
internal import OutsideWorld

/// `runner-archive`: it alone links the libraries of archives and parses what strangers packed. Started for one archive, with one directory and
/// one stream in its hands. What it is told and what it says stands in its sources.
struct ArchiveHelper {
    let path: String
    /// Asked while it works; nil: signals end this process as they end any.
    var requests: EndRequests?

    static func found() -> String { findHelper("runner-archive") }

    // MARK: Packing

    func pack(
        _ members: [ArchiveMember], below source: String, to output: String, _ compression: ArchiveCompression, tick: () -> Void = {}
    ) throws(ArchiveFault) {
        let orders = Descriptor(try Self.orders(members))
        let directory = try Self.directory(source)
        let raw = FileNames.withBytes(of: output) { name in
            uninterrupted { open(name, O_WRONLY | O_CREAT | O_EXCL | O_NOFOLLOW | O_CLOEXEC, 0o600) }
        }
        if raw < 0 { throw ArchiveFault(errno: -raw, member: output) }
        let file = Descriptor(raw)
        do throws(ArchiveFault) {
            fchmod(file.raw, 0o600)  // whatever the umask took away
            try run(["pack", compression.rawValue], input: orders.raw, output: file.raw, directory: directory.raw, tick)
            let result = uninterrupted { fsync(file.raw) }
            if result < 0 { throw ArchiveFault(errno: -result, member: output) }
        } catch {
            FileNames.withBytes(of: output) { name in _ = unlink(name) }
            throw error
        }
    }

    /// What is to be packed, as the helper reads it: see pack.c.
    private static func orders(_ members: [ArchiveMember]) throws(ArchiveFault) -> Int32 {
        var bytes: [UInt8] = []
        for member in members {
            let name = FileNames.bytes(of: member.name.text)
            var source: [UInt8] = []
            var content: [UInt8] = []
            var kind = UInt8(ascii: "D")
            switch member.content {
            case .directory: break
            case .file(let path): (kind, source) = (UInt8(ascii: "F"), FileNames.bytes(of: path.text))
            case .bytes(let given): (kind, content) = (UInt8(ascii: "B"), given)
            }
            bytes.append(kind)
            bytes.append(littleEndian: member.mode)
            bytes.append(littleEndian: member.modifiedAt.nanoseconds / 1_000_000_000)
            bytes.append(littleEndian: UInt64(content.count))
            bytes.append(littleEndian: UInt32(name.count))
            bytes.append(littleEndian: UInt32(source.count))
            bytes += name + source + content
        }
        do { return try memoryFile(bytes) } catch { throw ArchiveFault(errno: error.errno, member: nil) }
    }

    // MARK: Unpacking

    func unpack(
        _ archive: String, into directory: String, wanted: [String], limits: ArchiveLimits, tick: () -> Void = {}
    ) throws(ArchiveFault) {
        let raw = FileNames.withBytes(of: archive) { name in uninterrupted { open(name, O_RDONLY | O_NOCTTY | O_CLOEXEC | O_NONBLOCK) } }
        if raw < 0 { throw ArchiveFault(errno: -raw, member: archive) }
        let file = Descriptor(raw)
        var status = stat()
        guard fstat(file.raw, &status) == 0, status.st_mode & S_IFMT == S_IFREG else {
            throw ArchiveFault(.damaged, detail: "it is not a plain file")
        }
        let target = try Self.directory(directory)
        let nowhere = Descriptor(uninterrupted { open("/dev/null", O_WRONLY | O_CLOEXEC) })
        try run(
            ["unpack", "\(limits.bytes.bytes)", "\(limits.members)", "\(limits.room.bytes)"] + wanted, input: file.raw,
            output: nowhere.raw, directory: target.raw, tick)
    }

    private static func directory(_ path: String) throws(ArchiveFault) -> Descriptor {
        do { return Descriptor(try TrustedPath.open(path).descriptor) } catch {
            throw ArchiveFault(.system, member: path, detail: error.sentence)
        }
    }

    // MARK: Running it

    /// The longest line it says, and more.
    private static var longestReport: Int { 8192 }
    /// An hour of its own time ends it; beside that it waits for disks.
    private static var timeLimit: Int64 { 2 * 3600 * 1_000_000_000 }

    private func run(_ arguments: [String], input: Int32, output: Int32, directory: Int32, _ tick: () -> Void) throws(ArchiveFault) {
        guard let pipe = try? makePipe() else { throw ArchiveFault(.helper, detail: "there is no pipe for its answer") }
        let answer = Descriptor(pipe.readEnd)
        let pid: pid_t
        do {
            defer { close(pipe.writeEnd) }
            pid = try spawn(
                path, arguments: [path] + arguments, environment: [], descriptors: [input, output, pipe.writeEnd, directory])
        } catch {
            throw ArchiveFault(
                .helper, detail: "cannot execute '\(path)': \(sentence(errno: error.errno)). Install 'runner-archive' beside 'runner'")
        }
        let end = wait(for: pid, tick)
        var status: Int32 = 0
        guard uninterrupted({ waitpid(pid, &status, 0) }) == pid else { throw ArchiveFault(.helper, detail: "nobody knows how it ended") }
        switch end {
        case .itself: break
        case .time: throw ArchiveFault(.timedOut)
        case .request: throw ArchiveFault(.stopped)
        }
        // It says less than a pipe holds, so nothing is lost by reading last.
        guard case .success(let bytes) = readSome(answer.raw, Self.longestReport) else { throw ArchiveFault(.helper) }
        if let fault = ArchiveFault(report: bytes, end: ProcessEnd(waitStatus: status)) { throw fault }
    }

    /// What it ended by.
    private enum End { case itself, time, request }
    /// Milliseconds between two looks at it.
    private static var moment: Int32 { 200 }

    /// It is over in any case.
    private func wait(for pid: pid_t, _ tick: () -> Void) -> End {
        let handle = pidfd_open(pid, 0)
        guard handle >= 0 else { return .itself }  // waitpid then waits without a limit; the helper's own stays
        let held = HeldDescriptor(handle)
        let deadline = shim_boottime_ns() + Self.timeLimit
        while shim_boottime_ns() < deadline {
            var watched = [pollfd(fd: held.number, events: Int16(POLLIN), revents: 0)]
            if let requests { watched.append(pollfd(fd: requests.watched, events: Int16(POLLIN), revents: 0)) }
            poll(&watched, nfds_t(watched.count), Self.moment)
            if watched[0].revents != 0 { return .itself }
            if let requests, requests.wereMade {
                kill(pid, SIGKILL)
                return .request
            }
            tick()
        }
        kill(pid, SIGKILL)
        return .time
    }
}

// MARK: What it says

extension ArchiveFault {
    init(errno error: Int32, member: String?) {
        switch error {
        case ENOSPC, EDQUOT: self.init(.full, member: member)
        case EROFS: self.init(.readOnly, member: member)
        case EACCES, EPERM: self.init(.denied, member: member)
        default: self.init(.system, member: member, detail: sentence(errno: error))
        }
    }

    /// nil: it did what it was to do.
    init?(report: [UInt8], end: ProcessEnd) {
        let line = report.prefix { $0 != UInt8(ascii: "\n") }
        let words = line.split(separator: UInt8(ascii: "\t"), maxSplits: 2, omittingEmptySubsequences: false)
            .map { FileNames.text(of: Array($0)) }
        if end == .exited(0), words.first == "done" { return nil }
        guard end == .exited(1), words.count == 3, let kind = Kind(rawValue: words[0]) else {
            self.init(.helper, detail: "it ended with \(end)")
            return
        }
        self.init(kind, member: words[1].isEmpty ? nil : words[1], detail: words[2].isEmpty ? nil : words[2])
    }
}

extension [UInt8] {
    fileprivate mutating func append(littleEndian number: some FixedWidthInteger) {
        Swift.withUnsafeBytes(of: number.littleEndian) { append(contentsOf: $0) }
    }
}

internal import AgentModel
internal import CLinuxShims
internal import Glibc
internal import OutsideWorld

/// A start of this program in the background, followed until it says that it is ready.
struct DetachedStart {
    /// As much of the log's new end as is given back, in bytes.
    private static let outputLimit = 16 << 10
    /// Where the child finds the write end of the readiness pipe.
    private static let readyDescriptor: Int32 = 3

    var program: String
    /// With the program's name.
    var arguments: [String]
    var environment: [String: String]
    var log: String

    func run(within: Duration) throws(FileFault) -> BackgroundStart {
        let end = BootDeadline(within)
        let nothing = Descriptor(try openFile("/dev/null", O_RDONLY))
        let logFile = Descriptor(try openFile(log, O_RDWR | O_CREAT | O_APPEND))
        let start = lseek(logFile.raw, 0, SEEK_END)
        let pipe = try makePipe()
        let readEnd = Descriptor(pipe.readEnd)
        let pid = try spawnChild(nothing.raw, logFile.raw, Descriptor(pipe.writeEnd))

        switch try waitForWord(readEnd.raw, of: pid, until: end) {
        case .said: return .ready
        case .saidNot(let code, let sentence): return .notStarted(code: code, sentence: sentence)
        case .nothing: return .silent
        case .ended(let status):
            // See wait(2): the low seven bits are the signal that ended it, if one did.
            return .ended(status: status & 0x7f == 0 ? status >> 8 & 0xff : nil, output: written(logFile.raw, since: start))
        }
    }

    /// The write end is ours only until the child has it, so that the child's end ends the pipe.
    private func spawnChild(_ input: Int32, _ output: Int32, _ ready: consuming Descriptor) throws(FileFault) -> pid_t {
        var variables = environment
        variables[Readiness.pipeVariable] = String(Self.readyDescriptor)
        do {
            return try spawn(
                program, arguments: arguments, environment: variables.map { "\($0.key)=\($0.value)" }.sorted(),
                descriptors: [input, output, output, ready.raw])
        } catch {
            throw FileFault(errno: error.errno, doing: "start", what: arguments.first ?? program)
        }
    }

    private enum Heard {
        case said, nothing
        case saidNot(code: String, sentence: String)
        /// As wait(2) tells it.
        case ended(Int32)
    }

    private func waitForWord(_ pipe: Int32, of pid: pid_t, until end: BootDeadline) throws(FileFault) -> Heard {
        if end.wait(for: POLLIN, of: pipe) {
            if case .success(let bytes) = readSome(pipe, 4096), !bytes.isEmpty {
                let words = String(decoding: bytes, as: UTF8.self).split(separator: " ", maxSplits: 1)
                guard words.count == 2 else { return .said }
                return .saidNot(code: String(words[0]), sentence: String(words[1]))
            }
            // The pipe is closed, most likely by its end; a child that only closed it may still live.
            let raw = pidfd_open(pid, 0)
            if raw < 0 { throw FileFault(errno: errno, doing: "follow the start of", what: program) }
            let handle = Descriptor(raw)
            if end.wait(for: POLLIN, of: handle.raw) {
                var status: Int32 = 0
                waitpid(pid, &status, 0)
                return .ended(status)
            }
        }
        return .nothing
    }

    private func written(_ file: Int32, since start: off_t) -> String {
        let end = lseek(file, 0, SEEK_END)
        lseek(file, max(start, end - Self.outputLimit), SEEK_SET)
        guard case .success(let bytes) = readSome(file, Self.outputLimit) else { return "" }
        return String(decoding: bytes, as: UTF8.self)
    }

    private func openFile(_ path: String, _ flags: Int32) throws(FileFault) -> Int32 {
        let raw = uninterrupted { open(path, flags | O_NOCTTY | O_CLOEXEC, 0o600) }
        if raw < 0 { throw FileFault(errno: -raw, doing: "open", what: path) }
        return raw
    }
}

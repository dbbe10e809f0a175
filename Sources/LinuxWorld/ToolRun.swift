internal import AgentModel
internal import CLinuxShims
internal import Glibc
internal import OutsideWorld

/// Signals that ask a command to end, read instead of obeyed, so that it can end what works for it and say where it stands.
final class EndRequests {
    private let descriptor: Int32
    /// The first that came.
    private(set) var signal: Int32?

    /// Takes the signals over for the whole process, which has one thread.
    init() {
        var set = sigset_t()
        sigemptyset(&set)
        for signal in [SIGINT, SIGTERM, SIGHUP] { sigaddset(&set, signal) }
        pthread_sigmask(SIG_BLOCK, &set, nil)
        descriptor = signalfd(-1, &set, Int32(SFD_CLOEXEC) | Int32(SFD_NONBLOCK))
        precondition(descriptor >= 0, "signalfd failed: errno \(errno)")
    }

    deinit { close(descriptor) }

    /// Readable when there is news.
    var watched: Int32 { descriptor }

    var wereMade: Bool {
        var info = signalfd_siginfo()
        let size = MemoryLayout<signalfd_siginfo>.size
        while read(descriptor, &info, size) == size { signal = signal ?? Int32(bitPattern: info.ssi_signo) }
        return signal != nil
    }
}

/// One program at work for a command.
struct ToolRun {
    let tool: Tool
    let environment: [String]
    let requests: EndRequests

    /// A program that was asked to end gets this long.
    private static var patience: Int32 { 5000 }
    private static var longestLine: Int { 64 << 10 }

    func run(eachLine: (String) -> Void) -> ToolEnd {
        guard let input = try? memoryFile(tool.input) else { return .couldNotStart("there is no memory for its input") }
        let given = Descriptor(input)
        guard let output = try? makePipe() else { return .couldNotStart("there is no pipe for its output") }
        let (outputEnd, outputWrite) = (HeldDescriptor(output.readEnd), output.writeEnd)
        guard let talk = try? makePipe() else {
            close(outputWrite)
            return .couldNotStart("there is no pipe for what it says")
        }
        let (talkEnd, talkWrite) = (HeldDescriptor(talk.readEnd), talk.writeEnd)
        var handle: Int32 = -1
        let pid = start([given.raw, outputWrite, talkWrite], &handle)
        close(outputWrite)
        close(talkWrite)
        guard pid > 0 else { return .couldNotStart("cannot execute '\(tool.path)': \(sentence(errno: -pid))") }
        let held = HeldDescriptor(handle)
        let end = follow(held.number, outputEnd.number, talkEnd.number, eachLine)
        if end == .stopped {
            shim_process_signal(held.number, SIGINT)
            if !ProcessLook.hasEnded(handle: held.number, within: Self.patience) { shim_process_signal(held.number, SIGKILL) }
        } else if end == .tooMuchOutput {
            shim_process_signal(held.number, SIGKILL)
        }
        var status: Int32 = 0
        guard uninterrupted({ waitpid(pid, &status, 0) }) == pid, case .ended(_, let bytes) = end else { return end }
        return .ended(ProcessEnd(waitStatus: status), output: bytes)
    }

    private func start(_ descriptors: [Int32], _ handle: inout Int32) -> Int32 {
        var arguments: [UnsafeMutablePointer<CChar>?] = ([tool.path] + tool.arguments).map { strdup($0) } + [nil]
        var variables: [UnsafeMutablePointer<CChar>?] = environment.map { strdup($0) } + [nil]
        defer { for text in arguments + variables { free(text) } }
        return shim_process_spawn_tool(tool.path, &arguments, &variables, descriptors, descriptors.count, &handle)
    }

    /// Until both ends are closed: a program that ended has closed them.
    private func follow(_ handle: Int32, _ output: Int32, _ talk: Int32, _ eachLine: (String) -> Void) -> ToolEnd {
        var bytes: [UInt8] = []
        var line: [UInt8] = []
        var open: Set<Int32> = [output, talk]
        while !open.isEmpty {
            var watched = (open.sorted() + [requests.watched]).map { pollfd(fd: $0, events: Int16(POLLIN), revents: 0) }
            if poll(&watched, nfds_t(watched.count), -1) < 0, errno != EINTR { break }
            if requests.wereMade { return .stopped }
            for one in watched where one.revents != 0 && open.contains(one.fd) {
                guard case .success(let read) = readSome(one.fd, 64 << 10), !read.isEmpty else {
                    open.remove(one.fd)
                    continue
                }
                guard one.fd == talk else {
                    bytes += read
                    if UInt64(bytes.count) > tool.outputLimit.bytes { return .tooMuchOutput }
                    continue
                }
                for byte in read {
                    if byte != UInt8(ascii: "\n") {
                        if line.count < Self.longestLine { line.append(byte) }
                        continue
                    }
                    eachLine(String(decoding: line, as: UTF8.self))
                    line = []
                }
            }
        }
        if !line.isEmpty { eachLine(String(decoding: line, as: UTF8.self)) }
        return .ended(.unknown, output: bytes)
    }
}

/// An executable file in one of the directories of PATH.
func findProgram(_ name: String, in path: String) -> String? {
    for directory in path.split(separator: ":") where directory.hasPrefix("/") {
        let file = "\(directory)/\(name)"
        if isExecutableFile(file), placeOfOthers(file) == nil { return file }
    }
    return nil
}

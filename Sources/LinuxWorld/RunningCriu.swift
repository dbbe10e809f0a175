internal import AgentModel
internal import CLinuxShims
internal import Glibc
internal import OutsideWorld

/// One `criu swrk` that was started and not yet reaped.
final class RunningCriu {
    enum Heard {
        case packet([UInt8])
        case nothing
        case over
    }
    enum OutputState { case open, ended }

    /// pidfd: readable when it has ended.
    let handle: HeldDescriptor
    /// Our end of the conversation.
    let link: HeldDescriptor
    /// Read end of the pipe that is its standard output and error.
    let output: HeldDescriptor
    private let pid: Int32
    private var tail: [UInt8] = []

    /// CRIU's own messages have at most some kilobytes.
    private static let packetLimit = 64 << 10
    private static let tailLimit = 4096

    /// Inside `sandbox`, with all that `start` says.
    convenience init(_ start: CriuStart, in sandbox: Sandbox) throws(CriuStartFault) {
        // What is a file is never handed to a restored process, so it may come from outside the sandbox.
        let images = try Self.hold(open(start.images, O_RDONLY | O_DIRECTORY | O_CLOEXEC), "open the image directory '\(start.images)'")
        let scratch = try Self.hold(open(start.scratch, O_RDONLY | O_DIRECTORY | O_CLOEXEC), "open the directory '\(start.scratch)'")
        var given = [images, scratch]
        for gift in start.gifts { given.append(try Self.make(gift, sandbox)) }
        var groups: [HeldDescriptor] = []
        if start.joinsControlGroup, let group = sandbox.remains.group {
            do { groups = try group.openMembership() } catch { throw CriuStartFault(error.sentence) }
        }
        try self.init(
            start.program, given: given, groups: groups, inside: sandbox.initHandle,
            settings: start.joinsControlGroup ? [] : Self.withoutPlugins)
    }

    /// A directory that has no plugin in it, in every sandbox. For dumps: what needs a plugin is never dumped, and where CRIU has one for GPUs it
    /// starts a program for each process, twice, while the tree stands still.
    private static let withoutPlugins = ["CRIU_LIBS_DIR=/proc/self/fdinfo"]

    /// For questions about CRIU itself.
    convenience init(outside program: String) throws(CriuStartFault) {
        try self.init(program, given: [], groups: [], inside: nil, settings: [])
    }

    private init(
        _ program: String, given: [HeldDescriptor], groups: [HeldDescriptor], inside: HeldDescriptor?, settings: [String]
    ) throws(CriuStartFault) {
        let nothing = try Self.hold(open("/dev/null", O_RDWR | O_CLOEXEC), "open '/dev/null'")
        guard let pipe = try? makePipe() else { throw CriuStartFault("could not start CRIU: no pipe can be made") }
        let writing = HeldDescriptor(pipe.writeEnd)
        output = HeldDescriptor(pipe.readEnd)
        makeNonBlocking(output.number)

        let descriptors = [nothing, writing, writing] + given
        let arguments = [program, "--no-default-config", "swrk", String(SHIM_CRIU_SOCKET)]
        // Nothing of our own environment: CRIU reads settings from it.
        let environment = ["PATH=/usr/sbin:/usr/bin:/sbin:/bin", "LC_ALL=C"] + settings
        var (handle, link): (Int32, Int32) = (-1, -1)
        let result = withCStrings([arguments, environment]) { lists in
            shim_criu_spawn(
                program, lists[0], lists[1], inside?.number ?? -1, groups.map(\.number), groups.count, descriptors.map(\.number),
                descriptors.count, &handle, &link)
        }
        guard result > 0 else { throw CriuStartFault("could not start CRIU with '\(program)': \(sentence(errno: -result))") }
        pid = result
        self.handle = HeldDescriptor(handle)
        self.link = HeldDescriptor(link)
    }

    private static func hold(_ descriptor: Int32, _ what: String) throws(CriuStartFault) -> HeldDescriptor {
        guard descriptor >= 0 else { throw CriuStartFault("could not \(what): \(sentence(errno: errno))") }
        return HeldDescriptor(descriptor)
    }

    private static func make(_ gift: CriuStart.Gift, _ sandbox: Sandbox) throws(CriuStartFault) -> HeldDescriptor {
        switch gift {
        case .output(let stream):
            guard let writer = sandbox.writers[stream] else {
                throw CriuStartFault("could not hand the output on: the sandbox was not prepared for a restore")
            }
            return writer
        case .terminal:
            guard let side = sandbox.terminal?.openAgentsSide() else {
                throw CriuStartFault("could not hand the terminal on: the sandbox has none")
            }
            return side
        case .hungUpStream: return try hungUp(Int32(SOCK_STREAM.rawValue))
        case .hungUpPackets: return try hungUp(Int32(SOCK_SEQPACKET.rawValue))
        }
    }

    private static func hungUp(_ type: Int32) throws(CriuStartFault) -> HeldDescriptor {
        var ends: [Int32] = [-1, -1]
        guard socketpair(AF_UNIX, type | Int32(SOCK_CLOEXEC.rawValue), 0, &ends) == 0 else {
            throw CriuStartFault("could not make a socket: \(sentence(errno: errno))")
        }
        close(ends[1])
        return HeldDescriptor(ends[0])
    }

    // MARK: Its words

    func hear() -> Heard {
        var length: Int64 = 0
        let bytes = [UInt8](unsafeUninitializedCapacity: Self.packetLimit) { buffer, count in
            guard let start = buffer.baseAddress else { return }
            length = shim_packet_read(link.number, start, Self.packetLimit)
            count = Int(max(0, min(length, Int64(Self.packetLimit))))
        }
        if length == -Int64(EAGAIN) || length == -Int64(EINTR) { return .nothing }
        return length > 0 ? .packet(bytes) : .over
    }

    /// Takes what there is to read and keeps the end of it.
    func readOutput() -> OutputState {
        for _ in 0..<16 {
            switch readSome(output.number, 16 << 10) {
            case .failure(let error): return error.errno == EAGAIN ? .open : .ended
            case .success(let bytes):
                if bytes.isEmpty { return .ended }
                tail = Array((tail + bytes).suffix(Self.tailLimit))
            }
        }
        return .open
    }

    var lastOutput: String { String(decoding: tail.drop { $0 & 0xC0 == 0x80 }, as: UTF8.self) }

    /// How it ended. Only after `handle` became readable.
    func reap() -> ProcessEnd {
        var status: Int32 = 0
        guard uninterrupted({ waitpid(pid, &status, 0) }) == pid else { return .unknown }
        return ProcessEnd(waitStatus: status)
    }
}

import CLinuxShims
import Glibc
import OutsideWorld
import Testing

@testable import LinuxWorld

/// What the runner itself writes, to readers of every kind.
@Suite struct StandardStreamsTests {
    enum Kind: CaseIterable { case pipe, socket, terminal, file }

    /// Both ends of a stream; what was written is read at `reading`.
    private func ends(_ kind: Kind, _ scratch: ScratchDirectory) throws -> (reading: Int32, writing: Int32) {
        switch kind {
        case .pipe:
            let pipe = try makePipe()
            return (pipe.readEnd, pipe.writeEnd)
        case .socket:
            var both: [Int32] = [-1, -1]
            #expect(socketpair(AF_UNIX, Int32(SOCK_STREAM.rawValue) | Int32(SOCK_CLOEXEC.rawValue), 0, &both) == 0)
            return (both[0], both[1])
        case .terminal:
            let main = posix_openpt(O_RDWR | O_NOCTTY | O_CLOEXEC)
            #expect(grantpt(main) == 0 && unlockpt(main) == 0)
            var name = [CChar](repeating: 0, count: 128)
            #expect(ptsname_r(main, &name, name.count) == 0)
            let side = open(name, O_RDWR | O_NOCTTY | O_CLOEXEC)
            var settings = termios()
            tcgetattr(side, &settings)
            cfmakeraw(&settings)
            tcsetattr(side, TCSANOW, &settings)
            return (main, side)
        case .file:
            let path = try scratch.file("out", "before ")
            return (open(path, O_RDONLY | O_CLOEXEC), open(path, O_WRONLY | O_APPEND | O_CLOEXEC))
        }
    }

    @Test(arguments: Kind.allCases) func whatIsShownArrivesAndNothingWaits(_ kind: Kind) throws {
        let scratch = try ScratchDirectory()
        let (reading, writing) = try ends(kind, scratch)
        let loop = EventLoop()
        let streams = StandardStreams(output: writing, error: writing)
        streams.show(Array("hello ".utf8), on: .standardOutput, loop)
        streams.show(Array("there ".utf8), on: .standardError, loop)
        let start = kind == .file ? "before hello there " : "hello there "
        var first: [UInt8] = []
        while first.count < start.utf8.count { first += try readSome(reading, 99).get() }
        #expect(String(decoding: first, as: UTF8.self) == start)
        // A reader that sleeps: shown all the same, and what it did not take comes when it wakes.
        let block = [UInt8](repeating: 0x61, count: 300_000)
        streams.show(block, on: .standardOutput, loop)
        #expect(fcntl(writing, F_GETFL) & O_NONBLOCK == 0, "the description is shared with others")
        let workers = LinuxWorkers(loop)
        let heard = Note(0)
        workers.startWork(WorkID(1)) {
            while heard.value < block.count, case .success(let bytes) = readSome(reading, 65536), !bytes.isEmpty {
                heard.value += bytes.count
            }
        }
        try loop.wait(for: .workDone(WorkID(1)))
        #expect(heard.value == block.count)
        streams.settle(loop)
        close(reading)
        close(writing)
    }

    @Test(arguments: [Kind.pipe, .socket]) func aReaderThatIsGoneIsIgnored(_ kind: Kind) throws {
        signal(SIGPIPE, SIG_IGN)
        let scratch = try ScratchDirectory()
        let (reading, writing) = try ends(kind, scratch)
        let loop = EventLoop()
        let streams = StandardStreams(output: writing, error: writing)
        streams.show([UInt8](repeating: 0, count: 2 << 20), on: .standardOutput, loop)
        close(reading)
        #expect(loop.next(until: shim_boottime_ns() + 10_000_000) == nil)
        streams.show([1], on: .standardOutput, loop)
        #expect(streams.write([1], to: .standardOutput) == EPIPE)
        streams.settle(loop)
        close(writing)
    }

    @Test func aReaderThatNeverWakesCostsABoundedQueueAndASecond() throws {
        let scratch = try ScratchDirectory()
        let (reading, writing) = try ends(.pipe, scratch)
        let loop = EventLoop()
        let streams = StandardStreams(output: writing, error: writing)
        for _ in 0..<64 { streams.show([UInt8](repeating: 0, count: 1 << 20), on: .standardOutput, loop) }
        streams.settle(loop)
        makeNonBlocking(reading)
        var total = 0
        while case .success(let bytes) = readSome(reading, 1 << 20), !bytes.isEmpty { total += bytes.count }
        #expect(total <= 1 << 20 && total > 0)
        close(reading)
        close(writing)
    }
}

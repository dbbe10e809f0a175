internal import AgentModel
internal import CLinuxShims
internal import Glibc
internal import OutsideWorld

/// One program that was started and not yet reaped.
final class RunningProgram {
    enum OutputState { case open, ended }

    /// As much of the output as is kept, in bytes.
    private static let outputLimit = 4096

    /// pidfd: readable when the program has ended.
    let handle: Int32
    /// Read end of the pipe that is its standard output and error.
    let output: Int32
    var isOverTime = false
    private let pid: pid_t
    private var tail: [UInt8] = []

    init(_ program: Program) throws(SystemError) {
        let input = Descriptor(try memoryFile(program.input))
        guard let pipe = try? makePipe() else { throw SystemError(errno: EMFILE) }
        let writeEnd = Descriptor(pipe.writeEnd)
        let readEnd = Descriptor(pipe.readEnd)
        makeNonBlocking(readEnd.raw)
        pid = try spawn(
            program.path, arguments: [program.path] + program.arguments, environment: program.environment,
            descriptors: [input.raw, writeEnd.raw, writeEnd.raw])
        handle = try handleOfChild(pid)
        output = readEnd.release()
    }

    deinit {
        close(output)
        close(handle)
    }

    func killGroup() { kill(-pid, SIGKILL) }

    /// Takes what there is to read and keeps the end of it.
    @discardableResult
    func readOutput() -> OutputState {
        // Bounded: a program that writes without end must not hold the loop.
        for _ in 0..<16 {
            switch readSome(output, 64 << 10) {
            case .failure(let error): return error.errno == EAGAIN ? .open : .ended
            case .success(let bytes):
                if bytes.isEmpty { return .ended }
                tail = Array((tail + bytes.suffix(Self.outputLimit)).suffix(Self.outputLimit))
            }
        }
        return .open
    }

    /// The last 4 KiB written; a character cut at the beginning is left out.
    var lastOutput: String {
        String(decoding: tail.count < Self.outputLimit ? tail[...] : tail.drop { $0 & 0xC0 == 0x80 }, as: UTF8.self)
    }

    /// How it ended. Only after `handle` became readable.
    func reap() -> ProcessEnd {
        var status: Int32 = 0
        // ECHILD: SIGCHLD is ignored or somebody else reaped it.
        guard uninterrupted({ waitpid(pid, &status, 0) }) == pid else { return .unknown }
        return ProcessEnd(waitStatus: status)
    }
}

/// A pidfd of our child, which is killed when we can get none: nobody could tell its end.
private func handleOfChild(_ pid: pid_t) throws(SystemError) -> Int32 {
    let handle = pidfd_open(pid, 0)
    if handle >= 0 { return handle }
    let error = errno
    kill(-pid, SIGKILL)
    waitpid(pid, nil, 0)
    throw SystemError(errno: error)
}

extension ProcessEnd {
    /// A status of wait(2).
    init(waitStatus status: Int32) {
        let signal = status & 0x7F
        self = signal == 0 ? .exited(status >> 8 & 0xFF) : .signaled(signal, outOfMemory: false)
    }
}

/// A file without a name that holds `bytes`, to be read from its beginning: input for a program, with nobody who would have to feed it.
func memoryFile(_ bytes: [UInt8]) throws(SystemError) -> Int32 {
    let raw = memfd_create("input", UInt32(MFD_CLOEXEC))
    guard raw >= 0 else { throw SystemError(errno: errno) }
    var done = 0
    while done < bytes.count {
        let count = bytes.withUnsafeBytes { buffer in
            uninterrupted { write(raw, buffer.baseAddress?.advanced(by: done), buffer.count - done) }
        }
        guard count >= 0 else {
            close(raw)
            throw SystemError(errno: Int32(-count))
        }
        done += count
    }
    lseek(raw, 0, SEEK_SET)
    return raw
}

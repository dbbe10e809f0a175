internal import CLinuxShims
internal import Glibc
internal import OutsideWorld

/// The process's own standard output and error. `show` never waits, `write` does: the first is for what an agent says under a supervisor,
/// the second for a command's answer.
final class StandardStreams {
    private let standardOutput: StandardStream
    private let standardError: StandardStream

    init(output: Int32 = 1, error: Int32 = 2) {
        standardOutput = StandardStream(output)
        standardError = StandardStream(error)
    }

    private func stream(_ stream: OutputStream) -> StandardStream {
        switch stream {
        case .standardOutput: standardOutput
        case .standardError: standardError
        }
    }

    /// Writes without ever holding the loop. What a slow reader does not take at once waits, up to 1 MiB; beyond that it is dropped.
    func show(_ bytes: [UInt8], on stream: OutputStream, _ loop: EventLoop) { self.stream(stream).show(bytes, loop) }

    /// Writes all of it, after what was shown before, however long the reader takes.
    /// - Returns: 0, or the errno of the write that was refused; the rest is then dropped.
    @discardableResult
    func write(_ bytes: [UInt8], to stream: OutputStream) -> Int32 { self.stream(stream).write(bytes) }

    /// Gives a slow reader the rest of what was shown, for a second at most.
    func settle(_ loop: EventLoop) {
        for stream in [standardOutput, standardError] { stream.settle(loop) }
    }
}

private final class StandardStream {
    private static let pendingLimit = 1 << 20

    private let descriptor: Int32
    /// How bytes are put there without waiting; found out at the first `show`.
    private lazy var way = NonBlockingWay(descriptor)
    private var pending: [UInt8] = []

    init(_ descriptor: Int32) { self.descriptor = descriptor }

    func show(_ bytes: [UInt8], _ loop: EventLoop) {
        let hadPending = !pending.isEmpty
        pending += bytes
        if hadPending { trim() } else { push(loop) }
    }

    /// A line cut in two would be worse than one left out, but a stream has no lines: what does not fit is dropped from the end.
    private func trim() {
        if pending.count > Self.pendingLimit { pending.removeLast(pending.count - Self.pendingLimit) }
    }

    private func push(_ loop: EventLoop) {
        let taken = way.put(pending)
        pending.removeFirst(taken)
        trim()
        guard let raw = way.watched else { return pending = [] }
        if pending.isEmpty {
            loop.forget(raw)
        } else {
            loop.watch(raw, readable: false, writable: true) { [weak self, unowned loop] _ in self?.push(loop) }
        }
    }

    func settle(_ loop: EventLoop) {
        let end = shim_boottime_ns() + 1_000_000_000
        while !pending.isEmpty, shim_boottime_ns() < end {
            var look = pollfd(fd: way.watched ?? descriptor, events: Int16(POLLOUT), revents: 0)
            poll(&look, 1, 100)
            push(loop)
        }
        if let raw = way.watched { loop.forget(raw) }
    }

    func write(_ bytes: [UInt8]) -> Int32 {
        let all = pending + bytes
        pending = []
        var done = 0
        while done < all.count {
            let count = all.withUnsafeBytes { buffer in
                uninterrupted { Glibc.write(descriptor, buffer.baseAddress?.advanced(by: done), buffer.count - done) }
            }
            if count == -Int(EAGAIN) {  // somebody else made it non-blocking
                var look = pollfd(fd: descriptor, events: Int16(POLLOUT), revents: 0)
                poll(&look, 1, -1)
                continue
            }
            if count < 0 { return Int32(-count) }
            done += count
        }
        return 0
    }
}

/// How to write to a standard stream without waiting and without setting O_NONBLOCK on it: the description is shared with the shell and
/// everyone else on the terminal.
private final class NonBlockingWay {
    private enum Kind {
        /// A regular file or /dev/null: writing never waits for a reader.
        case direct
        /// A socket: each send says that it must not wait.
        case socket
        /// A pipe or terminal, opened a second time for ourselves without waiting.
        case reopened(Int32)
        /// A pipe or terminal of somebody else's, which we may not open anew: asked before each small write.
        case asked
    }
    private let kind: Kind
    private let descriptor: Int32

    init(_ descriptor: Int32) {
        self.descriptor = descriptor
        var status = stat()
        fstat(descriptor, &status)
        let type = status.st_mode & S_IFMT
        if type == S_IFSOCK {
            kind = .socket
        } else if type == S_IFIFO || isatty(descriptor) == 1 {
            let own = open("/proc/self/fd/\(descriptor)", O_WRONLY | O_NONBLOCK | O_NOCTTY | O_CLOEXEC)
            kind = own >= 0 ? .reopened(own) : .asked
        } else {
            kind = .direct
        }
    }

    deinit {
        if case .reopened(let own) = kind { close(own) }
    }

    /// Readiness to write is told by this descriptor; nil: writing never waits.
    var watched: Int32? {
        switch kind {
        case .direct: nil
        case .socket, .asked: descriptor
        case .reopened(let own): own
        }
    }

    /// Writes what is taken now. - Returns: how much; all of it when the stream is closed, for nobody will take it.
    func put(_ bytes: [UInt8]) -> Int {
        var done = 0
        while done < bytes.count {
            let count = bytes.withUnsafeBytes { buffer in
                uninterrupted { putOnce(buffer.baseAddress?.advanced(by: done), buffer.count - done) }
            }
            if count == -Int(EAGAIN) { return done }
            if count < 0 { return bytes.count }
            done += count
        }
        return done
    }

    private func putOnce(_ start: UnsafeRawPointer?, _ count: Int) -> Int {
        switch kind {
        case .direct: return write(descriptor, start, count)
        case .socket: return send(descriptor, start, count, Int32(MSG_DONTWAIT) | Int32(MSG_NOSIGNAL))
        case .reopened(let own): return write(own, start, count)
        case .asked:
            var look = pollfd(fd: descriptor, events: Int16(POLLOUT), revents: 0)
            guard poll(&look, 1, 0) == 1, look.revents & Int16(POLLOUT) != 0 else {
                errno = look.revents == 0 ? EAGAIN : EPIPE
                return -1
            }
            return write(descriptor, start, min(count, 256))
        }
    }
}

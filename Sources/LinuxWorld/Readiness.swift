internal import CLinuxShims
internal import Glibc

/// The ways to say that this process is ready, as whoever started it asked for in the environment. Each is used once.
final class Readiness {
    /// Names the descriptor of a pipe that "1" is written to, or why it is not ready yet: "CODE SENTENCE".
    static let pipeVariable = "RUNNER_READY_FD"

    private var pipe: Int32?
    private var notifySocket: String?

    init(_ environment: [String: String]) {
        pipe = environment[Self.pipeVariable].flatMap { Int32($0) }.flatMap(Self.pipe)
        notifySocket = environment["NOTIFY_SOCKET"].flatMap { $0.isEmpty ? nil : $0 }
    }

    /// Whether a variable is a word between this process and its starter, not to be handed on to agents. See sd_notify(3), sd_listen_fds(3).
    static func isOurs(_ variable: String) -> Bool {
        [
            pipeVariable, "NOTIFY_SOCKET", "WATCHDOG_USEC", "WATCHDOG_PID", "LISTEN_PID", "LISTEN_FDS", "LISTEN_FDNAMES",
        ].contains(variable)
    }

    func say() {
        if let pipe {
            _ = uninterrupted { write(pipe, "1", 1) }  // a starter that is gone is not waiting
            close(pipe)
        }
        pipe = nil
        if let notifySocket { notify(notifySocket) }
        notifySocket = nil
    }

    /// To the pipe alone: systemd is told when it is ready after all. As much as a pipe takes at once.
    func sayNotStarted(_ code: String, _ sentence: String) {
        guard let pipe else { return }
        let words = Array("\(code) \(sentence)".utf8.prefix(4096))
        _ = uninterrupted { write(pipe, words, words.count) }  // a starter that is gone is not waiting
        close(pipe)
        self.pipe = nil
    }

    private func notify(_ socket: String) {
        let raw = shim_unix_connect(socket, Int32(SOCK_DGRAM.rawValue), 1000)
        guard raw >= 0 else { return }  // nobody listens: a wrong NOTIFY_SOCKET stops nothing
        let message = "READY=1\nMAINPID=\(getpid())\n"
        _ = uninterrupted { send(raw, message, message.utf8.count, Int32(MSG_NOSIGNAL)) }
        close(raw)
    }

    /// The descriptor if it is a pipe, from now on kept from our own children.
    private static func pipe(_ descriptor: Int32) -> Int32? {
        var status = stat()
        guard descriptor > 2, fstat(descriptor, &status) == 0, status.st_mode & S_IFMT == S_IFIFO else { return nil }
        _ = fcntl(descriptor, F_SETFD, FD_CLOEXEC)
        return descriptor
    }
}

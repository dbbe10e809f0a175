internal import CLinuxShims
internal import Glibc
internal import OutsideWorld

/// The signals a supervisor answers, read from a descriptor instead of interrupting anything.
final class LinuxSignals {
    /// Answered by the supervisor: stop (SIGTERM, SIGINT), terminal gone (SIGHUP), checkpoint now (SIGUSR1).
    private static let answered = [SIGTERM, SIGINT, SIGHUP, SIGUSR1]
    /// They would kill the supervisor for a peer that hung up or a file-size limit; the call's own error is enough.
    private static let ignored = [SIGPIPE, SIGXFSZ]

    private let descriptor: Int32
    private let loop: EventLoop

    /// Takes the signals over for the whole process. Must run before any thread is made: threads inherit the mask, and a signal goes to
    /// any thread that does not block it.
    init(_ loop: EventLoop) {
        var set = sigset_t()
        sigemptyset(&set)
        for signal in Self.answered { sigaddset(&set, signal) }
        pthread_sigmask(SIG_BLOCK, &set, nil)
        for number in Self.ignored { signal(number, SIG_IGN) }
        descriptor = signalfd(-1, &set, Int32(SFD_CLOEXEC) | Int32(SFD_NONBLOCK))
        precondition(descriptor >= 0, "signalfd failed: errno \(errno)")
        self.loop = loop
        loop.watch(descriptor) { [descriptor] _ in
            var info = signalfd_siginfo()
            let size = MemoryLayout<signalfd_siginfo>.size
            while read(descriptor, &info, size) == size { loop.post(.signal(Int32(info.ssi_signo))) }
        }
    }

    deinit {
        loop.forget(descriptor)
        close(descriptor)
    }
}

internal import CLinuxShims
internal import Glibc
internal import LaunchPlans
internal import OutsideWorld

/// The terminal a person started the runner in, connected to the agent's: what is typed goes there as it is, and the size of the window.
/// It is given back as it was when this ends, and by a process of its own when ours is killed.
final class OwnTerminal {
    private let loop: EventLoop
    /// The terminal of the agent that lives now.
    private let agents: () -> SandboxTerminal?
    private var before: termios
    private var guardEnd: HeldDescriptor?
    private let guardProcess: Int32
    private let signals: HeldDescriptor

    private static let input: Int32 = 0
    /// What ctrl-c types.
    private static let interrupt: UInt8 = 3

    /// Lines and columns of the window; nil: standard input or output is no terminal.
    static var size: LaunchPlan.TerminalSize? {
        var size = winsize()
        guard isatty(input) == 1, shim_terminal_size(1, &size) == 0 else { return nil }
        return LaunchPlan.TerminalSize(rows: size.ws_row, columns: size.ws_col)
    }

    /// nil: there is no terminal, or it cannot be made transparent.
    init?(_ loop: EventLoop, agents: @escaping () -> SandboxTerminal?) {
        guard Self.size != nil else { return nil }
        var set = sigset_t()
        sigemptyset(&set)
        for signal in [SIGWINCH, SIGCONT] { sigaddset(&set, signal) }
        pthread_sigmask(SIG_BLOCK, &set, nil)
        let descriptor = signalfd(-1, &set, Int32(SFD_CLOEXEC) | Int32(SFD_NONBLOCK))
        guard descriptor >= 0 else { return nil }
        signals = HeldDescriptor(descriptor)
        var end: Int32 = -1
        var before = termios()
        let process = shim_terminal_open(Self.input, &before, &end)
        guard process > 0 else { return nil }
        (guardProcess, guardEnd, self.before) = (process, HeldDescriptor(end), before)
        (self.loop, self.agents) = (loop, agents)
        loop.watch(Self.input) { [weak self] _ in self?.readTyped() }
        loop.watch(descriptor) { [weak self] _ in self?.hearSignals() }
    }

    deinit {
        loop.forget(Self.input)
        loop.forget(signals.number)
        // A terminal that is gone needs nothing back.
        if tcsetattr(Self.input, TCSADRAIN, &before) == 0, let guardEnd { _ = write(guardEnd.number, [1], 1) }
        guardEnd = nil
        waitpid(guardProcess, nil, 0)
    }

    /// The agent's terminal gets the size of this one.
    func fit() {
        if let size = Self.size { agents()?.resize(to: size) }
    }

    private func readTyped() {
        guard case .success(let bytes) = readSome(Self.input, 4096), !bytes.isEmpty else { return loop.forget(Self.input) }
        if let agents = agents() { return agents.type(bytes) }
        // Between two lives there is nobody but us to be interrupted.
        if bytes.contains(Self.interrupt) { loop.post(.signal(SIGINT)) }
    }

    private func hearSignals() {
        var info = signalfd_siginfo()
        let size = MemoryLayout<signalfd_siginfo>.size
        while read(signals.number, &info, size) == size {
            // Whoever stopped us may have given the terminal to a shell meanwhile.
            if Int32(info.ssi_signo) == SIGCONT { _ = shim_terminal_reopen(Self.input, &before) }
        }
        fit()
    }

    /// A line of our own, on a terminal that only does what it is told.
    static func lines(_ bytes: [UInt8]) -> [UInt8] { bytes.flatMap { $0 == UInt8(ascii: "\n") ? [UInt8(ascii: "\r"), $0] : [$0] } }
}

internal import CLinuxShims
internal import Glibc
internal import LaunchPlans
internal import OutsideWorld

/// The master side of an agent's terminal: what the agent writes is read here, what a person types is written here.
final class SandboxTerminal {
    let master: HeldDescriptor
    /// Typed, and not yet taken by an agent that does not read.
    private var typed: [UInt8] = []
    private var isOver = false

    private static let typedLimit = 64 << 10
    private static let outputLimit = 64 << 10

    init(_ master: HeldDescriptor) {
        self.master = master
        makeNonBlocking(master.number)
    }

    func letGo(_ loop: EventLoop) { loop.forget(master.number) }

    // MARK: Output

    /// What the agent wrote; nil: nothing now, or nobody is left who could write.
    func read() -> [UInt8]? {
        guard !isOver else { return nil }
        switch readSome(master.number, Self.outputLimit) {
        case .success(let bytes) where !bytes.isEmpty: return bytes
        case .failure(let error) where error.errno == EAGAIN: return nil
        case .success, .failure:  // EIO: nobody holds the other side
            isOver = true
            return nil
        }
    }

    /// Watches for output, and for room while something typed waits.
    func watch(_ loop: EventLoop, _ body: @escaping () -> Void) {
        guard !isOver else { return loop.forget(master.number) }
        loop.watch(master.number, writable: !typed.isEmpty) { [weak self, unowned loop] _ in
            body()
            self?.push()
            self?.watch(loop, body)
        }
    }

    // MARK: Input

    func type(_ bytes: [UInt8]) {
        typed += bytes.prefix(max(0, Self.typedLimit - typed.count))
        push()
    }

    private func push() {
        while !typed.isEmpty {
            let count = typed.withUnsafeBytes { buffer in uninterrupted { write(master.number, buffer.baseAddress, buffer.count) } }
            guard count > 0 else { return }
            typed.removeFirst(count)
        }
    }

    func resize(to size: LaunchPlan.TerminalSize) {
        var size = winsize(ws_row: size.rows, ws_col: size.columns, ws_xpixel: 0, ws_ypixel: 0)
        _ = shim_terminal_resize(master.number, &size)  // the agent keeps the old size then
    }

    // MARK: The agent's side

    /// A descriptor of the agent's side, opened in the sandbox's mounts; nil: it cannot be had.
    func openAgentsSide() -> HeldDescriptor? {
        let descriptor = shim_terminal_peer(master.number)
        return descriptor < 0 ? nil : HeldDescriptor(descriptor)
    }

    var sight: TerminalSight? {
        var status = stat()
        guard let side = openAgentsSide(), fstat(side.number, &status) == 0 else { return nil }
        return TerminalSight(device: UInt64(status.st_rdev), fileSystem: UInt64(status.st_dev))
    }
}

extension Sandbox {
    func hold(terminal master: HeldDescriptor) {
        terminal = SandboxTerminal(master)
        if isToldStarted { watchTerminal() }
    }

    func watchTerminal() {
        terminal?.watch(loop) { [weak self] in self?.readTerminal() }
    }

    @discardableResult private func readTerminal() -> Bool {
        guard let bytes = terminal?.read() else { return false }
        loop.post(.output(id, .standardOutput, bytes))
        return true
    }

    /// What is there now; a living writer could go on for ever.
    func drainTerminal() {
        for _ in 0..<64 where !readTerminal() { return }
    }
}

internal import AgentModel
internal import CLinuxShims
internal import Glibc
internal import OutsideWorld

/// CRIUs at work inside sandboxes, and what they say.
final class LinuxCrius {
    private let loop: EventLoop
    private let living: (SandboxID) -> Sandbox?
    private var running: [CriuID: RunningCriu] = [:]
    private var count: UInt64 = 0

    init(_ loop: EventLoop, living: @escaping (SandboxID) -> Sandbox?) {
        self.loop = loop
        self.living = living
    }

    /// None is killed: a dump whose connection ends leaves its tree as it was, one that is killed may leave it broken. A restore ends with its
    /// sandbox.
    deinit { for criu in running.values { letGo(criu) } }

    func start(_ start: CriuStart) throws(CriuStartFault) -> CriuID {
        guard let sandbox = living(start.sandbox) else { throw CriuStartFault("could not start CRIU: the sandbox is gone") }
        let criu = try RunningCriu(start, in: sandbox)
        count += 1
        let id = CriuID(count)
        running[id] = criu
        loop.watch(criu.link.number) { [weak self] _ in self?.hear(id) }
        loop.watch(criu.output.number) { [weak self] _ in self?.readOutput(id) }
        loop.watch(criu.handle.number) { [weak self] _ in self?.finish(id) }
        return id
    }

    func send(_ packet: [UInt8], to id: CriuID) {
        // One that hung up is about to be told as ended.
        if let criu = running[id] { _ = Glibc.send(criu.link.number, packet, packet.count, Int32(MSG_NOSIGNAL) | Int32(MSG_DONTWAIT)) }
    }

    func hangUp(_ id: CriuID) {
        guard let criu = running[id] else { return }
        loop.forget(criu.link.number)
        shutdown(criu.link.number, Int32(SHUT_RDWR))
    }

    // MARK: Events of one

    private func hear(_ id: CriuID) {
        guard let criu = running[id] else { return }
        switch criu.hear() {
        case .packet(let bytes): loop.post(.criu(id, .packet(bytes)))
        case .nothing: return
        case .over: loop.forget(criu.link.number)
        }
    }

    private func readOutput(_ id: CriuID) {
        guard let criu = running[id] else { return }
        if criu.readOutput() == .ended { loop.forget(criu.output.number) }
    }

    private func finish(_ id: CriuID) {
        guard let criu = running.removeValue(forKey: id) else { return }
        while case .packet(let bytes) = criu.hear() { loop.post(.criu(id, .packet(bytes))) }  // its last words may still wait
        _ = criu.readOutput()
        letGo(criu)
        loop.post(.criu(id, .ended(criu.reap(), lastOutput: criu.lastOutput)))
    }

    private func letGo(_ criu: RunningCriu) {
        for descriptor in [criu.link.number, criu.output.number, criu.handle.number] { loop.forget(descriptor) }
    }
}

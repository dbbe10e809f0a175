internal import AgentModel
internal import CLinuxShims
internal import Glibc
internal import OutsideWorld

/// The page server of a sandbox that is restored without its memory. It is a child of the sandbox's init, which ends everything at its
/// death and tells us of it.
extension Sandbox {
    func servePages(_ start: PageServerStart) throws(CriuStartFault) {
        func fault(_ why: String) -> CriuStartFault { CriuStartFault("could not start a page server with '\(start.program)': \(why)") }
        guard let link else { throw fault("the sandbox is gone") }
        var order = sandbox_order()
        (order.wire, order.kind) = (UInt32(SANDBOX_WIRE), SANDBOX_SERVE.rawValue)
        let program = Array(start.program.utf8)
        guard program.count < Int(SANDBOX_PROGRAM_LIMIT) else { throw fault("its path is too long") }
        withUnsafeMutableBytes(of: &order.program) { $0.copyBytes(from: program) }

        let images = try hold(start.images, fault)
        let scratch = try hold(start.scratch, fault)
        guard let pipe = try? makePipe() else { throw fault("no pipe can be made") }
        let (reading, writing) = (HeldDescriptor(pipe.readEnd), HeldDescriptor(pipe.writeEnd))
        makeNonBlocking(reading.number)
        let given = [images.number, scratch.number, writing.number]
        let result = shim_packet_send(link.number, &order, MemoryLayout<sandbox_order>.size, given, given.count)
        guard result == 0 else { throw fault(sentence(errno: -result)) }
        servesPages = true
        pageServerStatus = reading
        loop.watch(reading.number) { [weak self] _ in self?.hearPageServer() }
    }

    private func hold(_ directory: String, _ fault: (String) -> CriuStartFault) throws(CriuStartFault) -> HeldDescriptor {
        let descriptor = open(directory, O_RDONLY | O_DIRECTORY | O_CLOEXEC)
        guard descriptor >= 0 else { throw fault("the directory '\(directory)' cannot be opened: \(sentence(errno: errno))") }
        return HeldDescriptor(descriptor)
    }

    /// It writes one byte when it listens. That it ended is told by init.
    private func hearPageServer() {
        guard let pageServerStatus, case .success(let bytes) = readSome(pageServerStatus.number, 1) else { return }
        forgetPageServer()
        if !bytes.isEmpty { tell(.memory(.served)) }
    }

    func forgetPageServer() {
        if let pageServerStatus { loop.forget(pageServerStatus.number) }
        pageServerStatus = nil
    }

    func pageServerEnded(status: Int32) {
        hearPageServer()  // its word may still wait
        forgetPageServer()
        servesPages = false
        let end = ProcessEnd(waitStatus: status)
        tell(.memory(end == .exited(0) ? .complete : .lost(end)))
    }
}

internal import CLinuxShims
internal import Glibc

/// One packet from a sandbox's init.
enum SandboxPacket {
    case report(sandbox_report, [HeldDescriptor])
    /// The connection ended, or something came over it that init never says.
    case over

    /// The next packet; nil: none has come yet. Never waits.
    static func receive(_ socket: Int32) -> SandboxPacket? {
        var report = sandbox_report()
        var numbers: [Int32] = [-1, -1, -1, -1]
        var count: Int32 = 0
        let size = MemoryLayout<sandbox_report>.size
        let length = shim_packet_receive(socket, &report, size, &numbers, &count)
        let handles = numbers.prefix(Int(count)).map { HeldDescriptor($0) }
        if length == -EAGAIN || length == -EINTR { return nil }
        guard Int(length) == size, report.wire == UInt32(SANDBOX_WIRE) else { return .over }
        return .report(report, handles)
    }

    /// As `receive`, waiting at most so long for it.
    static func receive(_ socket: Int32, within milliseconds: Int32) -> SandboxPacket? {
        var one = pollfd(fd: socket, events: Int16(POLLIN), revents: 0)
        return poll(&one, 1, milliseconds) == 1 ? receive(socket) : nil
    }
}

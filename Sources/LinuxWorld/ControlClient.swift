internal import AgentModel
internal import CLinuxShims
internal import Glibc
internal import OutsideWorld

/// One question to a supervisor and the lines it answers, over its control socket.
struct ControlClient: ~Copyable {
    /// Longest line taken, in bytes.
    private static let lineLimit = 8 << 20

    private let connection: Descriptor
    private let end: BootDeadline

    init(_ socket: String, within: Duration) throws(AskFault) {
        end = BootDeadline(within)
        let raw = shim_unix_connect(socket, Int32(SOCK_STREAM.rawValue), max(1, end.millisecondsLeft))
        switch raw {
        case 0...: try Self.requireOurs(raw)
        case -ENOENT, -ECONNREFUSED, -ENOTDIR: throw .nobody
        case -EACCES, -EPERM: throw .denied
        case -EAGAIN: throw .noAnswer
        default: throw .system(-raw)
        }
        connection = Descriptor(raw)
        makeNonBlocking(connection.raw)
    }

    /// Who listens there may be somebody who put a socket of his own in the place of ours.
    private static func requireOurs(_ connection: Int32) throws(AskFault) {
        var pid: Int32 = 0
        var user: UInt32 = .max
        if shim_peer(connection, &pid, &user) == 0, user == 0 || user == geteuid() { return }
        close(connection)
        throw .denied
    }

    /// Sends `line` with an end of line and hands on each line that comes, until `each` returns false or the peer closes.
    func ask(_ line: [UInt8], each: ([UInt8]) -> Bool) throws(AskFault) {
        try sendAll(line + [UInt8(ascii: "\n")])
        var buffer: [UInt8] = []
        var answers = 0
        while true {
            try wait(for: POLLIN)
            switch readSome(connection.raw, 64 << 10) {
            case .failure(let error) where error.errno == EAGAIN: continue
            case .failure: throw .noAnswer
            case .success(let bytes):
                // Half a line at the end is an answer that was cut off.
                if bytes.isEmpty, answers > 0, buffer.isEmpty { return }
                if bytes.isEmpty { throw .noAnswer }
                buffer += bytes
            }
            while let lineEnd = buffer.firstIndex(of: UInt8(ascii: "\n")) {
                let line = Array(buffer[..<lineEnd])
                buffer.removeFirst(lineEnd + 1)
                answers += 1
                if !each(line) { return }
            }
            if buffer.count > Self.lineLimit { throw .system(EMSGSIZE) }
        }
    }

    private func sendAll(_ bytes: [UInt8]) throws(AskFault) {
        var done = 0
        while done < bytes.count {
            try wait(for: POLLOUT)
            let count = bytes.withUnsafeBytes { buffer in
                uninterrupted { send(connection.raw, buffer.baseAddress?.advanced(by: done), buffer.count - done, Int32(MSG_NOSIGNAL)) }
            }
            if count == -Int(EAGAIN) { continue }
            if count < 0 { throw .noAnswer }  // it hung up
            done += count
        }
    }

    private func wait(for events: Int32) throws(AskFault) {
        if !end.wait(for: events, of: connection.raw) { throw .noAnswer }
    }
}

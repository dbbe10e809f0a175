internal import Glibc

/// One connection to the runner. Reading belongs to the reader thread, which also closes it; others write whole frames under a lock.
struct StreamSocket {
    let descriptor: Int32

    /// - Returns: nil, and why, when nobody listens there.
    static func connect(to path: String) -> Result<StreamSocket, SystemError> {
        let descriptor = socket(AF_UNIX, Int32(SOCK_STREAM.rawValue | SOCK_CLOEXEC.rawValue), 0)
        guard descriptor >= 0 else { return .failure(SystemError(number: errno)) }
        var address = sockaddr_un()
        address.sun_family = sa_family_t(AF_UNIX)
        let room = MemoryLayout.size(ofValue: address.sun_path)
        guard path.utf8.count < room else {
            close(descriptor)
            return .failure(SystemError(number: ENAMETOOLONG))
        }
        withUnsafeMutableBytes(of: &address.sun_path) { $0.copyBytes(from: path.utf8) }
        let result = withUnsafePointer(to: &address) {
            $0.withMemoryRebound(to: sockaddr.self, capacity: 1) {
                Glibc.connect(descriptor, __CONST_SOCKADDR_ARG(__sockaddr__: $0), socklen_t(MemoryLayout<sockaddr_un>.size))
            }
        }
        guard result == 0 else {
            let number = errno
            close(descriptor)
            return .failure(SystemError(number: number))
        }
        // A runner that does not read for so long is not one; the connection is given up and made anew.
        var limit = timeval(tv_sec: 10, tv_usec: 0)
        setsockopt(descriptor, SOL_SOCKET, SO_SNDTIMEO, &limit, socklen_t(MemoryLayout<timeval>.size))
        return .success(StreamSocket(descriptor: descriptor))
    }

    /// - Returns: whether all of it went. If not, part of a frame may have gone and the connection is of no more use.
    func send(_ bytes: [UInt8]) -> Bool {
        var rest = bytes[...]
        while !rest.isEmpty {
            let count = rest.withUnsafeBytes { Glibc.send(descriptor, $0.baseAddress, $0.count, Int32(MSG_NOSIGNAL)) }
            if count > 0 {
                rest = rest.dropFirst(count)
            } else if errno != EINTR {
                return false
            }
        }
        return true
    }

    enum Arrival { case bytes([UInt8]), nothing, end }

    /// Waits until something comes or `deadline` is over.
    func receive(until deadline: Tick) -> Arrival {
        var waited = pollfd(fd: descriptor, events: Int16(POLLIN), revents: 0)
        guard poll(&waited, 1, deadline.pollMilliseconds) > 0 else { return .nothing }
        var count = 0
        let bytes = [UInt8](unsafeUninitializedCapacity: 64 << 10) { buffer, initialized in
            count = recv(descriptor, buffer.baseAddress, buffer.count, Int32(MSG_DONTWAIT))
            initialized = max(0, count)
        }
        if count > 0 { return .bytes(bytes) }
        return count < 0 && (errno == EINTR || errno == EAGAIN) ? .nothing : .end
    }

    /// Wakes the reader, who then closes.
    func hangUp() { shutdown(descriptor, Int32(SHUT_RDWR)) }
}

struct SystemError: Error {
    var number: Int32
    var text: String { String(cString: strerror(number)) }
}

internal import CLinuxShims
internal import Glibc
internal import OutsideWorld

/// The sockets that agents and operators knock at, and their connections.
final class LinuxDoors: Doors {
    /// Connections a door holds at once; one more is closed unheard. An agent needs one, an operator a handful.
    static let connectionLimit = 16
    /// Longest sd_notify datagram, in bytes. A longer one is dropped: half a message could mean something else.
    static let datagramLimit = 4096

    private let loop: EventLoop
    private let place: SupervisorPlace
    private let membership: (Int32) -> SandboxID?
    private var listeners: [Door: Int32] = [:]
    private var connections: [ConnectionID: Connection] = [:]
    private var connectionCount: UInt64 = 0

    /// `membership`: which sandbox a process of the host is in.
    init(_ loop: EventLoop, _ place: SupervisorPlace, membership: @escaping (Int32) -> SandboxID?) {
        self.loop = loop
        self.place = place
        self.membership = membership
    }

    /// The sockets' files stay: the next supervisor may have put its own there by now, and it replaces what it finds.
    deinit {
        for connection in connections.values { loop.forget(connection.descriptor) }
        for listener in listeners.values {
            loop.forget(listener)
            Glibc.close(listener)
        }
    }

    // MARK: Doors

    func open(_ door: Door) throws(FileFault) {
        try DoorPlaces(place).makeRoom(for: door)
        let listener = try listen(door)
        if let former = listeners.updateValue(listener, forKey: door) {
            loop.forget(former)
            Glibc.close(former)
        }
        watchListener(listener, door)
    }

    private func listen(_ door: Door) throws(FileFault) -> Int32 {
        let path = DoorPlaces(place).path(of: door)
        let length = path.utf8.count
        guard length <= 107 else {
            throw FileFault(.tooLarge, doing: "open the socket", what: "\(path) (\(length) bytes; a socket's path holds at most 107)")
        }
        let type = (door == .notify ? SOCK_DGRAM.rawValue : SOCK_STREAM.rawValue) | SOCK_NONBLOCK.rawValue
        let listener = shim_unix_bind(path, Int32(type), door == .control ? 0o600 : 0o666)
        if listener < 0 { throw FileFault(errno: -listener, doing: "open the socket", what: path) }
        if door != .notify, Glibc.listen(listener, Int32(Self.connectionLimit)) != 0 {
            let error = errno
            Glibc.close(listener)
            throw FileFault(errno: error, doing: "open the socket", what: path)
        }
        return listener
    }

    private func watchListener(_ listener: Int32, _ door: Door) {
        loop.watch(listener) { [weak self] _ in
            if door == .notify { self?.takeDatagrams(listener) } else { self?.accept(at: door, listener) }
        }
    }

    // MARK: Arrivals

    private func accept(at door: Door, _ listener: Int32) {
        let descriptor = shim_accept(listener)
        guard descriptor >= 0 else { return acceptFailed(-descriptor, door, listener) }
        guard connections.values.count(where: { $0.door == door }) < Self.connectionLimit else {
            Glibc.close(descriptor)
            return
        }
        connectionCount += 1
        let id = ConnectionID(connectionCount)
        connections[id] = Connection(descriptor, door: door)
        loop.post(.connected(id, door, peer(of: descriptor)))
        watch(id, writable: false)
    }

    private func acceptFailed(_ error: Int32, _ door: Door, _ listener: Int32) {
        guard [EMFILE, ENFILE, ENOMEM, ENOBUFS].contains(error) else { return }  // the peer gave up meanwhile
        // Level-triggered: without a pause the loop would spin until somebody closes a descriptor.
        loop.forget(listener)
        loop.after(milliseconds: 1000) { [weak self] in
            if self?.listeners[door] == listener { self?.watchListener(listener, door) }
        }
    }

    private func peer(of descriptor: Int32) -> PeerCredentials {
        var pid: Int32 = 0
        var user: UInt32 = .max
        // A failure leaves "nobody we know", which no one trusts.
        _ = shim_peer(descriptor, &pid, &user)
        return PeerCredentials(pid: pid, userID: user, isInside: pid > 0 ? membership(pid) : nil)
    }

    private func takeDatagrams(_ listener: Int32) {
        // Bounded: an agent that shouts must not hold the loop.
        for _ in 0..<16 {
            var pid: Int32 = 0
            var user: UInt32 = .max
            var result: Int64 = 0
            let bytes = [UInt8](unsafeUninitializedCapacity: Self.datagramLimit) { buffer, filled in
                if let start = buffer.baseAddress { result = shim_receive(listener, start, buffer.count, &pid, &user) }
                filled = Int(max(0, result))
            }
            if result == -Int64(EAGAIN) { return }
            guard result > 0 else { continue }  // too long, empty or without credentials: dropped
            loop.post(.datagram(bytes, PeerCredentials(pid: pid, userID: user, isInside: pid > 0 ? membership(pid) : nil)))
        }
    }

    // MARK: Connections

    func send(_ bytes: [UInt8], to id: ConnectionID) {
        guard let connection = connections[id], !connection.isClosing else { return }
        connection.enqueue(bytes)
        flush(id, connection)
        if connection.queued > Connection.queueLimit { drop(id, telling: true) }
    }

    func close(_ id: ConnectionID) {
        guard let connection = connections[id], !connection.isClosing else { return }
        connection.isClosing = true
        flush(id, connection)
    }

    private func flush(_ id: ConnectionID, _ connection: Connection) {
        switch connection.flush() {
        case .moreToSend: watch(id, writable: true)
        case .allSent where connection.isClosing: drop(id, telling: false)
        case .allSent: watch(id, writable: false)
        }
    }

    private func ready(_ id: ConnectionID, _ events: UInt32) {
        guard let connection = connections[id] else { return }
        if events & EPOLLOUT.rawValue != 0 { flush(id, connection) }
        if connections[id] != nil, events & ~EPOLLOUT.rawValue != 0 { receive(id, connection) }
    }

    private func receive(_ id: ConnectionID, _ connection: Connection) {
        switch connection.receive() {
        case .nothingYet: return
        case .ended: drop(id, telling: !connection.isClosing)
        case .bytes(let bytes):
            if !connection.isClosing { loop.post(.received(id, bytes)) }
        }
    }

    private func watch(_ id: ConnectionID, writable: Bool) {
        guard let connection = connections[id] else { return }
        loop.watch(connection.descriptor, writable: writable) { [weak self] events in self?.ready(id, events) }
    }

    private func drop(_ id: ConnectionID, telling: Bool) {
        guard let connection = connections.removeValue(forKey: id) else { return }
        loop.forget(connection.descriptor)
        if telling { loop.post(.closed(id)) }
    }
}

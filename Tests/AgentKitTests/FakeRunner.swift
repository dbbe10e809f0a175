import AgentModel
import AgentProtocol
import Glibc
import Testing

/// The runner's side of the protocol on a real socket and a thread of its own. It keeps order and limits with the same `AgentSession` the
/// runner uses; what it answers is the test's.
final class FakeRunner: @unchecked Sendable {
    /// What a test wants done when a message comes.
    enum Answer { case send([RunnerMessage]), hangUp, hangUpAfter([RunnerMessage]) }

    private let mutex = UnsafeMutablePointer<pthread_mutex_t>.allocate(capacity: 1)
    private let condition = UnsafeMutablePointer<pthread_cond_t>.allocate(capacity: 1)
    private let listener: Int32
    let folder: String
    var socketPath: String { folder + "/agent.sock" }

    // Below: only inside `locked`.
    private var seen: [AgentMessage] = []
    private var session = AgentSession(connectedAt: Moment(nanoseconds: 0))
    private var connection: Int32 = -1
    private var connections = 0
    private var faults: [ProtocolFault] = []
    private let welcome: @Sendable (Hello, Int) -> RunnerMessage
    private let answer: @Sendable (AgentMessage) -> Answer

    init(
        welcome: @escaping @Sendable (Hello, Int) -> RunnerMessage = { _, _ in .welcome(.clean()) },
        answer: @escaping @Sendable (AgentMessage) -> Answer = { _ in .send([]) }
    ) throws {
        self.welcome = welcome
        self.answer = answer
        pthread_mutex_init(mutex, nil)
        pthread_cond_init(condition, nil)
        var template = Array("/tmp/agentkit-XXXXXX".utf8CString)
        folder = try #require(mkdtemp(&template).map { String(cString: $0) })
        listener = socket(AF_UNIX, Int32(SOCK_STREAM.rawValue | SOCK_CLOEXEC.rawValue), 0)
        var address = sockaddr_un()
        address.sun_family = sa_family_t(AF_UNIX)
        withUnsafeMutableBytes(of: &address.sun_path) { [path = folder + "/agent.sock"] in $0.copyBytes(from: path.utf8) }
        let bound = withUnsafePointer(to: &address) {
            $0.withMemoryRebound(to: sockaddr.self, capacity: 1) {
                bind(listener, __CONST_SOCKADDR_ARG(__sockaddr__: $0), socklen_t(MemoryLayout<sockaddr_un>.size))
            }
        }
        try #require(bound == 0 && listen(listener, 8) == 0)
        var thread = pthread_t()
        pthread_create(&thread, nil, { FakeRunner.body($0) }, Unmanaged.passRetained(self).toOpaque())
        pthread_detach(thread)
    }

    /// Ends its thread and removes its folder.
    func close() {
        locked {
            shutdown(listener, Int32(SHUT_RDWR))
            if connection >= 0 { shutdown(connection, Int32(SHUT_RDWR)) }
        }
        for name in ["agent.sock", "state-9"] { unlink(folder + "/" + name) }
        rmdir(folder)
    }

    // MARK: For tests

    func send(_ message: RunnerMessage) { locked { write(session.encoded(message)) } }
    func hangUp() { locked { _ = shutdown(connection, Int32(SHUT_RDWR)) } }
    var messages: [AgentMessage] { locked { seen } }
    var connectionCount: Int { locked { connections } }
    var allFaults: [ProtocolFault] { locked { faults } }

    /// Waits until what was seen is so; a minute is for a machine that is very busy.
    func wait(_ what: String, until isSo: ([AgentMessage]) -> Bool) {
        var limit = timespec()
        clock_gettime(CLOCK_REALTIME, &limit)
        limit.tv_sec += 60
        locked {
            while !isSo(seen) {
                if pthread_cond_timedwait(condition, mutex, &limit) == ETIMEDOUT {
                    Issue.record("never came: \(what); seen: \(seen)")
                    return
                }
            }
        }
    }

    // MARK: Its thread

    private static func body(_ own: UnsafeMutableRawPointer?) -> UnsafeMutableRawPointer? {
        guard let own else { return nil }
        let runner = Unmanaged<FakeRunner>.fromOpaque(own).takeRetainedValue()
        while case let accepted = accept(runner.listener, __SOCKADDR_ARG(__sockaddr__: nil), nil), accepted >= 0 { runner.serve(accepted) }
        Glibc.close(runner.listener)
        return nil
    }

    private func serve(_ accepted: Int32) {
        locked {
            connections += 1
            connection = accepted
            session = AgentSession(connectedAt: Moment(nanoseconds: 0))
        }
        var buffer = [UInt8](repeating: 0, count: 64 << 10)
        var goesOn = true
        while goesOn, case let count = recv(accepted, &buffer, buffer.count, 0), count > 0 {
            locked { goesOn = take(session.receive(Array(buffer[..<count]), at: Moment(nanoseconds: 0))) }
        }
        locked {
            connection = -1
            pthread_cond_broadcast(condition)
        }
        Glibc.close(accepted)
    }

    private func take(_ events: [SessionEvent]) -> Bool {
        defer { pthread_cond_broadcast(condition) }
        for event in events {
            switch event {
            case .hello(let hello, _):
                seen.append(.hello(hello))
                write(session.encoded(welcome(hello, connections)))
            case .message(let message):
                seen.append(message)
                switch answer(message) {
                case .send(let answers): for answer in answers { write(session.encoded(answer)) }
                case .hangUp: return false
                case .hangUpAfter(let answers):
                    for answer in answers { write(session.encoded(answer)) }
                    return false
                }
            case .send(let bytes): write(bytes)
            case .close(let fault):
                faults.append(fault)
                return false
            case .ignored: break
            }
        }
        return !session.isClosed
    }

    private func write(_ bytes: [UInt8]) { if connection >= 0 { _ = Glibc.send(connection, bytes, bytes.count, Int32(MSG_NOSIGNAL)) } }

    private func locked<Result>(_ body: () throws -> Result) rethrows -> Result {
        pthread_mutex_lock(mutex)
        defer { pthread_mutex_unlock(mutex) }
        return try body()
    }
}

extension Welcome {
    static func clean(incarnation: UInt64 = 1, beatEvery: Duration? = nil) -> Welcome {
        Welcome(
            version: 1, agent: "agent-7", incarnation: incarnation, restoredFrom: nil, state: nil, stateSchema: nil, slept: nil,
            changed: [],
            beatEvery: beatEvery)
    }
}

// LinuxWorld: Linux itself behind OutsideWorld's protocols. Owns every system call. Acts; decides nothing about agents.

internal import CLinuxShims
internal import Glibc
package import OutsideWorld

/// One epoll set, one thread. Whoever owns a descriptor registers it here; handlers post events for the supervisor.
package final class EventLoop {
    private let epoll: Int32
    private var handlers: [Int32: (UInt32) -> Void] = [:]
    private var pending: [WorldEvent] = []
    private var alarms: [(at: Int64, body: () -> Void)] = []

    package init() {
        epoll = epoll_create1(Int32(EPOLL_CLOEXEC))
        precondition(epoll >= 0, "epoll_create1 failed: errno \(errno)")
    }

    deinit { close(epoll) }

    // MARK: For owners of descriptors

    /// Calls `body` with the ready events whenever `descriptor` is readable (unless not asked), writable (when asked) or hung up.
    /// Level-triggered: at end of file the owner must `forget` it, or the loop spins.
    func watch(_ descriptor: Int32, readable: Bool = true, writable: Bool = false, _ body: @escaping (UInt32) -> Void) {
        let known = handlers.updateValue(body, forKey: descriptor) != nil
        var event = epoll_event()
        event.events = (readable ? EPOLLIN.rawValue : 0) | (writable ? EPOLLOUT.rawValue : 0)
        event.data.fd = descriptor
        let result = epoll_ctl(epoll, known ? EPOLL_CTL_MOD : EPOLL_CTL_ADD, descriptor, &event)
        precondition(result == 0, "epoll_ctl of descriptor \(descriptor) failed: errno \(errno)")
    }

    /// Must be called before the descriptor is closed.
    func forget(_ descriptor: Int32) {
        guard handlers.removeValue(forKey: descriptor) != nil else { return }
        epoll_ctl(epoll, EPOLL_CTL_DEL, descriptor, nil)
    }

    /// Calls `body` once, `milliseconds` from now, from inside `next`.
    func after(milliseconds: Int64, _ body: @escaping () -> Void) {
        let at = shim_boottime_ns() + milliseconds * 1_000_000
        let index = alarms.firstIndex { $0.at > at } ?? alarms.endIndex
        alarms.insert((at, body), at: index)
    }

    /// Queues an event for the supervisor, after those already queued.
    func post(_ event: WorldEvent) { pending.append(event) }

    // MARK: For the world

    /// The next event, or nil once CLOCK_BOOTTIME is `deadline` nanoseconds.
    package func next(until deadline: Int64?) -> WorldEvent? {
        while true {
            if !pending.isEmpty { return pending.removeFirst() }
            let now = shim_boottime_ns()
            while let first = alarms.first, first.at <= now {
                alarms.removeFirst()
                first.body()
            }
            if !pending.isEmpty { continue }
            // What is ready in the kernel comes before "the time is over": a busy supervisor must not take its own delay for the agent's.
            wait(until: [deadline, alarms.first?.at].compactMap(\.self).min(), now: now)
            if pending.isEmpty, let deadline, shim_boottime_ns() >= deadline { return nil }
        }
    }

    private func wait(until wake: Int64?, now: Int64) {
        var milliseconds: Int32 = -1
        if let wake { milliseconds = Int32(clamping: (max(0, wake - now) + 999_999) / 1_000_000) }
        withUnsafeTemporaryAllocation(of: epoll_event.self, capacity: 64) { events in
            let count = epoll_wait(epoll, events.baseAddress, 64, milliseconds)
            guard count > 0 else { return }  // EINTR or time over: the caller looks again
            // A handler may forget another descriptor of this batch: look each one up when its turn comes.
            for index in 0..<Int(count) { handlers[events[index].data.fd]?(events[index].events) }
        }
    }
}

internal import AgentModel
internal import Glibc

/// A mutex with a condition, on the monotonic clock.
/// `@unchecked Sendable`: the two pthread objects live at fixed addresses and are made for being shared.
final class Monitor: @unchecked Sendable {
    private let mutex = UnsafeMutablePointer<pthread_mutex_t>.allocate(capacity: 1)
    private let condition = UnsafeMutablePointer<pthread_cond_t>.allocate(capacity: 1)

    init() {
        pthread_mutex_init(mutex, nil)
        var attributes = pthread_condattr_t()
        pthread_condattr_init(&attributes)
        pthread_condattr_setclock(&attributes, CLOCK_MONOTONIC)
        pthread_cond_init(condition, &attributes)
        pthread_condattr_destroy(&attributes)
    }

    deinit {
        pthread_cond_destroy(condition)
        pthread_mutex_destroy(mutex)
        condition.deallocate()
        mutex.deallocate()
    }

    func locked<Result, Failure: Error>(_ body: () throws(Failure) -> Result) throws(Failure) -> Result {
        pthread_mutex_lock(mutex)
        defer { pthread_mutex_unlock(mutex) }
        return try body()
    }

    /// Inside `locked` only: lets others in until `wakeAll`, or until `deadline`. - Returns: whether there is time left.
    func wait(until deadline: Tick) -> Bool {
        var time = timespec(tv_sec: Int(deadline.nanoseconds / 1_000_000_000), tv_nsec: Int(deadline.nanoseconds % 1_000_000_000))
        return pthread_cond_timedwait(condition, mutex, &time) != ETIMEDOUT
    }

    func wakeAll() { pthread_cond_broadcast(condition) }
}

/// A reading of the monotonic clock.
struct Tick: Comparable, Sendable {
    var nanoseconds: Int64

    static func now() -> Tick {
        var time = timespec()
        clock_gettime(CLOCK_MONOTONIC, &time)
        return Tick(nanoseconds: Int64(time.tv_sec) * 1_000_000_000 + Int64(time.tv_nsec))
    }

    static func < (a: Tick, b: Tick) -> Bool { a.nanoseconds < b.nanoseconds }

    func after(_ duration: Duration) -> Tick {
        let (sum, overflow) = nanoseconds.addingReportingOverflow(duration.nanoseconds)
        return Tick(nanoseconds: overflow ? .max : sum)
    }

    /// Whole milliseconds from now, not below zero, as poll(2) wants them.
    var pollMilliseconds: Int32 { Int32(clamping: (max(0, nanoseconds - Tick.now().nanoseconds) + 999_999) / 1_000_000) }
}

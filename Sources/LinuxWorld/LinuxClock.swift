internal import AgentModel
internal import CLinuxShims
internal import Glibc
internal import OutsideWorld

/// Time from CLOCK_BOOTTIME, laid on the wall clock once at the start, so that moments of one run follow those of the run before.
final class LinuxClock: Clock {
    /// What is added to CLOCK_BOOTTIME to make a moment, in nanoseconds.
    private let offset: Int64

    init(noEarlierThan: Moment?) {
        let start = max(Self.wallNanoseconds(), noEarlierThan?.nanoseconds ?? .min)
        offset = start - shim_boottime_ns()
    }

    func now() -> Moment { Moment(nanoseconds: shim_boottime_ns() + offset) }

    func wallTime() -> WallTime { WallTime(nanoseconds: Self.wallNanoseconds()) }

    /// The moment as CLOCK_BOOTTIME counts, for the loop.
    func bootNanoseconds(of moment: Moment) -> Int64 { (moment - .nanoseconds(offset)).nanoseconds }

    private static func wallNanoseconds() -> Int64 {
        var now = timespec()
        clock_gettime(CLOCK_REALTIME, &now)
        return Int64(now.tv_sec) * 1_000_000_000 + Int64(now.tv_nsec)
    }
}

/// Eight bytes from getrandom(2).
func kernelRandomNumber() -> UInt64 {
    var number: UInt64 = 0
    let count = uninterrupted { getrandom(&number, MemoryLayout<UInt64>.size, 0) }
    // getrandom(2): reads of up to 256 bytes are never cut short once the pool is seeded.
    precondition(count == MemoryLayout<UInt64>.size, "getrandom gave \(count) bytes of 8")
    return number
}

internal import AgentModel
internal import CLinuxShims
internal import Glibc

/// A time that ends something, on the clock that counts sleep of the machine.
struct BootDeadline {
    /// CLOCK_BOOTTIME, nanoseconds.
    private let end: Int64

    init(_ within: Duration) {
        let (sum, overflow) = shim_boottime_ns().addingReportingOverflow(max(0, within.nanoseconds))
        end = overflow ? .max : sum
    }

    /// For poll(2): 0 when it is over, rounded up otherwise.
    var millisecondsLeft: Int32 { Int32(clamping: max(0, end - shim_boottime_ns()).dividedRoundingUp(by: 1_000_000)) }

    /// Waits for `events` of a descriptor. - Returns: whether they, or an error, came in time.
    func wait(for events: Int32, of descriptor: Int32) -> Bool {
        while true {
            let left = millisecondsLeft
            var look = pollfd(fd: descriptor, events: Int16(events), revents: 0)
            if poll(&look, 1, left) > 0 { return true }
            if left == 0 { return false }
        }
    }
}

extension Int64 {
    fileprivate func dividedRoundingUp(by divisor: Int64) -> Int64 { self / divisor + (self % divisor > 0 ? 1 : 0) }
}

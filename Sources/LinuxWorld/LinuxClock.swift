internal import AgentModel
internal import CLinuxShims
internal import Glibc
internal import OutsideWorld

/// Time from CLOCK_BOOTTIME, laid on the wall clock once after every boot, so that moments of one run follow those of the run before. A calendar
/// that is set anew between two runs of one boot is no time that passed.
final class LinuxClock: Clock {
    /// What is added to CLOCK_BOOTTIME to make a moment, in nanoseconds.
    private let offset: Int64

    init(noEarlierThan: Moment?) {
        let start = max(Self.wallNanoseconds(), noEarlierThan?.nanoseconds ?? .min)
        offset = start - shim_boottime_ns()
    }

    /// As the last supervisor counted, if it wrote that down since the machine was started.
    /// - Parameter path: of the file that tells, below `disk`: the boot's ID, a space, what is added to CLOCK_BOOTTIME.
    init(keptAt path: DiskPath, on disk: any Disk, noEarlierThan: Moment?) {
        let bootID = HostProbe.bootID()
        let text = (try? disk.read(path, limit: .kibibytes(1))).map { String(decoding: $0, as: UTF8.self) }
        let words = text?.split(separator: " ") ?? []
        if words.count == 2, !bootID.isEmpty, words[0] == bootID, let kept = Int64(words[1]) {
            offset = max(kept, noEarlierThan.map { $0.nanoseconds - shim_boottime_ns() } ?? .min)
        } else {
            offset = LinuxClock(noEarlierThan: noEarlierThan).offset
        }
        if text != "\(bootID) \(offset)" { keep("\(bootID) \(offset)", at: path, on: disk) }
    }

    /// Not synced: after a power cut it says nothing. Where it cannot be kept, the next supervisor begins at the calendar.
    private func keep(_ text: String, at path: DiskPath, on disk: any Disk) {
        guard let temporary = DiskPath(path.text + ".new") else { return }
        try? disk.removeTree(temporary)
        do throws(FileFault) {
            try disk.create(temporary, with: Array(text.utf8))
            try disk.rename(temporary, to: path)
        } catch { try? disk.removeFile(temporary) }
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

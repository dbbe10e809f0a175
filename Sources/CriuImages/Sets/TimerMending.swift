/// Sets right what CRIU's dump loses of timers, while the image is not yet in use.
///
/// A periodic timerfd that has run out starts anew when somebody reads it. Until then the kernel tells that no time is left, CRIU writes that
/// down, and at the restore it means "off": the timer never comes again, and who waits for it waits for ever. CRIU up to 4.2 does so; for the
/// other kinds of timers it takes the interval then, and so it is done here.
public enum TimerMending {
    /// - Parameter file: `files.img`, or `timerfd.img` of an old CRIU.
    /// - Returns: the whole image with such timers set to their interval; nil: it has none, and is right as it is.
    public static func mended(_ file: ImageFile) throws(ImageFault) -> [UInt8]? { try ImageRewriting.rewritten(file, mend) }

    private static func mend(_ message: inout ImageMessage) -> Bool {
        switch message.shape.name {
        case "file_entry":
            guard case .message(var timer)? = message.values("tfd").first, mend(&timer) else { return false }
            message.set(.message(timer), "tfd")
        case "timerfd_entry":
            let (seconds, nanoseconds) = (message.number("isec") ?? 0, message.number("insec") ?? 0)
            guard message.number("vsec") == 0, message.number("vnsec") == 0, (seconds, nanoseconds) != (0, 0), message.number("ticks") != 0
            else { return false }
            message.set(.number(seconds), "vsec")
            message.set(.number(nanoseconds), "vnsec")
        default: return false
        }
        return true
    }
}

/// Sets right what CRIU's dump loses of timers, while the image is not yet in use.
///
/// A periodic timerfd that has run out starts anew when somebody reads it. Until then the kernel tells that no time is left, CRIU writes that
/// down, and at the restore it means "off": the timer never comes again, and who waits for it waits for ever. CRIU up to 4.2 does so; for the
/// other kinds of timers it takes the interval then, and so it is done here.
public enum TimerMending {
    /// - Parameter file: `files.img`, or `timerfd.img` of an old CRIU.
    /// - Returns: the whole image with such timers set to their interval; nil: it has none, and is right as it is.
    public static func mended(_ file: ImageFile) throws(ImageFault) -> [UInt8]? {
        var reader = try EntryReader(file)
        var bytes = (reader.kind.family.map(word) ?? []) + word(reader.kind.magic)
        var isMended = false
        while let entry = try reader.next() {
            let message = WireWriter.write(mend(entry.message, &isMended))
            bytes += word(UInt32(message.count)) + message
        }
        return isMended ? bytes : nil
    }

    private static func mend(_ message: ImageMessage, _ isMended: inout Bool) -> ImageMessage {
        var message = message
        switch message.shape.name {
        case "file_entry":
            guard case .message(let timer)? = message.values("tfd").first else { return message }
            message.set(.message(mend(timer, &isMended)), "tfd")
        case "timerfd_entry":
            let (seconds, nanoseconds) = (message.number("isec") ?? 0, message.number("insec") ?? 0)
            guard message.number("vsec") == 0, message.number("vnsec") == 0, (seconds, nanoseconds) != (0, 0), message.number("ticks") != 0
            else { return message }
            message.set(.number(seconds), "vsec")
            message.set(.number(nanoseconds), "vnsec")
            isMended = true
        default: break
        }
        return message
    }

    private static func word(_ number: UInt32) -> [UInt8] { (0..<4).map { UInt8(truncatingIfNeeded: number >> ($0 * 8)) } }
}

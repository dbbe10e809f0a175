public import AgentModel
internal import Recovery

extension Duration {
    /// For a column, two units at most, rounded down: `850ms`, `3s`, `6m`, `1h10m`, `4d02h`. Negative spans count as zero.
    public var brief: String {
        let milliseconds = max(0, self.milliseconds)
        let seconds = milliseconds / 1000
        return switch seconds {
        case 0: milliseconds == 0 ? "0s" : "\(milliseconds)ms"
        case ..<60: "\(seconds)s"
        case ..<3600: "\(seconds / 60)m"
        case ..<86_400: "\(seconds / 3600)h\(twoDigits(seconds / 60 % 60))m"
        default: "\(seconds / 86_400)d\(twoDigits(seconds / 3600 % 24))h"
        }
    }
}

extension WallTime {
    /// `6 min ago`, `in 8 s`, `now`, seen from `now`.
    public func distance(from now: WallTime) -> String {
        let span = self - now
        if span.milliseconds >= 1000 { return "in \(words(span))" }
        if span.milliseconds <= -1000 { return "\(words(now - self)) ago" }
        return "now"
    }

    /// `08:38:00`, with the date before it when that is another day than `now`. UTC.
    public func clock(now: WallTime) -> String {
        let text = description
        let time = String(text.dropFirst(11).prefix(8))
        return text.prefix(10) == now.description.prefix(10) ? time : "\(text.prefix(10)) \(time)"
    }
}

extension ByteCount {
    /// For a column, in powers of 1000: `999B`, `1.5k`, `612M`, `2.0G`.
    public var brief: String {
        var divisor: UInt64 = 1
        for unit in ["B", "k", "M", "G", "T"] {
            if bytes / divisor < 1000 || unit == "T" {
                let tenths = divisor == 1 ? 0 : bytes / (divisor / 10) % 10
                let whole = bytes / divisor
                return whole < 10 && divisor > 1 ? "\(whole).\(tenths)\(unit)" : "\(whole)\(unit)"
            }
            divisor *= 1000
        }
        return "\(bytes)B"
    }
}

private func twoDigits(_ number: Int64) -> String { number < 10 ? "0\(number)" : "\(number)" }

/// A ledger read back from its file.
public struct LedgerReplay: Hashable, Sendable {
    public var ledger: EffectLedger
    /// Cut the file to this length before appending: a torn last line was never answered for.
    public var validLength: Int
    /// What was found, a sentence each.
    public var notices: [String]
}

extension EffectLedger {
    /// Reads the whole file.
    ///
    /// A last line that is not whole is a write that a power cut tore; nobody was told of it, so it never was. Any other line that is not
    /// what was written is damage: it is passed over, counted and told, and until the ledger is compacted an unknown key is answered with
    /// `unknown` instead of being done a second time.
    public static func replay(_ bytes: [UInt8], limits: LedgerLimits = LedgerLimits()) -> LedgerReplay {
        var ledger = EffectLedger(limits: limits)
        var damaged: [Int] = []
        var (start, number, validLength) = (0, 0, 0)
        while start < bytes.count {
            number += 1
            let newline = bytes[start...].firstIndex(of: UInt8(ascii: "\n"))
            let end = newline ?? bytes.count
            let next = newline.map { $0 + 1 } ?? bytes.count
            if newline != nil, let record = LedgerRecord(line: bytes[start..<end]) {
                ledger.apply(record)
                validLength = next
            } else if next < bytes.count {
                damaged.append(number)
                validLength = next
            }
            start = next
        }
        ledger.noteDamage(lines: damaged.count)
        var notices: [String] = []
        if validLength < bytes.count {
            notices.append(
                "the effect ledger ended in a torn line of \(bytes.count - validLength) bytes; it was never answered for and is dropped")
        }
        if let first = damaged.first {
            notices.append(
                "the effect ledger is damaged in \(damaged.count) of its lines, the first is line \(first). Effects it does not know are held "
                    + "until it is compacted")
        }
        return LedgerReplay(ledger: ledger, validLength: validLength, notices: notices)
    }
}

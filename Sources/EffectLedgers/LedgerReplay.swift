/// A ledger read back from its file.
public struct LedgerReplay: Hashable, Sendable {
    public var ledger: EffectLedger
    /// Cut the file to this length before appending: a torn last line was never answered for.
    public var validLength: Int
    /// What was found, a sentence each.
    public var notices: [String]

    public init(ledger: EffectLedger, validLength: Int, notices: [String]) {
        self.ledger = ledger
        self.validLength = validLength
        self.notices = notices
    }
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
            if newline != nil, let record = LedgerRecord(line: bytes[start..<end]) {
                ledger.apply(record)
                (start, validLength) = (end + 1, end + 1)
            } else if let (record, next) = firstOfTwo(bytes[start..<end]) {
                ledger.apply(record)
                damaged.append(number)
                (start, validLength) = (next, next)
            } else if end + 1 < bytes.count || bytes[start..<end].elementsEqual(toldDamage) {
                damaged.append(number)
                (start, validLength) = (end + 1, end + 1)
            } else {
                start = bytes.count
            }
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

    /// A disk that checks what it reads puts this line where it found damage. At the end of the file, too, it is no torn line: effects may be lost.
    private static let toldDamage = Array("(damaged)".utf8)

    /// Two lines look like one when the newline between them is damaged. Taken for one torn last line, they would cost a record that was
    /// answered for.
    private static func firstOfTwo(_ line: ArraySlice<UInt8>) -> (LedgerRecord, next: Int)? {
        for end in line.indices.dropFirst(18) where line[end - 1] == UInt8(ascii: "}") && end + 18 < line.endIndex {
            let next = line[(end + 1)...]
            let isChecksum = next.prefix(16).allSatisfy { (0x30...0x39).contains($0) || (0x61...0x66).contains($0) }
            guard isChecksum, next.dropFirst(16).starts(with: Array(" {".utf8)) else { continue }
            if let record = LedgerRecord(line: line[..<end]) { return (record, end + 1) }
        }
        return nil
    }
}

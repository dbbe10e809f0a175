/// A number as people write it, `1`, `0.5`, `1.25`, exactly: no binary fractions.
struct DecimalText: Sendable {
    let whole: UInt64
    let billionths: UInt64

    /// - Returns: nil when `text` is not digits with at most one point and nine digits after it.
    init?(_ text: some StringProtocol) {
        let parts = text.utf8.split(separator: UInt8(ascii: "."), maxSplits: 1, omittingEmptySubsequences: false)
        guard let first = parts.first, let whole = Self.digits(first) else { return nil }
        self.whole = whole
        guard parts.count == 2 else {
            billionths = 0
            return
        }
        guard parts[1].count <= 9, let fraction = Self.digits(parts[1]) else { return nil }
        billionths = (parts[1].count..<9).reduce(fraction) { value, _ in value * 10 }
    }

    /// This many `unit`s, rounded down; nil when that is more than a `UInt64` holds.
    func times(_ unit: UInt64) -> UInt64? {
        let (product, overflow) = whole.multipliedReportingOverflow(by: unit)
        let wide = billionths.multipliedFullWidth(by: unit)
        let part = UInt64(1_000_000_000).dividingFullWidth(wide).quotient
        let (sum, overflowing) = product.addingReportingOverflow(part)
        return overflow || overflowing ? nil : sum
    }

    private static func digits(_ bytes: some Collection<UInt8>) -> UInt64? {
        guard !bytes.isEmpty, bytes.allSatisfy({ (48...57).contains($0) }) else { return nil }
        return UInt64(String(decoding: bytes, as: UTF8.self))
    }
}

extension Substring {
    /// Splits a number from the word that follows it: `10m` is `10` and `m`.
    func splitAfterNumber() -> (number: Substring, rest: Substring) {
        let end = firstIndex { !($0.isASCII && ($0.isNumber || $0 == ".")) } ?? endIndex
        return (self[..<end], self[end...])
    }
}

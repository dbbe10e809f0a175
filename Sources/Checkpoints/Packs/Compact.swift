/// Whole numbers in as few bytes as they need: seven bits a byte, the least significant first, the top bit says that more follow (LEB128).
extension [UInt8] {
    mutating func append(compact number: UInt64) {
        var rest = number
        while rest >= 0x80 {
            append(UInt8(truncatingIfNeeded: rest) | 0x80)
            rest >>= 7
        }
        append(UInt8(rest))
    }

    /// Small numbers of either sign are short: 0, -1, 1, -2, 2 … become 0, 1, 2, 3, 4 ….
    mutating func append(signed number: Int64) {
        append(compact: UInt64(bitPattern: (number << 1) ^ (number >> 63)))
    }

    mutating func append(fixed number: UInt64) {
        for shift in stride(from: UInt64(0), to: 64, by: 8) { append(UInt8(truncatingIfNeeded: number >> shift)) }
    }
}

/// Reads what `[UInt8].append(compact:)` and its like wrote. What is cut off or too large is damage, never a trap.
struct CompactReader {
    private let bytes: ArraySlice<UInt8>
    private var position: Int

    init(_ bytes: ArraySlice<UInt8>) {
        self.bytes = bytes
        position = bytes.startIndex
    }

    var isAtEnd: Bool { position == bytes.endIndex }

    mutating func number() throws(Damage) -> UInt64 {
        var number: UInt64 = 0
        var shift: UInt64 = 0
        while position < bytes.endIndex {
            let byte = bytes[position]
            position += 1
            guard shift < 63 || byte <= 1 else { throw Damage("it has a number of more than 64 bits") }
            number |= UInt64(byte & 0x7F) << shift
            if byte < 0x80 { return number }
            shift += 7
        }
        throw Damage("it ends too early")
    }

    /// - Throws: above `limit`, too.
    mutating func number(upTo limit: Int) throws(Damage) -> Int {
        let number = try number()
        guard number <= UInt64(limit) else { throw Damage("it has a number larger than \(limit)") }
        return Int(number)
    }

    mutating func signed() throws(Damage) -> Int64 {
        let number = try number()
        return Int64(bitPattern: number >> 1) ^ -Int64(bitPattern: number & 1)
    }

    mutating func fixed() throws(Damage) -> UInt64 {
        guard bytes.endIndex - position >= 8 else { throw Damage("it ends too early") }
        defer { position += 8 }
        return bytes[position..<(position + 8)].reversed().reduce(0) { $0 << 8 | UInt64($1) }
    }
}

/// Bytes are not what was written: how, as in "it ends too early".
struct Damage: Error, Hashable {
    var how: String
    init(_ how: String) { self.how = how }
}

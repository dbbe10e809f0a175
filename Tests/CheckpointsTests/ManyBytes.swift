// What tests make many bytes with. An unoptimized build calls a closure or two of the standard library for each byte of `map` and of its
// `joined()`: a story spent more time in them than in the store.

/// `count` bytes, each as `value` says of its place.
func bytes(_ count: Int, _ value: (Int) -> UInt8) -> [UInt8] {
    var bytes = [UInt8](repeating: 0, count: count)
    var place = 0
    while place < count {
        bytes[place] = value(place)
        place += 1
    }
    return bytes
}

extension [[UInt8]] {
    /// All, one behind the other.
    func joined() -> [UInt8] { reduce(into: []) { $0 += $1 } }
}

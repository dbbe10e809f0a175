/// One file of a set, as it is handed in: nothing is read before it is asked for.
public struct ImageFile: Sendable {
    /// The last component of its path, which tells its kind.
    public let name: String
    public let size: UInt64
    /// Exactly `count` bytes from `offset` on, which lie within `size`.
    public let read: @Sendable (_ offset: UInt64, _ count: Int) throws(ImageFault) -> [UInt8]

    public init(name: String, size: UInt64, read: @escaping @Sendable (UInt64, Int) throws(ImageFault) -> [UInt8]) {
        self.name = name
        self.size = size
        self.read = read
    }

    /// A file in memory.
    public init(name: String, bytes: [UInt8]) {
        self.init(name: name, size: UInt64(bytes.count)) { (offset, count) throws(ImageFault) in
            guard offset <= UInt64(bytes.count), count <= bytes.count - Int(offset) else {
                throw ImageFault(.truncated, "the file ends at byte \(bytes.count)", at: offset)
            }
            return Array(bytes[Int(offset)..<Int(offset) + count])
        }
    }
}

/// Bytes of a file that are not looked at, only passed on: read piece by piece.
struct ImageBlob: Hashable, Sendable {
    var offset: UInt64
    var count: UInt64
}

/// A file read from its beginning to its end, a window at a time, with every length checked against what is left.
struct ImageCursor {
    let file: ImageFile
    private(set) var offset: UInt64 = 0
    private var window: [UInt8] = []
    private var windowStart: UInt64 = 0

    init(_ file: ImageFile) { self.file = file }

    var left: UInt64 { file.size - offset }

    mutating func take(_ count: UInt64, _ what: String) throws(ImageFault) -> [UInt8] {
        guard count <= left else {
            throw ImageFault(.truncated, "\(what) of \(count) bytes is announced, and \(left) are left", at: offset)
        }
        if offset < windowStart || offset + count > windowStart + UInt64(window.count) {
            let wanted = min(max(count, UInt64(ImageLimits.chunk)), left)
            window = try file.read(offset, Int(wanted))
            guard window.count == Int(wanted) else { throw ImageFault(.truncated, "the file became shorter meanwhile", at: offset) }
            windowStart = offset
        }
        let start = Int(offset - windowStart)
        offset += count
        return Array(window[start..<start + Int(count)])
    }

    mutating func number(_ what: String) throws(ImageFault) -> UInt32 {
        guard left >= 4 else { throw ImageFault(.truncated, "\(what) of 4 bytes is expected, and \(left) are left", at: offset) }
        let bytes = try take(4, what)
        return UInt32(bytes[0]) | UInt32(bytes[1]) << 8 | UInt32(bytes[2]) << 16 | UInt32(bytes[3]) << 24
    }

    /// Passes over bytes without reading them.
    mutating func skip(_ count: UInt64, _ what: String) throws(ImageFault) -> ImageBlob {
        guard count <= left else {
            throw ImageFault(.truncated, "\(what) of \(count) bytes is announced, and \(left) are left", at: offset)
        }
        defer { offset += count }
        return ImageBlob(offset: offset, count: count)
    }

    /// A length and so many bytes of a message.
    mutating func frame() throws(ImageFault) -> [UInt8] {
        let start = offset
        let count = UInt64(try number("the length of an entry"))
        guard count <= ImageLimits.message else {
            throw ImageFault(.aboveLimit, "an entry of \(count) bytes is announced; none has more than \(ImageLimits.message)", at: start)
        }
        return try take(count, "an entry")
    }
}

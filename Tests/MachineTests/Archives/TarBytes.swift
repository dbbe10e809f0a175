import OutsideWorld
import Testing

/// Archives as a stranger could make them, byte by byte: headers of 512 bytes, content filled up to 512. See tar(5).
struct TarBytes {
    private(set) var bytes: [UInt8] = []

    /// - Parameters:
    ///   - kind: '0' a file, '1' a hard link, '2' a symbolic link, '3' and '4' devices, '5' a directory, '6' a pipe, 'x' and 'g' attributes of
    ///     pax, 'L' a long name of GNU, 'S' a sparse file of GNU.
    ///   - size: as announced; nil: as it is.
    static func member(
        _ name: [UInt8], _ content: [UInt8] = [], kind: Character = "0", size: UInt64? = nil, link: String = "", checksum: Int? = nil,
        magic: String = "ustar\u{0}00"
    ) -> TarBytes {
        var header = [UInt8](repeating: 0, count: 512)
        func put(_ bytes: some Collection<UInt8>, at offset: Int) { header.replaceSubrange(offset..<offset + bytes.count, with: bytes) }
        put(name.prefix(100), at: 0)
        put("0000644\u{0}0000000\u{0}0000000\u{0}".utf8, at: 100)
        put(number(size ?? UInt64(content.count)), at: 124)
        put("14500000000\u{0}".utf8, at: 136)
        put("        ".utf8, at: 148)
        put(String(kind).utf8, at: 156)
        put(link.utf8.prefix(100), at: 157)
        put(magic.utf8, at: 257)
        let sum = checksum ?? header.reduce(0) { $0 + Int($1) }
        put(
            (String(repeating: "0", count: max(0, 6 - String(sum, radix: 8).count)) + String(sum, radix: 8) + "\u{0} ").utf8.prefix(8),
            at: 148)
        var tar = TarBytes()
        tar.bytes = header + content + [UInt8](repeating: 0, count: (512 - content.count % 512) % 512)
        return tar
    }

    static func member(
        _ name: String, _ content: String = "", kind: Character = "0", size: UInt64? = nil, link: String = "", checksum: Int? = nil,
        magic: String = "ustar\u{0}00"
    ) -> TarBytes {
        member(Array(name.utf8), Array(content.utf8), kind: kind, size: size, link: link, checksum: checksum, magic: magic)
    }

    /// Attributes of the next member, or of all that follow.
    static func pax(_ records: [(String, String)], kind: Character = "x") -> TarBytes {
        let text = records.map { key, value in
            var length = key.utf8.count + value.utf8.count + 3
            while "\(length)".utf8.count + key.utf8.count + value.utf8.count + 3 != length {
                length = "\(length)".utf8.count + key.utf8.count + value.utf8.count + 3
            }
            return "\(length) \(key)=\(value)\n"
        }
        return member("PaxHeaders/x", text.joined(), kind: kind)
    }

    static let end: TarBytes = {
        var tar = TarBytes()
        tar.bytes = [UInt8](repeating: 0, count: 1024)
        return tar
    }()

    static func + (a: TarBytes, b: TarBytes) -> TarBytes {
        var sum = a
        sum.bytes += b.bytes
        return sum
    }

    /// Octal, or in GNU's base 256 where that does not do.
    private static func number(_ size: UInt64) -> [UInt8] {
        let octal = String(size, radix: 8)
        if octal.utf8.count <= 11 { return Array((String(repeating: "0", count: 11 - octal.utf8.count) + octal + "\u{0}").utf8) }
        return [0x80, 0, 0, 0] + (0..<8).map { UInt8(truncatingIfNeeded: size >> (56 - 8 * UInt64($0))) }
    }
}

/// A small archive in podman's form, to which strange members are added.
let plainArchive =
    TarBytes.member("checkpoint/", kind: "5") + .member("checkpoint/inventory.img", "inventory")
    + .member("checkpoint/pages-1.img", "pages")
    + .member("config.dump", "{}") + .member("rootfs-diff.tar", "not wanted")

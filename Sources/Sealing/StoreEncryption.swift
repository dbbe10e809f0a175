public import AgentModel
internal import CSodium
public import OutsideWorld

/// Why there is no key to a store.
public enum KeyFault: Error, Hashable, Sendable {
    /// The key file cannot be used: what is wrong with it, as a clause whose subject it is.
    case unusable(file: String, why: String)
    /// It is another key than the store was encrypted with.
    case wrongKey(file: String, has: String, wants: String)
    /// The store's `encryption` is not what was written: how.
    case damaged(String)
    case disk(FileFault)
}

/// The file that holds a key: a line that tells what it is, and 64 hexadecimal digits.
public enum KeyFile {
    static let firstLine = "runner-key 1\n"
    public static let limit = ByteCount(256)

    /// A new one's content. Whoever writes it down wipes it with `forget`.
    public static func content(of key: SecretKey) -> [UInt8] {
        // Room for all of it: what grows leaves copies behind.
        var content: [UInt8] = []
        content.reserveCapacity(length)
        content.append(contentsOf: firstLine.utf8)
        key.withBytes { bytes in
            for index in 0..<SecretKey.length {
                content.append(digit(bytes[index] >> 4))
                content.append(digit(bytes[index] & 15))
            }
        }
        content.append(UInt8(ascii: "\n"))
        return content
    }

    private static func digit(_ value: UInt8) -> UInt8 { value < 10 ? UInt8(ascii: "0") + value : UInt8(ascii: "a") + value - 10 }
    private static var length: Int { firstLine.utf8.count + 2 * SecretKey.length + 1 }

    public static func forget(_ content: inout [UInt8]) { wipe(&content) }

    /// Takes the key out of a file's content, which is wiped. nil: it is no key file.
    public static func key(wiping content: inout [UInt8]) -> SecretKey? {
        defer { wipe(&content) }
        // Nothing holds the bytes beside `content`: a second reference would make what is wiped a copy.
        guard content.count == length, content.starts(with: firstLine.utf8), content.last == UInt8(ascii: "\n") else { return nil }
        return content.withUnsafeBufferPointer { bytes in
            SecretKey(hexadecimal: UnsafeBufferPointer(rebasing: bytes[firstLine.utf8.count..<(length - 1)]))
        }
    }

    /// What is wrong with the path of one, as a clause whose subject it is: the store remembers it in a line. nil: nothing.
    public static func complaint(aboutPath path: String) -> String? {
        path.utf8.contains { $0 < 0x20 || $0 == 0x7f } ? "its path holds a control character, such as a newline. Give it another name" : nil
    }
}

/// A store's `encryption`: with which key all else in it is sealed, that key sealed with the one of the key file.
///
///     ENCRYPTION ::= "runner-encryption 1\n" "key " NAME "\n" "data " NAME "\n" "sealed " HEX "\n" [ "file " PATH "\n" ]
///     HEX ::= nonce, sealed key of the data, tag; in the context of the three lines before and the store's id
public struct StoreEncryption: Sendable {
    public static let path: DiskPath = "encryption"
    private static let firstLine = "runner-encryption 1"

    /// Of the key file's key.
    public let keyName: String
    /// Of the key that the content of all files is sealed with.
    public let dataName: String
    let sealed: [UInt8]
    /// Where the key file lay when it was named last: absolute. A hint, and nothing that is believed.
    public var keyFile: String?

    // MARK: Making one

    /// For a new store, or of an old one that gets another key file.
    public init(of data: SecretKey, with key: SecretKey, keyFile: String?, _ draw: () -> UInt64) {
        (keyName, dataName, self.keyFile) = (key.name, data.name, keyFile)
        var nonces = Nonces(draw)
        var bytes = data.withBytes { Array(UnsafeBufferPointer(start: $0, count: SecretKey.length)) }
        sealed = Sodium.seal(bytes[...], context: Self.context(keyName, dataName), nonce: nonces.next(), key)
        wipe(&bytes)
    }

    private static func context(_ key: String, _ data: String) -> [UInt8] { Array("\(firstLine)\nkey \(key)\ndata \(data)\n".utf8) }

    public func encoded() -> [UInt8] {
        Self.context(keyName, dataName) + Array("sealed \(hexadecimal(sealed))\n".utf8) + Array((hint ?? "").utf8)
    }

    /// What could not be read again is left out.
    private var hint: String? { keyFile.flatMap { KeyFile.complaint(aboutPath: $0) == nil ? "file \($0)\n" : nil } }

    // MARK: Reading one

    /// nil: the store has none, and its files are as they are.
    public static func read(from disk: any Disk) throws(KeyFault) -> StoreEncryption? {
        let bytes: [UInt8]
        do throws(FileFault) {
            guard try disk.entry(at: path) != nil else { return nil }
            bytes = try disk.read(path, limit: .kibibytes(8))
        } catch { throw .disk(error) }
        guard let read = StoreEncryption(decoding: bytes) else { throw .damaged("it is not what was written") }
        return read
    }

    /// nil: it is not what was written.
    public init?(decoding bytes: [UInt8]) {
        let lines = bytes.split(separator: UInt8(ascii: "\n"), omittingEmptySubsequences: false).map { String(decoding: $0, as: UTF8.self) }
        guard lines.count >= 5, lines[0] == Self.firstLine else { return nil }
        func value(_ index: Int, _ word: String) -> String? {
            lines[index].hasPrefix(word + " ") ? String(lines[index].dropFirst(word.utf8.count + 1)) : nil
        }
        guard let key = value(1, "key"), let data = value(2, "data"),
            let sealed = value(3, "sealed").flatMap({ Sealing.bytes(ofHexadecimal: $0.utf8) }),
            sealed.count == SecretKey.length + Sodium.overhead
        else { return nil }
        // A hint that is not what was written is none.
        keyFile = lines.count == 6 && lines[5].isEmpty ? value(4, "file") : nil
        (keyName, dataName, self.sealed) = (key, data, sealed)
    }

    /// The key of the content.
    public func open(with key: SecretKey, from file: String) throws(KeyFault) -> SecretKey {
        guard key.name == keyName else { throw .wrongKey(file: file, has: key.name, wants: keyName) }
        guard var bytes = Sodium.open(sealed[...], context: Self.context(keyName, dataName), key) else {
            throw .damaged("its key was changed")
        }
        return SecretKey(wiping: &bytes)
    }
}

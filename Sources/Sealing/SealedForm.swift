internal import AgentModel
internal import OutsideWorld

/// How the content of a file lies on the disk below. Documentation: docs/store-format.md#sealed
///
///     BLOCKS  ::= "runner-sealed 1\n" ID { BLOCK } LAST      ID ::= 16 bytes, drawn
///     BLOCK   ::= NONCE 16384 bytes TAG                      LAST ::= NONCE fewer bytes TAG
///     RECORDS ::= "runner-sealed 2\n" ID { RECORD }
///     RECORD  ::= LENGTH GAP CHECK NONCE bytes TAG           LENGTH, GAP ::= 4 bytes, the least significant first
///     CHECK   ::= 8 bytes, which tell a record that was cut short from one that was changed
enum SealedForm: Hashable {
    /// As it is: what tells how to read all else, and what others lock or look at.
    case clear
    /// Written once from beginning to end, read anywhere.
    case blocks
    /// Written at its end only, a record a write.
    case records

    static let magicLength = 16
    static let headerLength = 32
    /// Content of a block.
    static let blockLength = 16 << 10
    static let sealedBlockLength = blockLength + Sodium.overhead
    static let recordHeaderLength = 16
    /// Content of a record, at most.
    static let recordLimit = 1 << 20

    /// What the ledger of effects is.
    static let ledger = Array("ledger".utf8)

    var magic: [UInt8] { Array((self == .records ? "runner-sealed 2\n" : "runner-sealed 1\n").utf8) }

    private static let clearAtTop: Set<String> = ["format", "id", "limits", "copying", "encryption", "runner-copy-1"]

    /// By its place alone. A file is of the same form before and after it gets its name.
    init(of path: DiskPath) {
        let name = Self.lasting(path.name)
        switch Self.folder(of: path) {
        case nil where path.parent == nil && Self.clearAtTop.contains(name): self = .clear
        case _ where name == "lock": self = .clear
        // Fetched to be looked at.
        case "content" where name == "encryption": self = .clear
        case "packs" where name.hasSuffix(".damaged"): self = .clear
        // Set aside as it was found.
        case "journal" where name.hasSuffix(".damaged"), "log" where name.hasSuffix(".damaged"): self = .clear
        case "journal" where name.hasSuffix(".jsonl"): self = .records
        case "log" where name.hasSuffix(".log"): self = .records
        case "effects" where name == "ledger": self = .records
        default: self = .blocks
        }
    }

    /// What a file is, which it stays wherever it is renamed to: nobody can put one in the place of another.
    static func role(of path: DiskPath) -> [UInt8] {
        let name = lasting(path.name)
        let role =
            switch folder(of: path) {
            case "packs": "packs/"
            case "process": "process/\(name)"
            case "journal" where name.hasSuffix(".jsonl"): "journal/"
            case "log" where name.hasSuffix(".log"): "log/"
            default: name
            }
        return Array(role.utf8)
    }

    /// The directory that tells what the files in it are. An agent's own tells nothing, whatever the agent is called: it is renamed from `staging` to
    /// `agents` and to `removed`, and its name is a person's choice.
    private static func folder(of path: DiskPath) -> String? {
        guard let folder = path.parent else { return nil }
        if let above = folder.parent, ofAgents.contains(above.name), isTop(above.parent) { return nil }
        return folder.name
    }

    private static let ofAgents: Set<String> = ["agents", "staging", "removed", "trash"]

    /// The root of a store, or of what was fetched of a copy to be looked at: `staging/@<id>/content`.
    private static func isTop(_ directory: DiskPath?) -> Bool {
        guard let directory else { return true }
        return directory.name == "content" && directory.parent?.parent?.text == "staging"
    }

    /// Its name when it is whole.
    private static func lasting(_ name: String) -> String {
        for ending in [".new", ".part"] where name.hasSuffix(ending) { return String(name.dropLast(ending.count)) }
        return name
    }

    /// Bytes of the content of a file of blocks that takes `stored`; nil: no file takes so many.
    static func contentSize(ofBlocks stored: UInt64) -> UInt64? {
        guard stored >= UInt64(headerLength + Sodium.overhead) else { return nil }
        let body = stored - UInt64(headerLength)
        let (whole, rest) = body.quotientAndRemainder(dividingBy: UInt64(sealedBlockLength))
        guard rest >= UInt64(Sodium.overhead) else { return nil }
        return whole * UInt64(blockLength) + rest - UInt64(Sodium.overhead)
    }

    /// What a file of blocks with so much content takes.
    static func storedSize(ofContent size: UInt64) -> UInt64 {
        let (whole, rest) = size.quotientAndRemainder(dividingBy: UInt64(blockLength))
        return UInt64(headerLength) + whole * UInt64(sealedBlockLength) + rest + UInt64(Sodium.overhead)
    }

    /// What is sealed with a block, so that it is found at no other place: the file, which block, whether it is the last, what the file is.
    static func context(_ id: [UInt8], block: UInt64, isLast: Bool, role: [UInt8]) -> [UInt8] {
        id + littleEndian(block) + [isLast ? 1 : 0] + role
    }

    /// Begins a record: nobody but who has the key writes one, and one that was cut short behind it is known.
    static func recordHeader(_ id: [UInt8], record offset: UInt64, length: UInt32, gap: UInt32, role: [UInt8], _ key: SecretKey) -> [UInt8]
    {
        let words = Array("runner: head of a record".utf8) + context(id, record: offset, length: length, gap: gap, role: role)
        return littleEndian(length) + littleEndian(gap) + key.digest(of: words)[..<8]
    }

    /// As for a block: the file, where the record begins in it, what lies before it, what the file is.
    static func context(_ id: [UInt8], record offset: UInt64, length: UInt32, gap: UInt32, role: [UInt8]) -> [UInt8] {
        id + littleEndian(offset) + littleEndian(length) + littleEndian(gap) + role
    }
}

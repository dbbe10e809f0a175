internal import AgentModel
internal import OutsideWorld

/// A file of records, to be read: what was written at once comes back at once, or not at all. A record that a crash cut short is passed over where the
/// next one tells that so much of it lies before it, and at the end of the file. Anything else between two records or behind the last is damage, and reads
/// as one line that no reader of lines takes for one of its own.
final class RecordFile: DiskFile {
    private struct Place {
        /// Where its content begins in the file as one reads it.
        var offset: UInt64
        /// Of its content.
        var length: Int
        /// Where it lies; nil: damage.
        var stored: UInt64?
        var gap: UInt32
    }

    static let damage = Array("(damaged)\n".utf8)

    private let file: any DiskFile
    private let name: String
    private let key: SecretKey
    private let role: [UInt8]
    private var id: [UInt8]?
    private var places: [Place] = []
    private var position: UInt64 = 0
    private var held: (index: Int, content: [UInt8])?
    /// Behind the last whole record.
    private(set) var end = UInt64(SealedForm.headerLength)
    /// Bytes behind it that are no record, when they were looked at last.
    private(set) var rest = 0
    /// Whether they are more than the beginning of a record that was cut short. It is told once.
    private(set) var isRestDamaged = false
    /// It cannot be told where it begins: all of it is damage.
    private var isUnreadable = false

    init(_ file: any DiskFile, name: String, role: [UInt8], _ key: SecretKey) throws(FileFault) {
        (self.file, self.name, self.key, self.role) = (file, name, key, role)
        do throws(FileFault) { id = try Self.identity(of: file, name) } catch {
            // What was done is asked of a ledger: one that cannot be read must not look like one that says little.
            guard case .damaged = error.kind, role != SealedForm.ledger else { throw error }
            isUnreadable = true
        }
    }

    /// nil: it ends in its header. One that nothing was written to before the power went is empty.
    static func identity(of file: any DiskFile, _ name: String) throws(FileFault) -> [UInt8]? {
        let header = try file.read(SealedForm.headerLength, at: 0)
        let magic = SealedForm.records.magic
        if header.count < SealedForm.headerLength, header.prefix(magic.count).elementsEqual(magic.prefix(header.count)) { return nil }
        return try BlockFile.identity(of: file, .records, name)
    }

    /// Bytes of all its records.
    func contentSize() throws(FileFault) -> UInt64 {
        while try next() {}
        return contentEnd
    }

    private var contentEnd: UInt64 { places.last.map { $0.offset + UInt64($0.length) } ?? 0 }

    // MARK: Reading

    func read(_ count: Int) throws(FileFault) -> [UInt8] {
        let bytes = try read(count, at: position)
        position += UInt64(bytes.count)
        return bytes
    }

    func read(_ count: Int, at offset: UInt64) throws(FileFault) -> [UInt8] {
        var bytes: [UInt8] = []
        var offset = offset
        while bytes.count < count {
            while offset >= contentEnd { if try !next() { return bytes } }
            // From the end: that is where one reads on.
            guard let index = places.lastIndex(where: { $0.offset <= offset }) else { return bytes }
            let part = try content(index)[Int(offset - places[index].offset)...].prefix(count - bytes.count)
            bytes += part
            offset += UInt64(part.count)
        }
        return bytes
    }

    private func content(_ index: Int) throws(FileFault) -> [UInt8] {
        if let held, held.index == index { return held.content }
        let place = places[index]
        guard let stored = place.stored else { return Self.damage }
        let sealed = try file.read(place.length + Sodium.overhead, at: stored + UInt64(SealedForm.recordHeaderLength))
        guard let content = open(sealed[...], at: stored, gap: place.gap), content.count == place.length else {
            throw FileFault(.damaged("it was changed while it was read"), doing: "read", what: name)
        }
        held = (index, content)
        return content
    }

    private func open(_ sealed: ArraySlice<UInt8>, at offset: UInt64, gap: UInt32) -> [UInt8]? {
        guard let id, let length = UInt32(exactly: sealed.count - Sodium.overhead) else { return nil }
        return Sodium.open(sealed, context: SealedForm.context(id, record: offset, length: length, gap: gap, role: role), key)
    }

    // MARK: Finding records

    /// Looks for the next record. - Returns: false: there is none yet.
    private func next() throws(FileFault) -> Bool {
        if isUnreadable {
            guard places.isEmpty else { return false }
            addDamage()
            return true
        }
        if id == nil { id = try Self.identity(of: file, name) }
        guard id != nil else { return false }
        let header = try file.read(SealedForm.recordHeaderLength, at: end)
        if let (length, gap) = head(header[...], at: end), gap == 0 {
            let sealed = try file.read(length + Sodium.overhead, at: end + UInt64(SealedForm.recordHeaderLength))
            if let content = open(sealed[...], at: end, gap: 0) {
                add(content, at: end, gap: 0)
                return true
            }
        }
        guard !header.isEmpty else {
            rest = 0
            return false
        }
        return try resume()
    }

    /// Length and gap of the record that begins there.
    private func head(_ header: ArraySlice<UInt8>, at offset: UInt64) -> (length: Int, gap: UInt32)? {
        guard let id, header.count >= SealedForm.recordHeaderLength else { return nil }
        func number(_ from: Int) -> UInt32 { (0..<4).reduce(0) { $0 | UInt32(header[header.startIndex + from + $1]) << (8 * $1) } }
        let (length, gap) = (number(0), number(4))
        guard length <= SealedForm.recordLimit, gap <= UInt32(Self.longestGap),
            header.prefix(SealedForm.recordHeaderLength).elementsEqual(
                SealedForm.recordHeader(id, record: offset, length: length, gap: gap, role: role, key))
        else { return nil }
        return (Int(length), gap)
    }

    /// What a write that failed may leave.
    static let longestGap = SealedForm.recordLimit * 2

    /// What lies here is torn, damaged, or being written: looks for a whole record behind it.
    private func resume() throws(FileFault) -> Bool {
        // What was looked at before has no record in it.
        let bytes = try everything(from: end)
        if bytes.count == rest { return false }
        rest = bytes.count
        // Whoever wrote a record last says how much before it was torn.
        var isTorn = bytes.count < SealedForm.recordHeaderLength
        // From where it ended: that may have become whole meanwhile.
        for start in 0..<max(1, bytes.count - SealedForm.recordHeaderLength + 1) {
            let place = end + UInt64(start)
            guard let (length, gap) = head(bytes[start...].prefix(SealedForm.recordHeaderLength), at: place) else { continue }
            let sealed = bytes[(start + SealedForm.recordHeaderLength)...].prefix(length + Sodium.overhead)
            guard sealed.count == length + Sodium.overhead else {
                isTorn = Int(gap) == start
                continue
            }
            guard let content = open(sealed, at: place, gap: gap) else { continue }
            if Int(gap) != start, !isRestDamaged { addDamage() }
            add(content, at: place, gap: gap)
            return true
        }
        guard !isTorn, !isRestDamaged else { return false }
        isRestDamaged = true
        addDamage()
        return true
    }

    private func addDamage() { places.append(Place(offset: contentEnd, length: Self.damage.count, stored: nil, gap: 0)) }

    private func everything(from offset: UInt64) throws(FileFault) -> [UInt8] {
        var bytes: [UInt8] = []
        while true {
            let piece = try file.read(1 << 20, at: offset + UInt64(bytes.count))
            if piece.isEmpty { return bytes }
            bytes += piece
        }
    }

    private func add(_ content: [UInt8], at stored: UInt64, gap: UInt32) {
        places.append(Place(offset: contentEnd, length: content.count, stored: stored, gap: gap))
        end = stored + UInt64(SealedForm.recordHeaderLength + Sodium.overhead + content.count)
        rest = 0
        isRestDamaged = false
        held = (places.count - 1, content)
    }

    // MARK: What it does not take

    func write(_ bytes: [UInt8]) throws(FileFault) { throw FileFault(.readOnly, doing: "write", what: name) }
    func sync() throws(FileFault) { try file.sync() }
    func beginSync() { file.beginSync() }
    /// As of a `BlockFile`.
    func attributes(limit: ByteCount) throws(FileFault) -> [ExtendedAttribute] { [] }
}

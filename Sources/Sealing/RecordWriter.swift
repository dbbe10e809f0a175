internal import AgentModel
internal import OutsideWorld

/// A file of records, written at its end.
final class RecordWriter: DiskFile {
    /// How far a file goes, and what it holds.
    struct Extent: Hashable {
        var stored: UInt64
        var content: UInt64
    }

    private let file: any DiskFile
    private let name: String
    private let key: SecretKey
    private let role: [UInt8]
    private let id: [UInt8]
    private var nonces: Nonces
    private var extent: Extent
    /// Bytes of what was torn, behind the last whole record.
    private var torn: UInt64 = 0
    /// There is more than a torn record: what comes next does not vouch for it, and so every reader tells of it.
    private var isDamaged = false
    /// Nobody knows how much of the last write stands there.
    private var isUnknown = false
    private let wrote: (Extent) -> Void
    private var reader: RecordFile?

    /// - Parameters:
    ///   - file: whose writes go to its end; perhaps new.
    ///   - known: of the file as it is now; nil: it is looked through.
    ///   - wrote: told after each write.
    init(
        _ file: any DiskFile, name: String, role: [UInt8], known: Extent?, _ key: SecretKey, _ draw: () -> UInt64,
        wrote: @escaping (Extent) -> Void
    ) throws(FileFault) {
        (self.file, self.name, self.role, self.key, self.wrote) = (file, name, role, key, wrote)
        nonces = Nonces(draw)
        if let id = try RecordFile.identity(of: file, name) {
            self.id = id
            if let known {
                extent = known
            } else {
                let reader = try RecordFile(file, name: name, role: role, key)
                let content = try reader.contentSize()
                extent = Extent(stored: reader.end, content: content)
                torn = UInt64(reader.rest)
                isDamaged = reader.isRestDamaged
            }
        } else {
            // A header that a crash cut short is completed.
            let present = try file.read(SealedForm.headerLength, at: 0)
            let rest = (SealedForm.records.magic + littleEndian(draw()) + littleEndian(draw()))[present.count...]
            id = Array((present + rest)[SealedForm.magicLength...])
            extent = Extent(stored: UInt64(SealedForm.headerLength), content: 0)
            try file.write(Array(rest))
        }
    }

    func write(_ bytes: [UInt8]) throws(FileFault) {
        if isUnknown {
            torn = try measure(from: extent.stored)
            isUnknown = false
        }
        var rest = bytes[...]
        while !rest.isEmpty {
            let piece = rest.prefix(SealedForm.recordLimit)
            rest = rest.dropFirst(piece.count)
            try writeRecord(piece)
        }
        wrote(extent)
    }

    private func writeRecord(_ piece: ArraySlice<UInt8>) throws(FileFault) {
        // Of a longer one no reader would believe that it was torn.
        if torn > UInt64(RecordFile.longestGap) { isDamaged = true }
        let (offset, gap, length) = (extent.stored + torn, isDamaged ? 0 : UInt32(torn), UInt32(piece.count))
        let context = SealedForm.context(id, record: offset, length: length, gap: gap, role: role)
        let head = SealedForm.recordHeader(id, record: offset, length: length, gap: gap, role: role, key)
        let record = head + Sodium.seal(piece, context: context, nonce: nonces.next(), key)
        isUnknown = true
        try file.write(record)
        isUnknown = false
        (torn, isDamaged) = (0, false)
        extent = Extent(stored: offset + UInt64(record.count), content: extent.content + UInt64(piece.count))
    }

    private func measure(from offset: UInt64) throws(FileFault) -> UInt64 {
        var end = offset
        while true {
            let piece = try file.read(64 << 10, at: end)
            if piece.isEmpty { return end - offset }
            end += UInt64(piece.count)
        }
    }

    func finish() throws(FileFault) { try file.finish() }
    func sync() throws(FileFault) { try file.sync() }
    func beginSync() { file.beginSync() }
    /// As of a `BlockFile`.
    func attributes(limit: ByteCount) throws(FileFault) -> [ExtendedAttribute] { [] }

    // MARK: Reading

    private func reading() throws(FileFault) -> RecordFile {
        if let reader { return reader }
        let made = try RecordFile(file, name: name, role: role, key)
        reader = made
        return made
    }

    func read(_ count: Int) throws(FileFault) -> [UInt8] { try reading().read(count) }
    func read(_ count: Int, at offset: UInt64) throws(FileFault) -> [UInt8] { try reading().read(count, at: offset) }
}

internal import AgentModel
internal import OutsideWorld

/// A file of blocks. What is written stands on the disk a whole block at a time; the last one when it is finished or synced.
final class BlockFile: DiskFile {
    private let file: any DiskFile
    private let name: String
    private let key: SecretKey
    private let role: [UInt8]
    private let id: [UInt8]
    /// Of the file that is being written; nil: it is read.
    private var writing: Writing?
    private var position: UInt64 = 0
    /// The block that was read last: readers ask for pieces of it.
    private var held: (index: UInt64, content: [UInt8])?

    private struct Writing {
        var nonces: Nonces
        /// Blocks that are written.
        var blocks: UInt64 = 0
        /// What is not yet a block.
        var rest: [UInt8] = []
        var isFinished = false
    }

    /// - Parameter file: new and empty.
    init(new file: any DiskFile, name: String, role: [UInt8], _ key: SecretKey, _ draw: () -> UInt64) throws(FileFault) {
        self.file = file
        self.name = name
        self.key = key
        self.role = role
        id = littleEndian(draw()) + littleEndian(draw())
        writing = Writing(nonces: Nonces(draw))
        try file.write(SealedForm.blocks.magic + id)
    }

    init(_ file: any DiskFile, name: String, role: [UInt8], _ key: SecretKey) throws(FileFault) {
        self.file = file
        self.name = name
        self.key = key
        self.role = role
        id = try Self.identity(of: file, .blocks, name)
    }

    /// Reads the header.
    static func identity(of file: any DiskFile, _ form: SealedForm, _ name: String) throws(FileFault) -> [UInt8] {
        let header = try file.read(SealedForm.headerLength, at: 0)
        guard header.starts(with: form.magic) else {
            throw FileFault(.damaged(header.isEmpty ? "it is empty" : "it is not encrypted as it has to be"), doing: "read", what: name)
        }
        guard header.count == SealedForm.headerLength else { throw FileFault(.damaged("it ends too early"), doing: "read", what: name) }
        return Array(header[SealedForm.magicLength...])
    }

    // MARK: Reading

    func read(_ count: Int) throws(FileFault) -> [UInt8] {
        let bytes = try read(count, at: position)
        position += UInt64(bytes.count)
        return bytes
    }

    func read(_ count: Int, at offset: UInt64) throws(FileFault) -> [UInt8] {
        var bytes: [UInt8] = []
        bytes.reserveCapacity(count)
        var offset = offset
        while bytes.count < count {
            let (index, start) = offset.quotientAndRemainder(dividingBy: UInt64(SealedForm.blockLength))
            let block = try block(index)
            guard Int(start) < block.count else { break }
            let part = block[Int(start)...].prefix(count - bytes.count)
            bytes += part
            offset += UInt64(part.count)
            if block.count < SealedForm.blockLength { break }
        }
        return bytes
    }

    /// Fewer bytes than a block has: it is the last.
    private func block(_ index: UInt64) throws(FileFault) -> [UInt8] {
        if let writing, index >= writing.blocks, !writing.isFinished { return index == writing.blocks ? writing.rest : [] }
        if let held, held.index == index { return held.content }
        let (place, isTooLarge) = index.multipliedReportingOverflow(by: UInt64(SealedForm.sealedBlockLength))
        guard !isTooLarge, place < UInt64(Int64.max) - 64 else { return [] }
        let sealed = try whole(SealedForm.sealedBlockLength, at: place + UInt64(SealedForm.headerLength))
        let isLast = sealed.count < SealedForm.sealedBlockLength
        if sealed.isEmpty, index > 0, try block(index - 1).count < SealedForm.blockLength { return [] }
        let context = SealedForm.context(id, block: index, isLast: isLast, role: role)
        guard let content = Sodium.open(sealed[...], context: context, key) else {
            throw FileFault(.damaged(isLast ? "it ends too early, or its end was changed" : "it was changed"), doing: "read", what: name)
        }
        held = (index, content)
        return content
    }

    /// Fewer only at the end of the file.
    private func whole(_ count: Int, at offset: UInt64) throws(FileFault) -> [UInt8] {
        var bytes = try file.read(count, at: offset)
        while bytes.count < count {
            let more = try file.read(count - bytes.count, at: offset + UInt64(bytes.count))
            if more.isEmpty { break }
            bytes += more
        }
        return bytes
    }

    // MARK: Writing

    func write(_ bytes: [UInt8]) throws(FileFault) {
        guard let writing, !writing.isFinished else { throw FileFault(.readOnly, doing: "write", what: name) }
        // Half a megabyte at a time: what is sealed is a second copy.
        var rest = bytes[...]
        while !rest.isEmpty {
            let piece = rest.prefix(32 * SealedForm.blockLength)
            rest = rest.dropFirst(piece.count)
            try add(piece)
        }
    }

    private func add(_ piece: ArraySlice<UInt8>) throws(FileFault) {
        guard var writing else { return }
        self.writing = nil
        defer { self.writing = writing }
        var rest = writing.rest + piece
        writing.rest = []
        var sealed: [UInt8] = []
        var start = 0
        while rest.count - start >= SealedForm.blockLength {
            let context = SealedForm.context(id, block: writing.blocks, isLast: false, role: role)
            sealed += Sodium.seal(rest[start..<start + SealedForm.blockLength], context: context, nonce: writing.nonces.next(), key)
            writing.blocks += 1
            start += SealedForm.blockLength
        }
        rest.removeFirst(start)
        writing.rest = rest
        position += UInt64(piece.count)
        guard !sealed.isEmpty else { return }
        do { try file.write(sealed) } catch {
            writing.isFinished = true  // nobody knows how much of it stands there
            throw error
        }
    }

    func finish() throws(FileFault) {
        guard var writing, !writing.isFinished else { return }
        writing.isFinished = true
        let context = SealedForm.context(id, block: writing.blocks, isLast: true, role: role)
        let last = Sodium.seal(writing.rest[...], context: context, nonce: writing.nonces.next(), key)
        writing.rest = []
        self.writing = writing
        try file.write(last)
        try file.finish()
    }

    func sync() throws(FileFault) {
        try finish()
        try file.sync()
    }

    func beginSync() { file.beginSync() }
    /// The sealed disk gives none either: they would lie on the disk in clear.
    func attributes(limit: ByteCount) throws(FileFault) -> [ExtendedAttribute] { [] }
}

internal import AgentModel
internal import OutsideWorld

/// A file whose bytes lie in packs. Only read.
final class PackedFile: DiskFile {
    private let map: ChunkMap
    private let extent: ContentLayout.Extent
    private let shelf: PackShelf
    private let name: String
    private var position: UInt64 = 0
    /// Where the last read was: the next is nearly always in the same run.
    private var run: ChunkMap.Run?

    /// - Parameter name: as a person would look for it.
    init(_ extent: ContentLayout.Extent, of map: ChunkMap, from shelf: PackShelf, named name: String) {
        self.extent = extent
        self.map = map
        self.shelf = shelf
        self.name = name
    }

    func read(_ count: Int) throws(FileFault) -> [UInt8] {
        var bytes: [UInt8] = []
        try read(count, into: &bytes)
        return bytes
    }

    func read(_ count: Int, into piece: inout [UInt8]) throws(FileFault) {
        try read(count, at: position, into: &piece)
        position += UInt64(piece.count)
    }

    func read(_ count: Int, at offset: UInt64) throws(FileFault) -> [UInt8] {
        var bytes: [UInt8] = []
        try read(count, at: offset, into: &bytes)
        return bytes
    }

    private func read(_ count: Int, at offset: UInt64, into bytes: inout [UInt8]) throws(FileFault) {
        bytes.removeAll(keepingCapacity: true)
        guard offset < extent.size, count > 0 else { return }
        let wanted = min(count, Int(clamping: extent.size - offset))
        // From the beginning of the chunk that holds the first byte; what lies before it is taken away at the end.
        var place = Int(offset / UInt64(extent.chunk))
        let before = Int(offset % UInt64(extent.chunk))
        let end = before + wanted
        while bytes.count < end {
            let start = bytes.count
            let length = Int(min(UInt64(extent.chunk), extent.size - UInt64(place) * UInt64(extent.chunk)))
            switch try self.place(at: extent.first + place) {
            case .zeros: bytes.append(contentsOf: repeatElement(0, count: length))
            case .chunk(let number):
                try shelf.append(number, to: &bytes)
                guard bytes.count - start == length else {
                    throw fault(.damaged("chunk \(number) has \(bytes.count - start) bytes in place of \(length)"))
                }
            case .absent: throw fault(.missing)
            }
            place += 1
        }
        if bytes.count > end { bytes.removeLast(bytes.count - end) }
        if before > 0 { bytes.removeFirst(before) }
    }

    private func place(at position: Int) throws(FileFault) -> ChunkMap.Place {
        if let run, run.position <= position, position < run.position + run.count { return run.place(at: position) }
        guard let found = map.run(at: position) else { throw fault(.damaged("its list of chunks ends too early")) }
        run = found
        return found.place(at: position)
    }

    private func fault(_ kind: FileFault.Kind) -> FileFault { FileFault(kind, doing: "read", what: name) }

    func write(_ bytes: [UInt8]) throws(FileFault) { throw FileFault(.readOnly, doing: "write", what: name) }
    func sync() throws(FileFault) {}
    /// A version has them in its list of files.
    func attributes(limit: ByteCount) throws(FileFault) -> [ExtendedAttribute] { [] }
}

internal import AgentModel
internal import OutsideWorld

/// Numbers of chunks are never given twice, not even when the packs that had them are gone: a copy elsewhere may have those packs still. How far they
/// were given is told by the name of an empty file beside `packs`: it needs no sync of its own, and has no bytes that decay. Of several the highest
/// counts, so anybody may add one at any time. Documentation: docs/store-format.md#packs
extension PackShelf {
    private static let mark = "chunks-"

    /// The number that a file of this name tells of; nil: it is no such name.
    private static func given(_ name: String) -> ChunkNumber? {
        guard name.hasPrefix(mark) else { return nil }
        return StoreLayout.number(name.dropFirst(mark.utf8.count))?.number
    }

    /// Those that are there.
    private func marks() throws(FileFault) -> [ChunkNumber] {
        guard let home = directory.parent, try disk.entry(at: home) != nil else { return [] }
        return try disk.names(in: home).compactMap { Self.given($0) }
    }

    /// The first number that was never given.
    func firstFree() throws(FileFault) -> ChunkNumber { max(try marks().max() ?? 1, highest + 1) }

    var isMarked: Bool { get throws(FileFault) { try !marks().isEmpty } }

    /// Notes that all numbers below were given: durable with the directory that `packs` lies in.
    /// - Returns: whether that was new.
    @discardableResult
    func markGiven(below number: ChunkNumber) throws(FileFault) -> Bool {
        guard let home = directory.parent, try (marks().max() ?? 0) < number else { return false }
        try disk.create(home / (Self.mark + "\(number)"), with: [])
        return true
    }

    /// Once the highest is durable. Those that stay, or come back with a power cut, say nothing wrong.
    func forgetOlderMarks() {
        guard let home = directory.parent, let all = try? marks(), let highest = all.max() else { return }
        for number in all where number < highest { try? disk.removeFile(home / (Self.mark + "\(number)")) }
    }
}

extension CheckpointStore {
    /// How far counting jumps when nobody knows how far it was: further than what was collected since a copy was made.
    private static let jump: ChunkNumber = 1 << 20

    /// Where the mark was lost, or the store is of a time before there was one: from all that tells of numbers.
    func mendChunkNumbers(_ agent: AgentName, _ errand: Errand) throws(StoreFault) {
        let shelf = try errand.inStore { () throws(FileFault) in try PackShelf(of: agent, on: disk) }
        guard try errand.inStore({ () throws(FileFault) in try !shelf.isMarked }) else { return }
        var highest = shelf.highest
        for version in try numbers(agent, errand) {
            // What a damaged one names nobody knows.
            guard let manifest = try? sealedManifest(agent, version, errand), let map = (try? content(of: manifest, errand))?.map else {
                continue
            }
            for run in map.runs {
                if case .chunk(let first) = run.first { highest = max(highest, first + ChunkNumber(run.count) - 1) }
            }
        }
        guard highest > 0 else { return }
        try errand.inStore { () throws(FileFault) in
            try shelf.markGiven(below: highest + Self.jump)
            try disk.syncDirectory(shelf.directory.parent)
        }
    }

    /// No remote is so far ahead of a store: what a stranger's packs say beyond it is not believed.
    private static let farthest: ChunkNumber = 1 << 32

    /// None of these numbers, nor one below, is given to a chunk from now on.
    func raiseChunkNumbers(_ agent: AgentName, beyond numbers: [ChunkNumber]) throws(StoreFault) {
        let errand = Errand("count the chunks of", agent.text)
        try errand.inStore { () throws(FileFault) in
            let shelf = try PackShelf(of: agent, on: disk)
            let free = try shelf.firstFree()
            guard let highest = numbers.filter({ $0 >= free && $0 - free < Self.farthest }).max() else { return }
            try shelf.markGiven(below: highest + 1)
            try disk.syncDirectory(shelf.directory.parent)
            shelf.forgetOlderMarks()
        }
    }
}

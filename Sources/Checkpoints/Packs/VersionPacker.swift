internal import AgentModel
internal import OutsideWorld

/// The version before, as far as a packer can make use of it.
struct PackedVersion {
    let map: ChunkMap
    let layout: ContentLayout

    init(_ map: ChunkMap, _ manifest: Manifest, tree: [TreeEntry], images: [TreeEntry]) {
        self.map = map
        layout = ContentLayout(manifest, tree: tree, images: images)
    }

    /// What its file is known by.
    func digest(_ path: DiskPath) -> String? { layout.workspace.index(of: path).flatMap { layout.workspace.entries[$0].sha256 } }
}

/// Puts what a version holds into packs, chunk by chunk: what is in one already is only named. Nothing is taken out of the version's directory.
/// Can be stopped at any piece and go on later.
struct VersionPacker {
    private let shelf: PackShelf
    private let errand: Errand
    private let content: VersionContent
    private var known: ChunkTable
    private let before: PackedVersion?
    private(set) var writer: PackWriter
    /// Grows to what the version's content is.
    private(set) var map = ChunkMap()
    private let manifest: Manifest
    private let places: ContentLayout
    /// What comes next: the three before the lists, the workspace's files, the images.
    private var position = 0
    private var reading: Reading?

    /// One file of the version.
    private struct Item {
        var part: String { file.part }
        var extent: ContentLayout.Extent
        var stored: Measure
        /// The same file in the version before.
        var old: ContentLayout.Extent?
        var file: File
    }
    private enum File {
        case state, tree, images
        case workspace(DiskPath)
        case image(DiskPath)

        var part: String {
            switch self {
            case .state: "state"
            case .tree: "tree"
            case .images: "images"
            case .workspace(let path): "workspace/\(path)"
            case .image(let path): "process/\(path)"
            }
        }
    }
    /// A file that was begun.
    private struct Reading {
        var item: Item
        var file: MeasuredFile
        var alignment: Alignment?
        var piece: [UInt8] = []
        /// The beginning of a chunk whose end was not read yet.
        var carry: [UInt8] = []
    }

    init(_ version: KnownVersion, to shelf: PackShelf, after before: PackedVersion?, _ errand: Errand) throws(StoreFault) {
        content = version.content
        self.shelf = shelf
        self.before = before
        self.errand = errand
        known = try errand.inStore { () throws(FileFault) in try Self.table(of: shelf) }
        writer = PackWriter(to: shelf)
        manifest = version.manifest
        places = ContentLayout(version.manifest, tree: version.tree, images: version.images)
    }

    private static func table(of shelf: PackShelf) throws(FileFault) -> ChunkTable {
        var packs: [OpenedPack] = []
        for name in shelf.names where !shelf.doubted.contains(name) {
            // What is damaged is no source for anything new.
            do throws(FileFault) { packs.append(try shelf.open(name)) } catch {
                guard case .damaged = error.kind else { throw error }
            }
        }
        var table = ChunkTable(room: packs.reduce(0) { $0 + $1.index.chunks.count })
        var present = ChunkSet(upTo: shelf.next)
        for pack in packs {
            for chunk in pack.index.chunks { present.insert(chunk.number) }
        }
        for pack in packs {
            let identities = try pack.identities()
            for block in pack.index.blocks {
                // A delta that no version needed for a while may have lost what it rests on: it is no source for anything new.
                let chunks = pack.index.chunks[block.chunks]
                guard chunks.allSatisfy({ $0.base == 0 || present.contains($0.base) }) else { continue }
                for index in block.chunks { table.insert(identities[index], pack.index.chunks[index].number) }
            }
        }
        return table
    }

    /// nil: all was taken.
    private mutating func next() -> Item? {
        while true {
            let index = position - 3
            position += 1
            if index < 0 {
                if let item = list(position) { return item }
            } else if index < places.workspace.entries.count {
                guard let extent = places.workspace.extent(at: index) else { continue }
                // Most of a version that was cut upon another is there already.
                if let own = content.map, !own.hasAbsent(in: extent.range) {
                    map.append(extent.range, of: own)
                    continue
                }
                let entry = places.workspace.entries[index]
                return Item(extent: extent, stored: Measure(entry), old: before?.layout.file(entry.path), file: .workspace(entry.path))
            } else if case let index = index - places.workspace.entries.count, index < places.process.entries.count {
                guard let extent = places.process.extent(at: index) else { continue }
                let entry = places.process.entries[index]
                return Item(extent: extent, stored: Measure(entry), old: before?.layout.image(entry.path), file: .image(entry.path))
            } else {
                position -= 1
                return nil
            }
        }
    }

    /// What comes before the lists' files. nil: the version has none.
    private func list(_ number: Int) -> Item? {
        let old = before?.layout
        switch number {
        case 1:
            guard let state = manifest.state, let extent = places.state else { return nil }
            return Item(extent: extent, stored: Measure(size: state.size, digest: state.sha256), old: old?.state, file: .state)
        case 2:
            guard let list = manifest.workspace, let extent = places.tree else { return nil }
            return Item(extent: extent, stored: Measure(size: list.size, digest: list.sha256), old: old?.tree, file: .tree)
        default:
            guard let list = manifest.process, let extent = places.images else { return nil }
            return Item(extent: extent, stored: Measure(size: list.size, digest: list.sha256), old: old?.images, file: .images)
        }
    }

    /// Goes on until all is done, or it is not wanted any more.
    /// - Parameter isWanted: asked before every piece of 256 KiB.
    /// - Returns: whether all is done. All chunks of `map` are on stable storage then.
    /// - Throws: `broken` when what lies in the version's directory is not what was stored.
    mutating func work(while isWanted: () -> Bool) throws(StoreFault) -> Bool {
        do throws(StoreFault) {
            while true {
                guard isWanted() else { return false }
                if reading == nil {
                    guard let item = next() else { break }
                    if try take(whole: item) { continue }
                    try begin(item)
                }
                try readOn()
            }
            try errand.inStore { () throws(FileFault) in try writer.finish() }
            return true
        } catch {
            writer.abandon()
            throw error
        }
    }

    /// A file that is known need not be read.
    private mutating func take(whole item: Item) throws(StoreFault) -> Bool {
        if item.extent.range.isEmpty { return true }
        guard case .workspace(let path) = item.file else { return false }
        // The hash of a file of one chunk names the chunk.
        if item.extent.range.count == 1, let id = ChunkID(sha256: item.stored.digest), let number = known[id] {
            map.append(.chunk(number))
            return true
        }
        guard let before, let old = item.old, old.size == item.stored.size, before.digest(path) == item.stored.digest,
            !before.map.hasAbsent(in: old.range)
        else { return false }
        map.append(old.range, of: before.map)
        return true
    }

    private mutating func begin(_ item: Item) throws(StoreFault) {
        let content = content
        let opened = try errand.reading(item.part) { () throws(FileFault) -> any DiskFile in
            switch item.file {
            case .state: try content.state()
            case .tree: try content.tree()
            case .images: try content.images()
            case .workspace(let path): try content.file(path)
            case .image(let path): try content.image(path)
            }
        }
        let hash: FileHash = item.stored.digest.utf8.count == 32 ? .xxh3 : .sha256
        let alignment = item.old.flatMap { old in before.map { Alignment(map: $0.map, range: old.range) } }
        reading = Reading(item: item, file: MeasuredFile(opened, hash, limit: item.stored.size), alignment: alignment)
    }

    private mutating func readOn() throws(StoreFault) {
        // Taken out, so that its buffers are nobody else's while they grow.
        guard var now = reading.take() else { return }
        let size = now.item.extent.chunk
        if try errand.reading(now.item.part, { () throws(FileFault) in try now.file.next(&now.piece) }) {
            if !now.carry.isEmpty {
                now.carry += now.piece
                swap(&now.carry, &now.piece)
                now.carry.removeAll(keepingCapacity: true)
            }
            let whole = now.piece.count / size * size
            try cut(now.piece[..<whole], size, &now.alignment)
            if whole < now.piece.count { now.carry = Array(now.piece[whole...]) }
            reading = now
            return
        }
        if !now.carry.isEmpty { try cut(now.carry[...], size, &now.alignment) }
        let found = now.file.finish()
        if found.isCutOff { throw errand.fault(.broken(part: now.item.part, how: "it is longer than what was stored")) }
        if found != now.item.stored { throw errand.fault(.broken(part: now.item.part, how: "its bytes are not what was stored")) }
    }

    /// Forgets what was written and is in no pack yet.
    func abandon() { writer.abandon() }

    private mutating func cut(_ bytes: ArraySlice<UInt8>, _ size: Int, _ alignment: inout Alignment?) throws(StoreFault) {
        var start = bytes.startIndex
        while start < bytes.endIndex {
            let chunk = bytes[start..<min(start + size, bytes.endIndex)]
            start += size
            if chunk.isZero {
                map.append(.zeros)
                alignment?.passed(nil)
                continue
            }
            let id = ChunkID.of(chunk)
            if let number = known[id] {
                map.append(.chunk(number))
                alignment?.passed(number)
                continue
            }
            let number = try errand.inStore { () throws(FileFault) in
                try writer.add(chunk, id, base: try base(alignment?.replaced()))
            }
            known.insert(id, number)
            map.append(.chunk(number))
        }
    }

    /// What has damaged bases, or none, is stored whole.
    private func base(_ number: ChunkNumber?) throws(FileFault) -> ChunkNumber? {
        guard let number else { return nil }
        do throws(FileFault) { return try shelf.base(of: number) } catch {
            guard case .damaged = error.kind else { throw error }
            return nil
        }
    }
}

extension Measure {
    /// Of a file, as its list tells it.
    fileprivate init(_ entry: TreeEntry) { self.init(size: entry.size ?? 0, digest: entry.sha256 ?? entry.xxh3 ?? "") }
}

/// Which chunk was where a new one is: a file grows and shrinks in the middle, so it is found by what lies before it.
private struct Alignment {
    let map: ChunkMap
    let range: Range<Int>
    private var cursor: Int
    /// Runs of chunks of the range by their first number, made at the first surprise.
    private var sorted: [(first: ChunkNumber, position: Int, count: Int)]?

    init(map: ChunkMap, range: Range<Int>) {
        self.map = map
        self.range = range
        cursor = range.lowerBound
    }

    /// A chunk that is no new one; nil: of zeros.
    mutating func passed(_ number: ChunkNumber?) {
        guard let number else {
            cursor += 1
            return
        }
        if cursor < range.upperBound, map[cursor] == .chunk(number) {
            cursor += 1
        } else {
            cursor = (position(of: number) ?? cursor) + 1
        }
    }

    /// A new one: what lay in its place.
    mutating func replaced() -> ChunkNumber? {
        defer { cursor += 1 }
        guard cursor < range.upperBound, case .chunk(let number) = map[cursor] else { return nil }
        return number
    }

    private mutating func position(of number: ChunkNumber) -> Int? {
        let runs = sorted ?? runsOfRange()
        sorted = runs
        var low = 0
        var high = runs.count
        while low < high {
            let middle = (low + high) / 2
            if runs[middle].first <= number { low = middle + 1 } else { high = middle }
        }
        guard low > 0, case let run = runs[low - 1], number - run.first < ChunkNumber(run.count) else { return nil }
        return run.position + Int(number - run.first)
    }

    private func runsOfRange() -> [(first: ChunkNumber, position: Int, count: Int)] {
        var runs: [(first: ChunkNumber, position: Int, count: Int)] = []
        var position = range.lowerBound
        while position < range.upperBound, let run = map.run(at: position) {
            let end = min(range.upperBound, run.position + run.count)
            if case .chunk(let number) = run.place(at: position) { runs.append((number, position, end - position)) }
            position = end
        }
        return runs.sorted { $0.first < $1.first }
    }
}

internal import AgentModel
internal import OutsideWorld

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
    private var comparing: (item: Item, pages: PageComparison)?
    private let pages: PageMemory?

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

    /// - Parameter pages: what is remembered of this version and the one before.
    init(
        _ version: KnownVersion, to shelf: PackShelf, after before: PackedVersion?, _ pages: PageMemory?, _ errand: Errand
    ) throws(StoreFault) {
        content = version.content
        self.pages = pages
        self.shelf = shelf
        self.before = before
        self.errand = errand
        known = try errand.inStore { () throws(FileFault) in try Self.table(of: shelf) }
        writer = try errand.inStore { () throws(FileFault) in try PackWriter(to: shelf) }
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
        var present = ChunkSet(of: shelf)
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
                // Another name of what was taken before.
                if let first = entry.same.flatMap(places.file) {
                    let taken = map
                    map.append(first.range, of: taken)
                    continue
                }
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
    /// - Parameter isWanted: asked before every piece of 512 KiB.
    /// - Returns: whether all is done. All chunks of `map` are on stable storage then.
    /// - Throws: `broken` when what lies in the version's directory is not what was stored.
    mutating func work(while isWanted: () -> Bool) throws(StoreFault) -> Bool {
        do throws(StoreFault) {
            while true {
                guard isWanted() else { return false }
                if comparing != nil {
                    try compareOn()
                    continue
                }
                if reading == nil {
                    guard let item = next() else { break }
                    if try take(whole: item) { continue }
                    try begin(item)
                    if comparing != nil { continue }
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
        if let alignment, let pages = comparison(of: item, opened, alignment) {
            comparing = (item, pages)
        } else {
            reading = Reading(item: item, file: MeasuredFile(opened, hash, limit: item.stored.size), alignment: alignment)
        }
    }

    /// nil: what is in the file is not remembered.
    private func comparison(of item: Item, _ file: any DiskFile, _ alignment: Alignment) -> PageComparison? {
        guard case .image(let path) = item.file, item.extent.chunk == ChunkSize.page, let pages, let before,
            let old = before.plainImage(path), let now = pages.sums(of: path, in: manifest.version, item.stored),
            let then = pages.sums(of: path, in: before.number, old.stored)
        else { return nil }
        return PageComparison(file, size: item.stored.size, now, after: try? shelf.disk.open(old.path, .read), then, alignment)
    }

    /// As many pages as are no more work than a piece to read.
    private mutating func compareOn() throws(StoreFault) {
        // Taken out, so that its buffers are nobody else's while they change.
        guard let begun = comparing.take() else { return }
        let item = begun.item
        let part = item.part
        var pages = begun.pages
        var toRead = pieceSize / ChunkSize.page
        for _ in 0..<Self.pagesAtOnce where toRead > 0 {
            guard let step = try errand.reading(part, { () throws(FileFault) in try pages.next() }) else { return }
            switch step {
            case .zeros: map.append(.zeros)
            case .same(let number): map.append(.chunk(number))
            case .decayed: throw errand.fault(.broken(part: part, how: "its bytes are not what was stored"))
            case .changed(let page, let old):
                toRead -= 1
                let id = ChunkID.of(page)
                if let number = known[id] {
                    map.append(.chunk(number))
                    pages.passed(number)
                    continue
                }
                pages.passed(nil)
                map.append(.chunk(try add(page, id, after: old?.number) { old.flatMap { pages.content(of: $0) } }))
            }
        }
        comparing = (item, pages)
    }

    /// What is remembered takes a few nanoseconds each.
    private static let pagesAtOnce = 1 << 14

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
            let old = alignment?.next()
            let id = ChunkID.of(chunk)
            if let number = known.find(id) {
                map.append(.chunk(number))
                alignment?.passed(number)
                continue
            }
            alignment?.passedNext()
            map.append(.chunk(try add(chunk, id, after: old?.number) { nil }))
        }
    }

    /// Puts a new chunk into a pack.
    /// - Parameter former: what a plain file says that `old` holds.
    private mutating func add(
        _ chunk: ArraySlice<UInt8>, _ id: ChunkID, after old: ChunkNumber?, _ former: () -> ArraySlice<UInt8>?
    ) throws(StoreFault) -> ChunkNumber {
        let base = try base(old, former)
        let number = try errand.inStore { () throws(FileFault) in try writer.add(chunk, id, base: base) }
        known.insert(id, number)
        return number
    }

    /// What has damaged bases, or none, is stored whole.
    /// - Parameter former: what a plain file says that it holds.
    private func base(_ number: ChunkNumber?, _ former: () -> ArraySlice<UInt8>?) throws(StoreFault) -> PackBase? {
        guard let number else { return nil }
        let base = try errand.inStore { () throws(FileFault) -> ChunkNumber? in
            do throws(FileFault) { return try shelf.base(of: number) } catch {
                guard case .damaged = error.kind else { throw error }
                return nil
            }
        }
        guard let base else { return nil }
        // Nobody has compared that file with its hash yet.
        let content = base != number ? nil : former().flatMap { known[ChunkID.of($0)] == number ? $0 : nil }
        return PackBase(number: base, content: content)
    }
}

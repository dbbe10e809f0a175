internal import AgentModel
internal import OutsideWorld

/// Packs that were found damaged. A file beside one says so, until it is healed: what is new must not be built on it, however long ago that was.
extension PackName {
    private static let mark = ".damaged"

    /// The pack that a file of this name tells of.
    init?(marked name: String) {
        guard name.hasSuffix(Self.mark) else { return nil }
        self.init(String(name.dropLast(Self.mark.utf8.count)))
    }

    var marked: String { text + Self.mark }
}

extension PackShelf {
    /// The map without what is in no pack, or in none that is not known to be damaged.
    func sound(_ map: ChunkMap) throws(FileFault) -> ChunkMap {
        var sound = ChunkMap()
        var blocks: [PackName: [Int: Bool]] = [:]
        for run in map.runs {
            guard case .chunk(let first) = run.first else {
                sound.append(run.first, count: run.count)
                continue
            }
            let end = first + ChunkNumber(run.count)
            var number = first
            while number < end {
                let (isSound, count) = try soundness(of: number, &blocks)
                let next = min(end, number + count)
                sound.append(isSound ? .chunk(number) : .absent, count: Int(next - number))
                number = next
            }
        }
        return sound
    }

    /// - Throws: `damaged` where one of the chunks is in no pack.
    func require(_ run: ChunkMap.Run) throws(FileFault) {
        guard case .chunk(let first) = run.first else { return }
        var number = first
        while number < first + ChunkNumber(run.count) {
            let (pack, index) = try locate(number)
            var next = index
            while next < pack.index.chunks.endIndex, pack.index.chunks[next].number == number + ChunkNumber(next - index) { next += 1 }
            number += ChunkNumber(next - index)
        }
    }

    /// - Returns: and for how many numbers, from this one on.
    private func soundness(of number: ChunkNumber, _ blocks: inout [PackName: [Int: Bool]]) throws(FileFault) -> (Bool, ChunkNumber) {
        guard let (pack, index) = try findSound(number) else { return (false, 1) }
        let block = Int(pack.index.chunks[index].block)
        let chunks = pack.index.blocks[block].chunks
        var next = index
        while next < chunks.endIndex, pack.index.chunks[next].number == number + ChunkNumber(next - index) { next += 1 }
        if let known = blocks[pack.name]?[block] { return (known, ChunkNumber(next - index)) }
        var isSound = true
        // A base lies in a block that is no delta.
        for chunk in pack.index.chunks[chunks] where chunk.base != 0 && isSound { isSound = try findSound(chunk.base) != nil }
        blocks[pack.name, default: [:]][block] = isSound
        return (isSound, ChunkNumber(next - index))
    }

    /// A pack whose table is damaged has nothing.
    private func findSound(_ number: ChunkNumber) throws(FileFault) -> (pack: OpenedPack, chunk: Int)? {
        do throws(FileFault) { return try find(number, inSound: true) } catch {
            switch error.kind {
            case .damaged, .missing: return nil
            default: throw error
            }
        }
    }
}

extension CheckpointStore {
    /// Notes that a pack was found damaged. - Parameter pack: its path, as a fault names it; any other changes nothing.
    func doubt(_ pack: String, of agent: AgentName) {
        guard let path = DiskPath(pack), path.parent == StoreLayout.packs(agent), let name = PackName(path.name),
            (try? disk.entry(at: path)) != nil
        else { return }
        forgetVerified(agent)
        // Where it cannot be noted, the next who looks tries again.
        _ = try? disk.open(StoreLayout.packs(agent) / name.marked, .createNew(mode: 0o600))
        try? disk.syncDirectory(StoreLayout.packs(agent))
    }

    /// Looks for damage in the packs that the version needs, and notes all that is found. Nothing is expanded.
    func doubtPacks(of agent: AgentName, _ version: VersionNumber) {
        let errand = Errand("verify", agent, version)
        guard let manifest = try? sealedManifest(agent, version, errand), let map = (try? content(of: manifest, errand))?.map,
            let shelf = try? PackShelf(of: agent, on: disk)
        else { return }
        for run in map.runs {
            var single = ChunkMap()
            single.append(run.first, count: run.count)
            var checked = CheckedBlocks()
            do throws(FileFault) { try shelf.check(single, &checked) } catch {
                if case .damaged = error.kind { doubt(error.what, of: agent) }
            }
        }
    }
}

public import AgentModel
internal import OutsideWorld

/// Getting rid of chunks that no version needs: planned first, then done. Documentation: docs/store-format.md#collect
extension CheckpointStore {
    /// What `collect` would do. Changes nothing.
    /// - Throws: `broken` when a version's list of chunks, or the index of a pack, cannot be read: then nobody can tell what is needed.
    public func planCollection(_ agent: AgentName) throws(StoreFault) -> CollectionPlan {
        let errand = Errand("collect the packs of", agent.text)
        try require(agent, errand)
        return try weigh(agent, errand).plan
    }

    /// What the disk probably gets back when these versions are removed and the packs are collected: what lies in their directories, and what packs have
    /// for them alone. Changes nothing.
    public func spaceFreed(byRemoving versions: [VersionNumber], of agent: AgentName) throws(StoreFault) -> ByteCount {
        let errand = Errand("measure", agent.text)
        try require(agent, errand)
        let own = try space(of: versions, of: agent, errand)
        return ByteCount(saturatingSum(own.bytes, try weigh(agent, without: Set(versions), errand).plan.freed.bytes))
    }

    /// Removes what no version needs. May be cut off anywhere: what is needed is in a pack at every moment, and the next one goes on.
    @discardableResult
    public func collect(_ agent: AgentName) throws(StoreFault) -> CollectionPlan {
        guard let plan = try collect(agent, while: { true }) else { preconditionFailure("a collection that was wanted stopped") }
        return plan
    }

    /// - Returns: nil: it was not wanted any more, and nothing was done.
    public func collect(_ agent: AgentName, while isWanted: () -> Bool) throws(StoreFault) -> CollectionPlan? {
        let errand = Errand("collect the packs of", agent.text)
        try require(agent, errand)
        let weighed = try weigh(agent, errand)
        guard !weighed.plan.isEmpty else { return weighed.plan }
        // A removal that failed half way took versions out of sight, and a power cut would bring them back: then they need what goes now.
        try errand.inStore { () throws(FileFault) in
            try disk.syncDirectory(StoreLayout.versions(agent))
            try disk.syncDirectory(StoreLayout.trash)
        }
        let fates = Dictionary(weighed.plan.verdicts.map { ($0.pack, $0.fate) }) { first, _ in first }
        let rewritten = weighed.shelf.names.filter { fates[$0.text] == .rewritten }
        var writer = try errand.inStore { () throws(FileFault) in try PackWriter(to: weighed.shelf) }
        do throws(StoreFault) {
            for name in rewritten {
                guard isWanted() else {
                    writer.abandon()
                    return nil
                }
                try errand.reading("packs/\(name.text)") { () throws(FileFault) in
                    try move(name, needed: weighed.needed, from: weighed.shelf, to: &writer)
                }
            }
            try errand.inStore { () throws(FileFault) in try writer.finish() }
        } catch {
            writer.abandon()
            throw error
        }
        // All that is needed is elsewhere now, on stable storage.
        let new = Set(writer.names)
        try errand.inStore { () throws(FileFault) in
            // The pack with the highest numbers may go: they are not given again.
            if try weighed.shelf.markGiven(below: weighed.shelf.firstFree()) { try disk.syncDirectory(weighed.shelf.directory.parent) }
            for name in weighed.shelf.names where (fates[name.text] ?? .stays) != .stays && !new.contains(name) {
                try disk.removeFile(weighed.shelf.directory / name.text)
                try disk.removeTree(weighed.shelf.directory / name.marked)
            }
            try disk.syncDirectory(weighed.shelf.directory)
        }
        return weighed.plan
    }

    /// Whole blocks as they are; of others, what is needed.
    private func move(
        _ name: PackName, needed: ChunkSet, from shelf: PackShelf, to writer: inout PackWriter
    ) throws(FileFault) {
        let pack = try shelf.open(name)
        let identities = try pack.identities()
        for block in pack.index.blocks.indices {
            let chunks = pack.index.blocks[block].chunks
            let kept = chunks.filter { needed.contains(pack.index.chunks[$0].number) }
            if kept.isEmpty { continue }
            if kept.count == chunks.count {
                try writer.add(block, of: pack, identities)
                continue
            }
            let content = try shelf.block(block, of: pack, mayBeDelta: true)
            for index in kept {
                let chunk = pack.index.chunks[index]
                let bytes = content[Int(chunk.offset)..<Int(chunk.offset + chunk.length)]
                try writer.add(bytes, identities[index], chunk.number, base: chunk.base == 0 ? nil : PackBase(number: chunk.base))
            }
        }
    }

    private struct Weighed {
        var shelf: PackShelf
        var needed: ChunkSet
        var plan: CollectionPlan
    }

    /// - Parameter gone: versions that need nothing any more.
    private func weigh(_ agent: AgentName, without gone: Set<VersionNumber> = [], _ errand: Errand) throws(StoreFault) -> Weighed {
        let shelf = try errand.inStore { () throws(FileFault) in try PackShelf(of: agent, on: disk) }
        var needed = ChunkSet(of: shelf)
        // What is being cut first: it may be a version by the time they are looked at.
        for cut in try cuts(of: agent, errand) {
            if let map = try chunkMap(in: VersionLayout(directory: cut), shelf, errand) { needed.insert(map) }
        }
        for version in try numbers(agent, errand) where !gone.contains(version) {
            do throws(StoreFault) {
                let layout = VersionLayout(directory: StoreLayout.version(agent, version))
                if let map = try chunkMap(in: layout, shelf, errand) { needed.insert(map) }
            } catch {
                // Of one that is known to be broken nothing can be had any more.
                guard case .broken = error.kind, try isBroken(agent, version, errand) else { throw error }
            }
        }
        var packs: [CollectionPlanner.Pack] = []
        var opened: [OpenedPack] = []
        for name in shelf.names {
            do throws(FileFault) { opened.append(try shelf.open(name)) } catch {
                // What is damaged stays as it is, for whoever has a copy to heal it from.
                guard case .damaged = error.kind else { throw errand.fault(.system(error)) }
            }
        }
        // What a delta rests on is needed as long as the delta is: to expand any of its chunks takes the bases of all.
        for pack in opened {
            for block in pack.index.blocks where block.isDelta {
                let chunks = pack.index.chunks[block.chunks]
                guard chunks.contains(where: { needed.contains($0.number) }) else { continue }
                for chunk in chunks where chunk.base != 0 { needed.insert(chunk.base) }
            }
        }
        // Of two packs with the same chunk, the one that was written last keeps it; which that is does not matter.
        var served = ChunkSet(of: shelf)
        for pack in opened.reversed() {
            var weight: UInt64 = 0
            for block in pack.index.blocks {
                let chunks = pack.index.chunks[block.chunks]
                let kept = chunks.filter { needed.contains($0.number) && !served.contains($0.number) }
                guard !kept.isEmpty else { continue }
                weight += UInt64(block.length) * UInt64(kept.count) / UInt64(chunks.count) + UInt64(kept.count * 18)
            }
            // What is known to be damaged stays as it is as long as anything needs it: moved, nobody would know it any more.
            if shelf.doubted.contains(pack.name) {
                if weight > 0 { continue }
            } else {
                for chunk in pack.index.chunks { served.insert(chunk.number) }
            }
            packs.append(.init(name: pack.name, size: pack.size, needed: weight))
        }
        return Weighed(shelf: shelf, needed: needed, plan: CollectionPlanner().plan(packs.reversed()))
    }

    private func isBroken(_ agent: AgentName, _ version: VersionNumber, _ errand: Errand) throws(StoreFault) -> Bool {
        try summary(agent, version, errand)?.standing == .broken
    }

    /// Versions in the making.
    private func cuts(of agent: AgentName, _ errand: Errand) throws(StoreFault) -> [DiskPath] {
        let prefix = StoreLayout.prefix(agent)
        return try errand.inStore { () throws(FileFault) in
            try disk.names(in: StoreLayout.staging).filter { $0.utf8.starts(with: prefix.utf8) }.compactMap {
                StoreLayout.staging.appending(untrusted: $0)
            }
        }
    }

    /// nil: there is none, for all of it lies in the directory.
    private func chunkMap(in layout: VersionLayout, _ shelf: PackShelf, _ errand: Errand) throws(StoreFault) -> ChunkMap? {
        let path = layout.chunks
        guard try errand.inStore({ () throws(FileFault) in try disk.entry(at: path) }) != nil else { return nil }
        let bytes: [UInt8]
        do throws(FileFault) { bytes = try disk.read(path, limit: ChunkMap.limit) } catch {
            // It became a version, or nothing, a moment ago.
            if error.kind == .missing, layout.directory.parent == StoreLayout.staging { return nil }
            // What the disk does not give now it may give tomorrow: what it names is needed, even by a version that is broken elsewhere.
            if case .system = error.kind { throw errand.fault(.system(error)) }
            return try errand.reading("\(layout.directory.name)/chunks") { () throws(FileFault) in throw error }
        }
        return try errand.reading("\(layout.directory.name)/chunks") { () throws(FileFault) in
            try damaged(path) { () throws(Damage) in try ChunkMap(decoding: bytes, with: shelf.zstandard) }
        }
    }
}

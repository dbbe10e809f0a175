internal import OutsideWorld

/// Which packs a version is made of.
extension PackShelf {
    /// The packs that hold these chunks and all that those rest on, with their sizes.
    /// - Throws: `damaged` when a chunk is in no pack.
    func needs(of map: ChunkMap) throws(FileFault) -> [PackName: UInt64] {
        var needs: [PackName: UInt64] = [:]
        var followed: Set<FollowedBlock> = []
        for run in map.runs {
            guard case .chunk(let first) = run.first else { continue }
            for number in first..<(first + ChunkNumber(run.count)) {
                let (pack, index) = try locate(number)
                needs[pack.name] = pack.size
                let block = Int(pack.index.chunks[index].block)
                guard pack.index.blocks[block].isDelta, followed.insert(FollowedBlock(pack: pack.name, block: block)).inserted else {
                    continue
                }
                // To expand any of its chunks takes the bases of all.
                for chunk in pack.index.chunks[pack.index.blocks[block].chunks] where chunk.base != 0 {
                    let (base, _) = try locate(chunk.base)
                    needs[base.name] = base.size
                }
            }
        }
        return needs
    }

    /// What chunks of the map rest on and none of these packs has. Of a map that tells of more than the packs hold it ends at once.
    /// - Throws: `damaged` at the first chunk of the map that is in none of them.
    func lackingBases(of map: ChunkMap) throws(FileFault) -> Set<ChunkNumber> {
        var lacking: Set<ChunkNumber> = []
        var followed: Set<FollowedBlock> = []
        for run in map.runs {
            guard case .chunk(let first) = run.first else { continue }
            for number in first..<(first + ChunkNumber(run.count)) {
                let (pack, index) = try locate(number)
                let block = Int(pack.index.chunks[index].block)
                guard pack.index.blocks[block].isDelta, followed.insert(FollowedBlock(pack: pack.name, block: block)).inserted else {
                    continue
                }
                for chunk in pack.index.chunks[pack.index.blocks[block].chunks] where chunk.base != 0 {
                    if try holder(of: chunk.base) == nil { lacking.insert(chunk.base) }
                }
            }
        }
        return lacking
    }

    /// What the deltas of a pack rest on and none of these packs has.
    func lackingBases(of name: PackName) throws(FileFault) -> [ChunkNumber] {
        var lacking: [ChunkNumber] = []
        for chunk in try open(name).index.chunks where chunk.base != 0 {
            if try holder(of: chunk.base) == nil { lacking.append(chunk.base) }
        }
        return lacking
    }

    private func holder(of number: ChunkNumber) throws(FileFault) -> (pack: OpenedPack, chunk: Int)? {
        do throws(FileFault) { return try locate(number) } catch {
            guard case .damaged = error.kind else { throw error }
            return nil
        }
    }
}

private struct FollowedBlock: Hashable {
    var pack: PackName
    var block: Int
}

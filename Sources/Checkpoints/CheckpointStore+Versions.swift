public import AgentModel
internal import OutsideWorld

/// What is there.
extension CheckpointStore {
    /// All versions, ascending. One whose seal, manifest or standing cannot be read is listed as broken, with a note.
    public func versions(of agent: AgentName) throws(StoreFault) -> [CheckpointSummary] {
        let errand = Errand("list the versions of", agent.text)
        try require(agent, errand)
        return try list(agent, errand)
    }

    /// The same, for one who asks again and again: what is byte for byte as it was the last time is read, and not taken apart anew.
    public func versions(of agent: AgentName, remembering memory: inout VersionMemory) throws(StoreFault) -> [CheckpointSummary] {
        let errand = Errand("list the versions of", agent.text)
        try require(agent, errand)
        return try list(agent, remembering: &memory, errand)
    }

    /// What the version is. The bytes are as sealed at its commit.
    public func manifest(_ agent: AgentName, _ version: VersionNumber) throws(StoreFault) -> Manifest {
        let errand = Errand("read", agent, version)
        try require(agent, version, errand)
        return try sealedManifest(agent, version, errand)
    }

    /// The workspace's files, directories and links, sorted by path; empty when the version has none.
    public func files(_ agent: AgentName, _ version: VersionNumber) throws(StoreFault) -> [TreeEntry] {
        let errand = Errand("list the files of", agent, version)
        try require(agent, version, errand)
        let manifest = try sealedManifest(agent, version, errand)
        return try sealedTree(manifest, try content(of: manifest, errand), errand)
    }

    /// The agent's own state, every byte as it was handed over.
    /// - Throws: `broken` when it is not; `noSuchPart` when the version has none.
    public func state(_ agent: AgentName, _ version: VersionNumber) throws(StoreFault) -> StoredState {
        let errand = Errand("read the state of", agent, version)
        try require(agent, version, errand)
        let manifest = try sealedManifest(agent, version, errand)
        guard let state = manifest.state else { throw errand.fault(.noSuchPart("state")) }
        let content = try content(of: manifest, errand)
        let bytes = try errand.reading("state") { () throws(FileFault) in
            try content.state().readAll(limit: ByteCount(state.size), named: "state")
        }
        try expect(Measure.of(bytes), Measure(size: state.size, digest: state.sha256), of: "state", errand)
        return StoredState(
            bytes: bytes, schema: state.schema, takenAt: manifest.takenAt, step: manifest.step, specDigest: manifest.specDigest)
    }

    // MARK: Reading with suspicion

    func list(_ agent: AgentName, _ errand: Errand) throws(StoreFault) -> [CheckpointSummary] {
        var nothing = VersionMemory()
        return try list(agent, remembering: &nothing, errand)
    }

    private func list(
        _ agent: AgentName, remembering memory: inout VersionMemory, _ errand: Errand
    ) throws(StoreFault) -> [CheckpointSummary] {
        var summaries: [CheckpointSummary] = []
        var seen = VersionMemory()
        var standings = SeenStandings()
        for version in try numbers(agent, errand) {
            guard let (summary, record) = try look(at: version, of: agent, knowing: memory, &standings, errand) else { continue }
            summaries.append(summary)
            seen[agent, version] = record
        }
        memory = seen
        return summaries
    }

    /// Of all versions, ascending.
    func numbers(_ agent: AgentName, _ errand: Errand) throws(StoreFault) -> [VersionNumber] {
        let names = try errand.inStore { () throws(FileFault) in try disk.names(in: StoreLayout.versions(agent)) }
        return names.compactMap { StoreLayout.number(Substring($0)) }.sorted()
    }

    /// nil: removed while we looked.
    func summary(_ agent: AgentName, _ version: VersionNumber, _ errand: Errand) throws(StoreFault) -> CheckpointSummary? {
        var standings = SeenStandings()
        return try look(at: version, of: agent, knowing: VersionMemory(), &standings, errand)?.summary
    }

    private func look(
        at version: VersionNumber, of agent: AgentName, knowing memory: VersionMemory, _ standings: inout SeenStandings, _ errand: Errand
    ) throws(StoreFault) -> (summary: CheckpointSummary, record: VersionMemory.Record?)? {
        do throws(StoreFault) {
            let (sealed, others) = try records(SmallFile.listed, agent, version, errand)
            let known = memory[agent, version]
            var summary: CheckpointSummary
            if let known, known.sealed == sealed {
                summary = known.summary  // its standing is looked at below
            } else {
                summary = try unsealed(sealed, agent, version, errand).summary
            }
            do throws(StoreFault) {
                let bytes = try errand.reading("standing") { () throws(FileFault) in try others[2].get() }
                if let known, known.sealed == sealed, known.standing == bytes { return (known.summary, known) }
                let record = try standings.record(bytes) { () throws(StoreFault) in try standing(from: bytes, errand) }
                summary.standing = record.standing
                summary.note = record.because
                summary.imagesUnusable = record.imagesUnusable
                summary.pinned = record.pinned
                return (summary, VersionMemory.Record(sealed: sealed, standing: bytes, summary: summary))
            } catch {
                summary.standing = .broken
                summary.note = try damage(error)
                summary.pinned = true  // nobody can tell that it was not
            }
            return (summary, nil)
        } catch {
            let note = try damage(error)
            guard let entry = try errand.inStore({ () throws(FileFault) in try disk.entry(at: StoreLayout.version(agent, version)) })
            else { return nil }
            let summary = CheckpointSummary(
                version: version, parts: VersionParts(), standing: .broken, reason: .operator, takenAt: entry.modifiedAt,
                size: ByteCount(0), pinned: (try? standing(agent, version, errand))?.pinned ?? true, note: note)
            return (summary, nil)
        }
    }

    /// Most versions have the same standing as the one before, to the byte.
    private struct SeenStandings {
        private var last: (bytes: [UInt8], record: StandingRecord)?

        mutating func record(_ bytes: [UInt8], _ decode: () throws(StoreFault) -> StandingRecord) throws(StoreFault) -> StandingRecord {
            if let last, last.bytes == bytes { return last.record }
            let record = try decode()
            last = (bytes, record)
            return record
        }
    }

    /// The words for a broken part; any other fault goes on.
    private func damage(_ fault: StoreFault) throws(StoreFault) -> String {
        guard case .broken(let part, let how) = fault.kind else { throw fault }
        return "'\(part)': \(how)"
    }

    func sealedManifest(_ agent: AgentName, _ version: VersionNumber, _ errand: Errand) throws(StoreFault) -> Manifest {
        try unsealed(try sealedBytes(agent, version, errand), agent, version, errand)
    }

    private func sealedBytes(_ agent: AgentName, _ version: VersionNumber, _ errand: Errand) throws(StoreFault) -> SealedBytes {
        try records(SmallFile.sealed, agent, version, errand).sealed
    }

    /// - Parameter files: the manifest, the seal, and perhaps more.
    private func records(
        _ files: [SmallFile], _ agent: AgentName, _ version: VersionNumber, _ errand: Errand
    ) throws(StoreFault) -> (sealed: SealedBytes, others: ArraySlice<Result<[UInt8], FileFault>>) {
        let directory = StoreLayout.version(agent, version)
        let read = disk.read(files, in: directory)
        let manifest = try errand.reading("manifest.json") { () throws(FileFault) in try read[0].get() }
        let seal = try errand.reading("seal") { () throws(FileFault) in try read[1].get() }
        return (SealedBytes(manifest: manifest, seal: seal), read[2...])
    }

    private func unsealed(
        _ sealed: SealedBytes, _ agent: AgentName, _ version: VersionNumber, _ errand: Errand
    ) throws(StoreFault) -> Manifest {
        guard sealed.seal == Manifest.seal(sealed.manifest) else {
            throw errand.fault(.broken(part: "manifest.json", how: "it does not match its seal"))
        }
        guard let manifest = try? JSONText.decode(Manifest.self, from: sealed.manifest), manifest.format == Manifest.currentFormat else {
            throw errand.fault(.broken(part: "manifest.json", how: "it is not a manifest of format \(Manifest.currentFormat)"))
        }
        guard manifest.agent == agent, manifest.version == version else {
            throw errand.fault(.broken(part: "manifest.json", how: "it is that of '\(manifest.agent)@\(manifest.version)'"))
        }
        return manifest
    }

    func sealedTree(_ manifest: Manifest, _ content: VersionContent, _ errand: Errand) throws(StoreFault) -> [TreeEntry] {
        guard let workspace = manifest.workspace else { return [] }
        let limit = ByteCount(min(workspace.size, Manifest.treeLimit.bytes))
        let bytes = try errand.reading("tree") { () throws(FileFault) in try content.tree().readAll(limit: limit, named: "tree") }
        try expect(Measure.of(bytes), Measure(size: workspace.size, digest: workspace.sha256), of: "tree", errand)
        switch Tree.decode(bytes) {
        case .entries(let entries): return entries
        case .damaged(let how): throw errand.fault(.broken(part: "tree", how: how))
        }
    }

    func expect(_ found: Measure, _ stored: Measure, of part: String, _ errand: Errand) throws(StoreFault) {
        if found.isCutOff { throw errand.fault(.broken(part: part, how: "it is longer than what was stored")) }
        if found.size < stored.size { throw errand.fault(.broken(part: part, how: "it is shorter than what was stored")) }
        if found != stored { throw errand.fault(.broken(part: part, how: "its bytes are not what was stored")) }
    }
}

extension Manifest {
    static func seal(_ bytes: [UInt8]) -> [UInt8] { Array((Measure.of(bytes).digest + "\n").utf8) }

    /// As a row, with the standing it began with.
    var summary: CheckpointSummary {
        var summary = CheckpointSummary(
            version: version, kind: kind, parts: parts, reason: reason, takenAt: takenAt, step: step, forced: forced, size: size,
            frozenMicroseconds: process?.made.frozen, incarnation: incarnation)
        summary.lacksMemory = lacksMemory
        return summary
    }
}

extension SmallFile {
    fileprivate static let sealed = [SmallFile("manifest.json", limit: Manifest.limit), SmallFile("seal", limit: .kibibytes(1))]
    /// What every listing reads of every version.
    fileprivate static let listed = sealed + [SmallFile("standing", limit: CheckedLine.limit)]
}

public import AgentModel
internal import OutsideWorld

/// What a store takes on its disk: what its file system gave for its files, which is less than they hold where they have holes, and where a chunk that many
/// versions have lies in packs once. What a file shares with another one by its file system is counted of each. Nothing is read but directories.
extension CheckpointStore {
    /// Whether a file may share its place with another one, so that what is told here is what it takes at most, and gives back at most.
    public var mayShareSpace: Bool { sealing == nil && disk.mayShare(with: disk) }

    /// Of the agent with all that is its own: versions, packs, journal and log, and what of it is on its way out.
    public func space(of agent: AgentName) throws(StoreFault) -> ByteCount {
        let errand = Errand("measure", agent.text)
        try require(agent, errand)
        let prefix = StoreLayout.prefix(agent)
        let leaving = try errand.inStore { () throws(FileFault) in
            try disk.names(in: StoreLayout.trash).filter { $0.utf8.starts(with: prefix.utf8) }
        }
        return try space(at: [StoreLayout.agent(agent)] + leaving.compactMap { StoreLayout.trash.appending(untrusted: $0) }, errand)
    }

    /// The same of one that was removed; when it is gone for good, of what could not be cleared yet.
    public func space(of removed: RemovedAgent) throws(StoreFault) -> ByteCount {
        let names = [removed.name, removed.name + StoreLayout.goneEnding]
        return try space(at: names.compactMap { StoreLayout.removed.appending(untrusted: $0) }, Errand("measure", removed.name))
    }

    /// Of everything: agents, removed ones, and what is on its way in or out.
    public func space() throws(StoreFault) -> ByteCount { try space(at: [nil], Errand("measure", disk.rootName)) }

    /// What lies in the directories of these versions, and in none of the packs.
    func space(of versions: [VersionNumber], of agent: AgentName, _ errand: Errand) throws(StoreFault) -> ByteCount {
        try space(at: versions.map { StoreLayout.version(agent, $0) }, errand)
    }

    private func space(at paths: [DiskPath?], _ errand: Errand) throws(StoreFault) -> ByteCount {
        // What is sealed is longer by its seals.
        var measure = SpaceMeasure(disk: (disk as? any SealingDisk)?.below ?? disk)
        try errand.inStore { () throws(FileFault) in for path in paths { try measure.add(below: path) } }
        return ByteCount(measure.sum)
    }
}

private struct SpaceMeasure {
    let disk: any Disk
    var sum: UInt64 = 0
    /// Files with other names, which are counted once.
    private var counted: Set<FileNumber> = []

    init(disk: any Disk) { self.disk = disk }

    mutating func add(below directory: DiskPath?) throws(FileFault) {
        let names: [String]
        let entries: [DiskEntry?]
        do throws(FileFault) {
            names = try disk.names(in: directory)
            entries = try disk.entries(names, in: directory)
        } catch {
            if error.kind == .missing { return }  // it went while we looked
            throw error
        }
        for (name, entry) in zip(names, entries) {
            guard let entry else { continue }
            if entry.hasOtherNames, let number = entry.number, !counted.insert(number).inserted { continue }
            sum = saturatingSum(sum, entry.allocated)
            guard entry.kind == .directory, let path = directory.map({ $0.appending(untrusted: name) }) ?? DiskPath(name) else { continue }
            try add(below: path)
        }
    }
}

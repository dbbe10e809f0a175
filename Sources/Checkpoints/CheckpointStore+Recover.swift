public import AgentModel
internal import OutsideWorld

/// Putting in order what a crash left behind.
extension CheckpointStore {
    /// As `putInOrder`, for whoever keeps a journal: it tells of versions that are broken, too, whenever they were found to be.
    public func recover(_ agent: AgentName) throws(StoreFault) -> [String] {
        let found = try putInOrder(agent)
        let broken = try list(agent, Errand("put in order the versions of", agent.text)).filter { $0.standing == .broken }
        return found + broken.map { "version \($0.version) is broken" + ($0.note.map { ": \($0)" } ?? "") }
    }

    /// Removes leftovers of the agent, repairs its links and its counter. Call it with the lock held, before anything else.
    /// - Returns: a sentence for each thing that was put in order.
    public func putInOrder(_ agent: AgentName) throws(StoreFault) -> [String] {
        let errand = Errand("put in order the versions of", agent.text)
        try require(agent, errand)
        try keepWhatIsSeen(of: agent, errand)
        var found: [String] = []
        found += try removeLeftovers(agent, in: StoreLayout.staging, "an unfinished checkpoint", errand)
        found += try removeLooks(errand)
        try keepWhatIsGone(of: agent, errand)
        found += try removeLeftovers(agent, in: StoreLayout.trash, "the rest of a removed version", errand)
        found += try removeTemporaryFiles(agent, errand)
        if try recordedNumber(agent, errand) == nil {
            let number = try takeNumber(agent, errand)
            found.append("the count of versions was lost: going on from \(number.next)")
        }
        try mendChunkNumbers(agent, errand)
        for link in try refreshLinks(agent, errand) { found.append("'\(link)' did not lead to the right version: repaired") }
        if try errand.inStore({ () throws(FileFault) in try disk.entry(at: StoreLayout.restoring(agent)) }) != nil {
            found.append("a restore of the workspace was not finished")
        }
        return found
    }

    /// Whoever died between renaming something into place and syncing the directory left it to be seen, and to be taken away by the next
    /// power cut after somebody was told of it.
    private func keepWhatIsSeen(of agent: AgentName, _ errand: Errand) throws(StoreFault) {
        try errand.inStore { () throws(FileFault) in
            for directory in [nil, StoreLayout.agents, StoreLayout.agent(agent), StoreLayout.versions(agent)] {
                try disk.syncDirectory(directory)
            }
        }
    }

    /// The same for what is on its way out: would its name come back after some of it is gone, it were half there.
    private func keepWhatIsGone(of agent: AgentName, _ errand: Errand) throws(StoreFault) {
        try errand.inStore { () throws(FileFault) in
            let prefix = StoreLayout.prefix(agent)
            let leftovers = try disk.names(in: StoreLayout.trash).filter { $0.utf8.starts(with: prefix.utf8) }
            guard !leftovers.isEmpty else { return }
            try disk.syncDirectory(StoreLayout.trash)
            for name in leftovers {
                guard let version = StoreLayout.number(name.dropFirst(prefix.count).prefix { $0 != "." }) else { continue }
                let directory = StoreLayout.version(agent, version)
                if try disk.entry(at: directory) != nil { try disk.syncDirectory(directory) }
            }
        }
    }

    private func removeLeftovers(
        _ agent: AgentName, in directory: DiskPath, _ what: String, _ errand: Errand
    ) throws(StoreFault) -> [String] {
        let prefix = StoreLayout.prefix(agent)
        return try errand.inStore { () throws(FileFault) in
            var removed: [String] = []
            let leftovers = try disk.names(in: directory).sorted().filter { $0.utf8.starts(with: prefix.utf8) }
            // Would one go back to where it was moved from after some of it is gone, it were half there.
            if !leftovers.isEmpty { try disk.syncDirectory(directory) }
            for name in leftovers {
                guard let path = directory.appending(untrusted: name) else { continue }
                if name.utf8.starts(with: (prefix + StoreLayout.newAgent).utf8) {
                    try? disk.removeTree(path)  // who lost the race to add the agent may still be at it, and removes it too
                    continue
                }
                try disk.removeTree(path)
                removed.append("\(what) ('\(path)') was removed")
            }
            return removed
        }
    }

    /// Of no agent, so whoever comes first removes them.
    private func removeLooks(_ errand: Errand) throws(StoreFault) -> [String] {
        try errand.inStore { () throws(FileFault) in
            var removed: [String] = []
            for name in try disk.names(in: StoreLayout.staging).sorted() {
                guard let path = removeAbandonedLook(name) else { continue }
                removed.append("what an unfinished import or export left ('\(path)') was removed")
            }
            return removed
        }
    }

    /// Files that were to replace others. They were never valid, so nobody needs to know.
    private func removeTemporaryFiles(_ agent: AgentName, _ errand: Errand) throws(StoreFault) -> [String] {
        let replaced = [StoreLayout.latest, StoreLayout.knownGood, "numbers", "restoring", "verified", StoreLayout.removal]
        // The record of a removal that was cut off, or undone, before it counted.
        let names = replaced.map { $0 + ".new" } + [StoreLayout.removal]
        return try errand.inStore { () throws(FileFault) in
            for name in names { try disk.removeTree(StoreLayout.agent(agent) / name) }
            try disk.removeTree(StoreLayout.packs(agent) / "new")
            var strangers: [String] = []
            for name in try disk.names(in: StoreLayout.versions(agent)).sorted() {
                if let version = StoreLayout.number(Substring(name)) {
                    let directory = StoreLayout.version(agent, version)
                    guard try disk.entry(at: directory)?.kind == .directory else { continue }
                    for name in ["standing.new", "chunks.new"] { try disk.removeTree(directory / name) }
                } else {
                    strangers.append("'\(name)' in 'versions' is no version: left alone")
                }
            }
            return strangers
        }
    }
}

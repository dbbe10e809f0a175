internal import AgentModel
internal import OutsideWorld

/// `latest` and `known-good`: hints for people and scripts, made from the versions.
extension CheckpointStore {
    /// Where a link says it leads; nil: it is missing or something else.
    func linkedVersion(_ agent: AgentName, _ link: String) throws(FileFault) -> VersionNumber? {
        guard case .symbolicLink(let target)? = try disk.entry(at: StoreLayout.agent(agent) / link)?.kind else { return nil }
        let prefix = "versions/"
        return target.utf8.starts(with: prefix.utf8) ? StoreLayout.number(target.dropFirst(prefix.count)) : nil
    }

    /// Makes both links say what the versions say. `leaving`: versions that are about to go.
    /// - Returns: the links that said something else.
    @discardableResult
    func refreshLinks(_ agent: AgentName, leaving: Set<VersionNumber> = [], _ errand: Errand) throws(StoreFault) -> [String] {
        let newest = try newest(agent, leaving: leaving, errand)
        let wanted = [(StoreLayout.latest, newest.latest), (StoreLayout.knownGood, newest.knownGood)]
        return try errand.inStore { () throws(FileFault) in
            var moved: [String] = []
            for (link, version) in wanted where try setLink(agent, link, to: version) { moved.append(link) }
            if !moved.isEmpty { try disk.syncDirectory(StoreLayout.agent(agent)) }
            return moved
        }
    }

    /// Looked for from the newest down: the one or two that matter are nearly always the first.
    private func newest(
        _ agent: AgentName, leaving: Set<VersionNumber>, _ errand: Errand
    ) throws(StoreFault) -> (latest: VersionNumber?, knownGood: VersionNumber?) {
        var latest: VersionNumber?
        for version in try numbers(agent, errand).reversed() where !leaving.contains(version) {
            guard let summary = try summary(agent, version, errand), summary.kind == .checkpoint else { continue }
            latest = latest ?? version
            if summary.isKnownGood { return (latest, version) }
        }
        return (latest, nil)
    }

    /// - Returns: whether it had to be changed.
    private func setLink(_ agent: AgentName, _ link: String, to version: VersionNumber?) throws(FileFault) -> Bool {
        let path = StoreLayout.agent(agent) / link
        let present = try disk.entry(at: path)
        guard let version else {
            if present == nil { return false }
            try disk.removeTree(path)
            return true
        }
        if try linkedVersion(agent, link) == version { return false }
        // Never met but as damage, and a link cannot be renamed over it.
        if present?.kind == .directory { try disk.removeTree(path) }
        let temporary = StoreLayout.agent(agent) / (link + ".new")
        try disk.removeTree(temporary)
        try disk.makeSymbolicLink(temporary, to: StoreLayout.linkTarget(version))
        try disk.rename(temporary, to: path)
        return true
    }
}

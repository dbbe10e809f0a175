public import AgentModel
internal import OutsideWorld

/// The content of `standing`.
struct StandingRecord: Hashable, Codable {
    var standing: Standing
    var because: String?
    var pinned: Bool
    /// Why its images cannot be restored, while its other parts can; nil: nothing is known against them.
    var imagesUnusable: String?
}

/// What a version has earned, and taking versions away. The caller holds the agent's lock.
extension CheckpointStore {
    /// Says what the version has earned. Whether it is pinned stays.
    /// - Throws: `broken` when the version was broken so far, does not verify, and is to be called anything else.
    public func mark(_ agent: AgentName, _ version: VersionNumber, _ standing: Standing, because: String) throws(StoreFault) {
        let errand = Errand("mark", agent, version)
        try require(agent, version, errand)
        var record = try standingOrWorst(agent, version, errand)
        if record.standing == .broken, standing != .broken { try verifyContent(agent, version, errand) }
        if standing == .broken { forgetVerified(agent) }
        record.standing = standing
        record.because = because.isEmpty ? nil : String(decoding: because.utf8.prefix(4096), as: UTF8.self)
        try write(record, agent, version, errand)
        _ = try? refreshLinks(agent, errand)  // hints; the next opening repairs them
    }

    /// Says that the version's images cannot be restored. What else it holds is as good as before, and so is its standing.
    public func markImagesUnusable(_ agent: AgentName, _ version: VersionNumber, because: String) throws(StoreFault) {
        let errand = Errand("mark", agent, version)
        try require(agent, version, errand)
        var record = try standingOrWorst(agent, version, errand)
        record.imagesUnusable = String(decoding: because.utf8.prefix(4096), as: UTF8.self)
        try write(record, agent, version, errand)
    }

    /// Pins the version, so that retention never removes it, or lets it go again.
    public func pin(_ agent: AgentName, _ version: VersionNumber, _ pinned: Bool) throws(StoreFault) {
        let errand = Errand(pinned ? "pin" : "unpin", agent, version)
        try require(agent, version, errand)
        var record = try standingOrWorst(agent, version, errand)
        record.pinned = pinned
        try write(record, agent, version, errand)
    }

    /// Takes the version away, pinned or not. On return it is durably not listed; its number is not used again.
    public func remove(_ agent: AgentName, _ version: VersionNumber) throws(StoreFault) { try remove(agent, [version]) }

    /// As `remove` of each, in that order. Links are moved once and directories synced once, so a thousand take little longer than one.
    /// - Throws: at the first that cannot be removed; those before it may be gone or not.
    /// - Parameter isWanted: asked before the bytes of each are deleted; what is left is removed by the next opening.
    public func remove(_ agent: AgentName, _ versions: [VersionNumber], while isWanted: () -> Bool = { true }) throws(StoreFault) {
        guard let first = versions.first else { return }
        let errand = versions.count == 1 ? Errand("remove", agent, first) : Errand("remove \(versions.count) versions of", agent.text)
        for version in versions { try require(agent, version, Errand("remove", agent, version)) }
        // Without it the workspace would stay half of two versions.
        if let needed = try unfinishedRestore(agent, errand), versions.contains(needed) {
            throw errand.fault(.held(by: "an unfinished restore of the workspace"))
        }
        try refreshLinks(agent, leaving: Set(versions), errand)
        let trash = versions.map { StoreLayout.trash / (StoreLayout.prefix(agent) + $0.description) }
        try errand.inStore { () throws(FileFault) in
            for (version, trash) in zip(versions, trash) {
                try disk.removeTree(trash)
                try disk.rename(StoreLayout.version(agent, version), to: trash)
            }
            try disk.syncDirectory(StoreLayout.versions(agent))
            try disk.syncDirectory(StoreLayout.trash)
        }
        for trash in trash where isWanted() { try? disk.removeTree(trash) }  // the next opening removes what is left
    }

    // MARK: The file

    func standing(_ agent: AgentName, _ version: VersionNumber, _ errand: Errand) throws(StoreFault) -> StandingRecord {
        try standing(from: try standingBytes(agent, version, errand), errand)
    }

    func standingBytes(_ agent: AgentName, _ version: VersionNumber, _ errand: Errand) throws(StoreFault) -> [UInt8] {
        let path = VersionLayout(directory: StoreLayout.version(agent, version)).standing
        return try errand.reading("standing") { () throws(FileFault) in try disk.read(path, limit: CheckedLine.limit) }
    }

    func standing(from bytes: [UInt8], _ errand: Errand) throws(StoreFault) -> StandingRecord {
        guard let record = CheckedLine.decode(StandingRecord.self, from: bytes) else {
            throw errand.fault(.broken(part: "standing", how: "it does not match its checksum"))
        }
        return record
    }

    /// When the file is damaged: broken, and pinned because nobody can tell that it was not. A fault of the disk, which may pass, is no damage.
    private func standingOrWorst(_ agent: AgentName, _ version: VersionNumber, _ errand: Errand) throws(StoreFault) -> StandingRecord {
        let path = VersionLayout(directory: StoreLayout.version(agent, version)).standing
        let bytes = try errand.inStore { () throws(FileFault) -> [UInt8] in
            do throws(FileFault) { return try disk.read(path, limit: CheckedLine.limit) } catch {
                guard error.kind == .missing || error.kind == .tooLarge else { throw error }
                return []
            }
        }
        return CheckedLine.decode(StandingRecord.self, from: bytes)
            ?? StandingRecord(standing: .broken, because: "its standing was lost", pinned: true)
    }

    private func write(
        _ record: StandingRecord, _ agent: AgentName, _ version: VersionNumber, _ errand: Errand
    ) throws(StoreFault) {
        let path = VersionLayout(directory: StoreLayout.version(agent, version)).standing
        try errand.inStore { () throws(FileFault) in try disk.replace(path, with: CheckedLine.encode(record)) }
    }
}

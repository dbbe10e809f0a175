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
    public func remove(_ agent: AgentName, _ version: VersionNumber) throws(StoreFault) {
        let errand = Errand("remove", agent, version)
        try require(agent, version, errand)
        // Without it the workspace would stay half of two versions.
        if try unfinishedRestore(agent, errand) == version { throw errand.fault(.held(by: "an unfinished restore of the workspace")) }
        try refreshLinks(agent, leaving: version, errand)
        let trash = StoreLayout.trash / (StoreLayout.prefix(agent) + version.description)
        try errand.inStore { () throws(FileFault) in
            try disk.removeTree(trash)
            try disk.rename(StoreLayout.version(agent, version), to: trash)
            try disk.syncDirectory(StoreLayout.versions(agent))
            try disk.syncDirectory(StoreLayout.trash)
        }
        try? disk.removeTree(trash)  // the next opening removes what is left
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

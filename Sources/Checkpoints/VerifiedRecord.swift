public import AgentModel
internal import OutsideWorld

/// What somebody found whole who was stopped before the end: not read again by who goes on. The content of `agents/<agent>/verified`.
/// Documentation: docs/store-format.md#verified
public struct VerifiedRecord: Hashable, Sendable, Codable {
    public var at: WallTime
    /// As `verifiedName` names them.
    public var versions: Set<String>
    /// Packs by their names, of which two of one name are the same.
    public var packs: Set<String>

    public init(at: WallTime, versions: Set<String> = [], packs: Set<String> = []) {
        (self.at, self.versions, self.packs) = (at, versions, packs)
    }

    /// Longer it is not believed: what was whole may have decayed.
    public static let term = Duration.seconds(24 * 3600)
    /// Of its line: enough for a hundred thousand names.
    static let limit = ByteCount.mebibytes(8)
}

extension CheckpointStore {
    /// What was found whole by somebody who was stopped, not long ago. nil: there is nothing of the kind.
    public func verified(_ agent: AgentName, at now: WallTime) -> VerifiedRecord? {
        guard let bytes = try? disk.read(StoreLayout.verified(agent), limit: VerifiedRecord.limit),
            let record = CheckedLine.decode(VerifiedRecord.self, from: bytes), record.at <= now, now < record.at + VerifiedRecord.term
        else { return nil }
        return record
    }

    /// Which content of the version was read: another version of that number, or another place its bytes lie in, has another name. nil: it is known
    /// to be damaged, or one of its packs is, or nobody can tell: then it is read, whoever read it before.
    public func verifiedName(_ agent: AgentName, _ version: VersionNumber) -> String? {
        let layout = VersionLayout(directory: StoreLayout.version(agent, version))
        guard let seal = try? disk.read(layout.seal, limit: .kibibytes(1)), seal.count == 65 else { return nil }
        let errand = Errand("look at", agent, version)
        guard let standing = try? standing(agent, version, errand).standing, standing != .broken,
            let shelf = try? PackShelf(of: agent, on: disk), shelf.doubted.isEmpty || isFree(agent, version, of: shelf.doubted, errand)
        else { return nil }
        let places = [layout.chunks, layout.state, layout.workspace, layout.files, layout.process]
        let present = places.map { ((try? disk.entry(at: $0)) ?? nil) == nil ? "-" : "+" }.joined()
        return "\(version) \(String(decoding: seal.prefix(16), as: UTF8.self)) \(present)"
    }

    /// Whether none of these packs is one that the version is made of.
    private func isFree(_ agent: AgentName, _ version: VersionNumber, of doubted: Set<PackName>, _ errand: Errand) -> Bool {
        guard let manifest = try? sealedManifest(agent, version, errand), let content = try? content(of: manifest, errand) else {
            return false
        }
        guard let map = content.map else { return true }
        guard let needs = try? PackShelf(of: agent, on: disk).needs(of: map) else { return false }
        return doubted.isDisjoint(with: needs.keys)
    }

    /// - Returns: whether it could be written down; then the next one may go on from there.
    public func keepVerified(_ agent: AgentName, _ record: VerifiedRecord) -> Bool {
        let bytes = CheckedLine.encode(record)
        guard bytes.count <= VerifiedRecord.limit.bytes else { return false }
        return (try? disk.replace(StoreLayout.verified(agent), with: bytes)) != nil
    }

    public func forgetVerified(_ agent: AgentName) {
        guard ((try? disk.entry(at: StoreLayout.verified(agent))) ?? nil) != nil else { return }
        try? disk.removeFile(StoreLayout.verified(agent))  // it is believed for a day at most
    }
}

internal import AgentModel
internal import OutsideWorld

/// What is known of a local version that may travel. All of it is on the disk, and none of it changes but the standing.
struct OfferedVersion: Hashable {
    var version: VersionNumber
    /// First 16 digits of its seal.
    var seal: String
    var manifestSize: UInt64
    var chunksSize: UInt64
    /// First 16 digits of its standing.
    var standing: String

    var packList: PackListName { PackListName(seal: seal, manifest: manifestSize) }
}

/// What a remote lacks of an agent. Decides; touches nothing.
struct CopyPlan: Hashable {
    /// To be sent, ascending: nothing of them counts before their manifest is there.
    var sends: [VersionNumber] = []
    /// There already, whole as far as names and sizes tell.
    var present: [VersionNumber] = []
    /// There with other content.
    var conflicts: [VersionNumber] = []
    /// Of those that are there: the standing is another by now.
    var staleStandings: [VersionNumber] = []

    init(_ offered: [OfferedVersion], in remote: RemoteListing.Agent) {
        for local in offered.sorted(by: { $0.version < $1.version }) {
            let there = remote.versions[local.version] ?? RemoteListing.Version()
            if there.isListed, !there.packLists.isEmpty, there.packLists[local.packList] == nil {
                conflicts.append(local.version)
            } else if Self.isWhole(local, there) {
                present.append(local.version)
                if there.standings.count != 1 || there.standings[local.standing] == nil { staleStandings.append(local.version) }
            } else {
                sends.append(local.version)
            }
        }
    }

    /// Sends again what is there and lacks something: a pack that is gone or of another length, or the list that tells of packs.
    /// - Parameter lists: of versions that are there, those that could be read.
    mutating func mend(_ lists: [VersionNumber: PackList], in remote: RemoteListing.Agent) {
        let torn = Set(present.filter { lists[$0].map { !Self.lacking($0.packs, in: remote).isEmpty } ?? true })
        guard !torn.isEmpty else { return }
        present.removeAll { torn.contains($0) }
        staleStandings.removeAll { torn.contains($0) }
        sends = (sends + torn).sorted()
    }

    /// As far as names and sizes tell that do not change.
    static func isWhole(_ local: OfferedVersion, _ there: RemoteListing.Version) -> Bool {
        there.manifest == local.manifestSize && there.chunks == local.chunksSize && there.seal == 65
            && there.packLists[local.packList] != nil && !there.standings.isEmpty
    }

    /// Those of these files that are not there with their size.
    static func lacking(_ files: [DiskPath: UInt64], in remote: RemoteListing.Agent) -> [DiskPath] {
        files.filter { remote.sizes[$0.key] != $0.value }.keys.sorted()
    }

    /// Those of `needed` that are not there with their size.
    static func lacking(_ needed: [PackName: UInt64], in remote: RemoteListing.Agent) -> [PackName] {
        needed.filter { remote.packs[$0.key] != $0.value }.keys.sorted()
    }
}

/// What is taken out of a remote. Decides; touches nothing.
struct RemotePrunePlan: Hashable {
    /// First: then nothing lists what goes next.
    var manifests: [DiskPath] = []
    var rest: [DiskPath] = []
    var versions: [VersionNumber] = []

    /// - Parameters:
    ///   - kept: versions that are here, whatever their standing: what is broken here may be healed from there.
    ///   - lists: of the versions that stay listed, which packs they need. nil: one of them could not be read, so no pack goes.
    init(_ agent: AgentName, _ remote: RemoteListing.Agent, keeping kept: Set<VersionNumber>, lists: [PackList]?) {
        for (number, version) in remote.versions.sorted(by: { $0.key < $1.key }) where !kept.contains(number) {
            let directory = RemoteLayout.version(agent, number)
            // Also one of which a half arrived: without the list beside it nothing would tell.
            if version.manifest != nil { manifests.append(directory / "manifest.json") }
            if version.isListed { versions.append(number) }
            if version.chunks != nil { rest.append(directory / "chunks") }
            if version.seal != nil { rest.append(directory / "seal") }
            rest += version.packLists.keys.sorted().map { directory / $0.text }
            rest += version.standings.keys.sorted().map { directory / (RemoteLayout.standing + $0) }
        }
        guard let lists else { return }
        let needed = Set(lists.flatMap(\.packs.keys))
        rest += remote.packs.keys.filter { !needed.contains($0) }.sorted().map { RemoteLayout.pack(agent, $0) }
    }

    var isEmpty: Bool { manifests.isEmpty && rest.isEmpty }

    /// Why nothing may go: an agent that was lost here and begun anew has numbers of its own, and the remote has all that is left of the former one.
    /// - Parameters:
    ///   - seals: of versions that are here, the first 16 digits.
    ///   - next: the number that this store gives next.
    ///   - conflicts: what is known to be there with other content.
    static func refusal(
        _ remote: RemoteListing.Agent, seals: [VersionNumber: String], next: VersionNumber, conflicts: [VersionNumber]
    ) -> UnprunedReason? {
        let listed = remote.listed
        guard let newest = listed.last else { return nil }
        var (same, other) = (0, Set(conflicts))
        for number in listed {
            guard let seal = seals[number], let lists = remote.versions[number]?.packLists.keys, !lists.isEmpty else { continue }
            if lists.contains(where: { $0.seal == seal }) { same += 1 } else { other.insert(number) }
        }
        if !other.isEmpty { return .conflicts(other.sorted()) }
        if newest >= next { return .neverHere(newest) }
        return same == 0 ? .nothingShared : nil
    }

    /// Versions whose lists of packs must be known: those that stay listed.
    static func staying(_ remote: RemoteListing.Agent, keeping kept: Set<VersionNumber>) -> [VersionNumber] {
        remote.listed.filter { kept.contains($0) }
    }
}

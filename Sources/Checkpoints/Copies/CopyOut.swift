public import AgentModel
internal import OutsideWorld

/// Copies versions of agents of a store to a remote: content first, the manifest last. Documentation: docs/store-format.md#remote
public final class CopyOut {
    let store: CheckpointStore
    let carrier: any Carrier
    let isWanted: () -> Bool
    private let say: (String) -> Void
    private var remote = RemoteListing()

    /// - Parameters:
    ///   - isWanted: asked between versions; once it says no, `stopped` is thrown.
    ///   - say: told what is about to be done, for a person who waits.
    public init(
        of store: CheckpointStore, by carrier: any Carrier, isWanted: @escaping () -> Bool = { true },
        say: @escaping (String) -> Void = { _ in }
    ) {
        self.store = store
        self.carrier = carrier
        self.isWanted = isWanted
        self.say = say
    }

    /// Looks at the remote, and makes it a copy when it is empty. Once, before anything else.
    public func open(in look: Look) throws(CopyFault) {
        remote = try RemoteListing.of(carrier)
        try remote.requireCopy(mayBeEmpty: true)
        guard !remote.isCopy else { return }
        try write(RemoteLayout.markerText, to: RemoteLayout.marker, in: look)
        try carrying { () throws(CarrierFault) in try carrier.send([RemoteLayout.marker], below: look.directory, of: store.disk) }
    }

    /// Sends what the remote lacks of the agent. Versions that are not in packs are left out: who may write packs them before.
    /// May be cut off anywhere: the remote then lists the versions that are whole in it, and the next one goes on.
    public func send(_ agent: AgentName, _ wanted: Set<VersionNumber>? = nil, in look: Look) throws(CopyFault) -> CopyOutReport {
        var report = CopyOutReport(agent)
        let there = remote.agents[agent] ?? RemoteListing.Agent()
        let offers = try offers(agent, wanted, &report)
        var plan = CopyPlan(offers.map(\.offered), in: there)
        plan.mend(try packLists(of: plan.present, offers, agent, there, in: look), in: there)
        report.present = plan.present
        report.conflicts = plan.conflicts
        let checked = try check(offers.filter { plan.sends.contains($0.offered.version) }, of: agent, &report)
        if !checked.isEmpty { try send(checked, of: agent, there, in: look, &report) }
        // With versions goes what is kept of the agent; of another one of that name it has no business there.
        let lacksAccounts = checked.isEmpty && !plan.present.isEmpty && plan.conflicts.isEmpty
        let accounts = lacksAccounts ? try aboutAgent(agent).filter { there.sizes[$0.key] != UInt64($0.value.count) } : [:]
        try refresh(offers.filter { plan.staleStandings.contains($0.offered.version) }, accounts, of: agent, in: look)
        return report
    }

    // MARK: What may travel

    /// A version's small files, as they are now.
    private struct Offer {
        var offered: OfferedVersion
        var manifest: [UInt8]
        var seal: [UInt8]
        var standing: [UInt8]
    }

    private func offers(
        _ agent: AgentName, _ wanted: Set<VersionNumber>?, _ report: inout CopyOutReport
    ) throws(CopyFault) -> [Offer] {
        let errand = Errand("copy the versions of", agent.text)
        var offers: [Offer] = []
        for version in try numbers(agent, errand) {
            if let wanted, !wanted.contains(version) { continue }
            guard isWanted() else { throw .stopped }
            do throws(StoreFault) {
                switch try offer(agent, version, errand) {
                case .some(let offer): offers.append(offer)
                case nil: report.leftOut[version] = .notInPacks
                }
            } catch {
                switch error.kind {
                case .noSuchVersion: continue
                case .broken(let part, let how): try leaveOut(version, of: agent, part, how, &report)
                default: throw .store(error)
                }
            }
        }
        return offers
    }

    /// None of an agent that was removed meanwhile.
    func numbers(_ agent: AgentName, _ errand: Errand) throws(CopyFault) -> [VersionNumber] {
        do throws(StoreFault) {
            try store.require(agent, errand)
            return try store.numbers(agent, errand)
        } catch {
            guard case .noSuchAgent = error.kind else { throw .store(error) }
            return []
        }
    }

    /// Of a version that was removed meanwhile nothing is told.
    private func leaveOut(
        _ version: VersionNumber, of agent: AgentName, _ part: String, _ how: String, _ report: inout CopyOutReport
    ) throws(CopyFault) {
        do throws(StoreFault) {
            try store.require(agent, version, Errand("copy", agent, version))
            report.leftOut[version] = .broken(part: part, how: how)
        } catch {
            switch error.kind {
            case .noSuchVersion, .noSuchAgent: return
            default: throw .store(error)
            }
        }
    }

    /// nil: not all of it is in packs.
    private func offer(_ agent: AgentName, _ version: VersionNumber, _ errand: Errand) throws(StoreFault) -> Offer? {
        let layout = VersionLayout(directory: StoreLayout.version(agent, version))
        let manifest = try store.sealedManifest(agent, version, errand)
        guard try store.content(of: manifest, errand).map?.isComplete ?? false else { return nil }
        let record = try store.standing(agent, version, errand)
        guard record.standing != .broken else {
            throw errand.fault(.broken(part: "standing", how: record.because ?? "it was found broken"))
        }
        let disk = store.disk
        return try errand.reading("manifest.json") { () throws(FileFault) in
            let (bytes, seal) = (try disk.read(layout.manifest, limit: Manifest.limit), try disk.read(layout.seal, limit: .kibibytes(1)))
            let standing = try disk.read(layout.standing, limit: CheckedLine.limit)
            let offered = OfferedVersion(
                version: version, seal: String(decoding: seal.prefix(16), as: UTF8.self), manifestSize: UInt64(bytes.count),
                chunksSize: try disk.entry(at: layout.chunks)?.size ?? 0, standing: String(decoding: standing.prefix(16), as: UTF8.self))
            return Offer(offered: offered, manifest: bytes, seal: seal, standing: standing)
        }
    }

    /// Reads every byte of each out of the packs: what is not what was stored does not leave this store.
    private func check(_ offers: [Offer], of agent: AgentName, _ report: inout CopyOutReport) throws(CopyFault) -> [Offer] {
        var checked: [Offer] = []
        for offer in offers {
            guard isWanted() else { throw .stopped }
            let version = offer.offered.version
            say("reading \(agent)@\(version)")
            do throws(StoreFault) {
                try store.verifyPacked(agent, version)
                checked.append(offer)
            } catch {
                switch error.kind {
                case .noSuchVersion, .noSuchAgent: continue
                case .broken(let part, let how): try leaveOut(version, of: agent, part, how, &report)
                default: throw .store(error)
                }
            }
        }
        return checked
    }

    // MARK: Sending

    /// How often it is begun anew when packs change under it, which a collection does, or do not arrive whole.
    private static let attempts = 6

    private func send(
        _ offers: [Offer], of agent: AgentName, _ former: RemoteListing.Agent, in look: Look, _ report: inout CopyOutReport
    ) throws(CopyFault) {
        var there = former
        var offers = offers
        for attempt in 1...Self.attempts {
            guard isWanted() else { throw .stopped }
            // 1. Which packs they are made of now: a collection may have put chunks elsewhere.
            let needs = try needs(of: &offers, agent, &report)
            guard !offers.isEmpty else { return }
            let all = needs.all
            // 2. Content. What of it is not there any more shows in the list.
            let packs = CopyPlan.lacking(all, in: there)
            if !packs.isEmpty {
                say("\(agent): sending \(packs.count) packs, \(ByteCount(packs.reduce(0) { saturatingSum($0, all[$1] ?? 0) }))")
                try carrying { () throws(CarrierFault) in
                    try carrier.send(packs.map { RemoteLayout.pack(agent, $0) }, below: nil, of: store.disk)
                }
            }
            // 3. What tells of it. Once it may have arrived, only what has not: over what is listed nothing is written.
            let files = try writeSmallFiles(of: &offers, needs, agent, in: look, &report)
            guard !offers.isEmpty else { return }
            try send(attempt == 1 ? files.keys.sorted() : CopyPlan.lacking(files, in: there), in: look)
            // 4. All of it is there, or it begins anew.
            there = try RemoteListing.of(carrier, agent)
            guard CopyPlan.lacking(all, in: there).isEmpty, CopyPlan.lacking(files, in: there).isEmpty else { continue }
            // 5. From here on they are listed.
            let manifests = try writeManifests(of: offers, agent, in: look)
            try send(attempt == 1 ? manifests.keys.sorted() : CopyPlan.lacking(manifests, in: there), in: look)
            there = try RemoteListing.of(carrier, agent)
            let lacking = CopyPlan.lacking(manifests, in: there)
            let listed = offers.filter { !lacking.contains(RemoteLayout.version(agent, $0.offered.version) / "manifest.json") }
            report.sent += listed.map(\.offered.version)
            try removeOlder(listed, of: agent, there)
            guard lacking.isEmpty else {
                // Those that are listed are left alone from now on.
                offers.removeAll { offer in listed.contains { $0.offered.version == offer.offered.version } }
                continue
            }
            let carried = all.filter { former.packs[$0.key] != $0.value }
            report.packs = carried.count
            report.bytes = carried.values.reduce(0) { saturatingSum($0, $1) }
            return
        }
        throw .remote(part: "agents/\(agent)", how: "what is sent there does not stay there whole")
    }

    /// Files that lie in the look.
    private func send(_ names: [DiskPath], in look: Look) throws(CopyFault) {
        guard !names.isEmpty else { return }
        try carrying { () throws(CarrierFault) in try carrier.send(names, below: look.directory, of: store.disk) }
    }

    /// - Returns: how long each is.
    private func writeManifests(of offers: [Offer], _ agent: AgentName, in look: Look) throws(CopyFault) -> [DiskPath: UInt64] {
        var sizes: [DiskPath: UInt64] = [:]
        try clear(look)
        for offer in offers {
            let path = RemoteLayout.version(agent, offer.offered.version) / "manifest.json"
            sizes[path] = try write(offer.manifest, to: path, in: look)
        }
        return sizes
    }

    /// Versions that went, or broke, meanwhile are taken out of `offers`.
    private func needs(
        of offers: inout [Offer], _ agent: AgentName, _ report: inout CopyOutReport
    ) throws(CopyFault) -> NeededPacks {
        var needs = NeededPacks()
        let all = Errand("copy the versions of", agent.text)
        let shelf = try copying { () throws(StoreFault) in
            try all.inStore { () throws(FileFault) in try PackShelf(of: agent, on: store.disk) }
        }
        for offer in offers {
            let version = offer.offered.version
            let errand = Errand("copy", agent, version)
            do throws(StoreFault) {
                try store.require(agent, version, errand)
                let manifest = try store.sealedManifest(agent, version, errand)
                guard let map = try store.content(of: manifest, errand).map else { continue }
                needs.insert(try errand.reading("chunks") { () throws(FileFault) in try shelf.needs(of: map) }, of: version)
            } catch {
                switch error.kind {
                case .noSuchVersion, .noSuchAgent: continue
                case .broken(let part, let how): try leaveOut(version, of: agent, part, how, &report)
                default: throw .store(error)
                }
            }
        }
        offers.removeAll { needs.packs(of: $0.offered.version) == nil }
        return needs
    }

    /// Puts what goes there beside packs into the look, one after the other: of a thousand versions it is more than fits into memory. Versions that
    /// went, or broke, meanwhile are taken out of `offers`.
    /// - Returns: how long each is.
    private func writeSmallFiles(
        of offers: inout [Offer], _ needs: NeededPacks, _ agent: AgentName, in look: Look,
        _ report: inout CopyOutReport
    ) throws(CopyFault) -> [DiskPath: UInt64] {
        var sizes: [DiskPath: UInt64] = [:]
        try clear(look)
        for (path, bytes) in try aboutAgent(agent) { sizes[path] = try write(bytes, to: path, in: look) }
        var here: [Offer] = []
        for offer in offers {
            guard isWanted() else { throw .stopped }
            let version = offer.offered.version
            let directory = RemoteLayout.version(agent, version)
            let chunks: [UInt8]
            do throws(StoreFault) {
                chunks = try Errand("copy", agent, version).reading("chunks") { () throws(FileFault) in
                    try store.disk.read(directory / "chunks", limit: ChunkMap.limit)
                }
            } catch {
                guard case .broken(let part, let how) = error.kind else { throw .store(error) }
                try leaveOut(version, of: agent, part, how, &report)
                continue
            }
            let files = [
                directory / "chunks": chunks, directory / offer.offered.packList.text: PackList(needs.packs(of: version) ?? [:]).encoded,
                directory / (RemoteLayout.standing + offer.offered.standing): offer.standing, directory / "seal": offer.seal,
            ]
            for (path, bytes) in files { sizes[path] = try write(bytes, to: path, in: look) }
            here.append(offer)
        }
        offers = here
        return sizes
    }

    /// How it was started, and what it has done: without that it would do it once more elsewhere.
    private func aboutAgent(_ agent: AgentName) throws(CopyFault) -> [DiskPath: [UInt8]] {
        var files: [DiskPath: [UInt8]] = [:]
        for (name, beginning) in [("spec.json", RemoteLayout.spec), ("effects/ledger", RemoteLayout.ledger)] {
            guard let path = DiskPath("\(StoreLayout.agent(agent))/\(name)") else { continue }
            let errand = Errand("copy what is kept of", agent.text)
            let bytes = try copying { () throws(StoreFault) in
                try errand.inStore { () throws(FileFault) -> [UInt8]? in
                    try store.disk.entry(at: path) == nil ? nil : try store.disk.read(path, limit: .mebibytes(256))
                }
            }
            guard let bytes else { continue }
            files[StoreLayout.agent(agent) / (beginning + String(Measure.of(bytes).digest.prefix(16)))] = bytes
        }
        return files
    }

    // MARK: What changes of what is there

    private func refresh(
        _ offers: [Offer], _ accounts: [DiskPath: [UInt8]], of agent: AgentName, in look: Look
    ) throws(CopyFault) {
        var files = accounts
        for offer in offers {
            files[RemoteLayout.version(agent, offer.offered.version) / (RemoteLayout.standing + offer.offered.standing)] = offer.standing
        }
        guard !files.isEmpty else { return }
        try clear(look)
        var sizes: [DiskPath: UInt64] = [:]
        for (path, bytes) in files { sizes[path] = try write(bytes, to: path, in: look) }
        try send(sizes.keys.sorted(), in: look)
        // The older ones go when the new ones are there; else the next time.
        let there = try RemoteListing.of(carrier, agent)
        if CopyPlan.lacking(sizes, in: there).isEmpty { try removeOlder(offers, of: agent, there) }
    }

    /// Standings and accounts of the agent that have a successor.
    private func removeOlder(_ offers: [Offer], of agent: AgentName, _ there: RemoteListing.Agent) throws(CopyFault) {
        var old: [DiskPath] = []
        for offer in offers {
            let directory = RemoteLayout.version(agent, offer.offered.version)
            guard let version = there.versions[offer.offered.version] else { continue }
            old += version.standings.keys.filter { $0 != offer.offered.standing }.map { directory / (RemoteLayout.standing + $0) }
            old += version.packLists.keys.filter { $0 != offer.offered.packList }.map { directory / $0.text }
        }
        let present = try aboutAgent(agent).keys
        for (beginning, digests) in [(RemoteLayout.spec, there.specs), (RemoteLayout.ledger, there.ledgers)] where digests.count > 1 {
            let paths = digests.keys.map { StoreLayout.agent(agent) / (beginning + $0) }
            // One that was written since is not there yet: then all stay.
            if paths.contains(where: { present.contains($0) }) { old += paths.filter { !present.contains($0) } }
        }
        let names = old.sorted()
        if !names.isEmpty { try carrying { () throws(CarrierFault) in try carrier.remove(names) } }
    }

    // MARK: What it says of its packs

    /// What the remote says that these versions need. Of one that is missing in the answer, its list there is damaged.
    private func packLists(
        of versions: [VersionNumber], _ offers: [Offer], _ agent: AgentName, _ there: RemoteListing.Agent, in look: Look
    ) throws(CopyFault) -> [VersionNumber: PackList] {
        let chosen = Set(versions)
        var paths: [VersionNumber: RemoteFile] = [:]
        for offered in offers.map(\.offered) where chosen.contains(offered.version) {
            guard let size = there.versions[offered.version]?.packLists[offered.packList] else { continue }
            let path = RemoteLayout.version(agent, offered.version) / offered.packList.text
            paths[offered.version] = RemoteFile(path: path.text, size: size)
        }
        let lists = try fetch(Array(paths.values), in: look)
        return paths.compactMapValues { lists[$0.path] }
    }

    /// Those that are whole, by their paths.
    func fetch(_ lists: [RemoteFile], in look: Look) throws(CopyFault) -> [String: PackList] {
        let wanted = lists.filter { $0.size <= PackList.limit.bytes }.sorted { $0.path < $1.path }
        guard !wanted.isEmpty else { return [:] }
        guard isWanted() else { throw .stopped }
        let place = look.directory / "lists"
        try discard(place)
        try carrying { () throws(CarrierFault) in try carrier.fetch(wanted, into: place, of: store.disk) }
        var found: [String: PackList] = [:]
        for file in wanted {
            guard let path = DiskPath("\(place)/\(file.path)"), let bytes = try? store.disk.read(path, limit: PackList.limit) else {
                continue
            }
            found[file.path] = try? PackList(decoding: bytes)
        }
        return found
    }

    // MARK: Files in between

    /// Of what was written before.
    private func clear(_ look: Look) throws(CopyFault) { try discard(look.directory.joined(StoreLayout.agents)) }

    /// In a place of its own, under the name it gets in the remote. - Returns: how long it is.
    @discardableResult
    private func write(_ bytes: [UInt8], to path: DiskPath, in look: Look) throws(CopyFault) -> UInt64 {
        let errand = Errand("prepare a copy of versions of", store.disk.rootName)
        let place = look.directory.joined(path)
        try copying { () throws(StoreFault) in
            try errand.inStore { () throws(FileFault) in
                if let parent = place.parent, try store.disk.entry(at: parent) == nil { try store.disk.makeDirectories(parent) }
                if try store.disk.entry(at: place) != nil { try store.disk.removeFile(place) }
                try store.disk.create(place, with: bytes)
            }
        }
        return UInt64(bytes.count)
    }

    private func discard(_ path: DiskPath) throws(CopyFault) {
        let errand = Errand("prepare a copy of versions of", store.disk.rootName)
        try copying { () throws(StoreFault) in try errand.inStore { () throws(FileFault) in try store.disk.removeTree(path) } }
    }
}

extension RemoteListing {
    static func of(_ carrier: any Carrier, _ directory: DiskPath? = nil) throws(CopyFault) -> RemoteListing {
        let files = try carrying { () throws(CarrierFault) in try carrier.list(directory) }
        do throws(Damage) { return try RemoteListing(files) } catch { throw .remote(part: carrier.name, how: error.how) }
    }

    static func of(_ carrier: any Carrier, _ agent: AgentName) throws(CopyFault) -> Agent {
        try of(carrier, StoreLayout.agent(agent)).agents[agent] ?? Agent()
    }

    func requireCopy(mayBeEmpty: Bool) throws(CopyFault) {
        if let otherFormat { throw .noCopy("it has format \(otherFormat), and this runner knows format 1") }
        guard isCopy || isEmpty && mayBeEmpty else {
            throw .noCopy(isEmpty ? "there is nothing" : "it holds other files, and none that 'runner store sync' made")
        }
    }
}

public import AgentModel
internal import OutsideWorld

extension CopyOut {
    /// Takes out of the remote what is not here any more, and packs that no version there needs. Nothing where what is there may be what was lost here.
    public func prune(_ agent: AgentName, in look: Look, _ report: inout CopyOutReport) throws(CopyFault) {
        let errand = Errand("list the versions of", agent.text)
        let kept = Set(try numbers(agent, errand))
        // Whoever lost all of them wants them back.
        guard !kept.isEmpty else { return }
        let there = try RemoteListing.of(carrier, agent)
        let next = try copying { () throws(StoreFault) in try store.recordedNumber(agent, errand) }
        report.unpruned = RemotePrunePlan.refusal(
            there, seals: seals(of: kept, agent), next: next ?? kept.max()?.next ?? VersionNumber(1), conflicts: report.conflicts)
        guard report.unpruned == nil else { return }
        let staying = RemotePrunePlan.staying(there, keeping: kept)
        let lists = try packLists(of: staying, agent, there, in: look)
        let plan = RemotePrunePlan(agent, there, keeping: kept, lists: lists)
        guard !plan.isEmpty else { return }
        guard isWanted() else { throw .stopped }
        try carrying { () throws(CarrierFault) in if !plan.manifests.isEmpty { try carrier.remove(plan.manifests) } }
        // A remote that did not remove a manifest still lists it, and needs its packs.
        if !plan.manifests.isEmpty {
            let now = try RemoteListing.of(carrier, agent)
            guard plan.manifests.allSatisfy({ now.sizes[$0] == nil }) else {
                throw .remote(part: "agents/\(agent)", how: "it still lists what was removed from it")
            }
        }
        try carrying { () throws(CarrierFault) in if !plan.rest.isEmpty { try carrier.remove(plan.rest) } }
        report.removed = plan.versions
    }

    /// The first 16 digits of those that can be read.
    private func seals(of versions: Set<VersionNumber>, _ agent: AgentName) -> [VersionNumber: String] {
        var seals: [VersionNumber: String] = [:]
        for version in versions {
            let layout = VersionLayout(directory: StoreLayout.version(agent, version))
            guard let bytes = try? store.disk.read(layout.seal, limit: .kibibytes(1)) else { continue }  // then it says nothing
            seals[version] = String(decoding: bytes.prefix(16), as: UTF8.self)
        }
        return seals
    }

    /// nil: one of them cannot be read, so nobody knows what is needed.
    private func packLists(
        of versions: [VersionNumber], _ agent: AgentName, _ there: RemoteListing.Agent, in look: Look
    ) throws(CopyFault) -> [PackList]? {
        var files: [RemoteFile] = []
        for version in versions {
            let known = there.versions[version] ?? RemoteListing.Version()
            guard !known.packLists.isEmpty else { return nil }
            for (name, size) in known.packLists {
                files.append(RemoteFile(path: (RemoteLayout.version(agent, version) / name.text).text, size: size))
            }
        }
        let lists = try fetch(files, in: look)
        return lists.count == files.count ? Array(lists.values) : nil
    }
}

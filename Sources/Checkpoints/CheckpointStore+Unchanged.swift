internal import AgentModel
internal import CriuRequests
internal import OutsideWorld

/// Whether a copy holds anything that a version does not hold. Whoever doubts gets a version. Documentation: docs/store-format.md#nothing-new
extension CheckpointStore {
    /// - Parameters:
    ///   - images: those of the copy, measured.
    ///   - version: what it is compared with. One that cannot be read is another.
    func isUnchanged(_ staged: StagedCheckpoint, _ images: [TreeEntry], since version: VersionNumber, _ errand: Errand) -> Bool {
        let former: Manifest
        let formerImages: [TreeEntry]
        do throws(StoreFault) {
            guard try !standing(staged.agent, version, errand).isDoubtful else { return false }
            former = try sealedManifest(staged.agent, version, errand)
            guard former.holdsWhat(staged) else { return false }
            formerImages = former.process == nil ? [] : try sealedImages(former, try content(of: former, errand), errand)
        } catch { return false }
        guard Timeless.list(images) == Timeless.list(formerImages) else { return false }
        guard let workspace = former.workspace else { return true }
        // The same list is the same bytes.
        let tree = Measure.of(Tree.encode(staged.entries))
        return Measure(size: workspace.size, digest: workspace.sha256) == tree
    }
}

extension StandingRecord {
    fileprivate var isDoubtful: Bool { !standing.isKnownGood || imagesUnusable != nil }
}

extension Manifest {
    /// All but the lists of files, which are compared by themselves.
    fileprivate func holdsWhat(_ staged: StagedCheckpoint) -> Bool {
        let draft = staged.draft
        // Less than it might be, or cut on the way.
        guard !forced, !draft.forced, lacksMemory == nil, draft.lacksMemory == nil, kind == .checkpoint else { return false }
        guard step == draft.step, effectPosition == draft.effectPosition, specDigest == draft.specDigest else { return false }
        guard state == draft.state, workspace?.excluded == draft.workspace?.excluded else { return false }
        return process?.made.timeless == staged.images?.timeless
    }
}

extension MadeImages {
    /// Without what differs between two dumps of processes that did nothing.
    fileprivate var timeless: MadeImages {
        var copy = self
        copy.frozen = 0
        return copy
    }
}

/// An image without what tells when it was written, and by whom.
private struct Timeless: Hashable {
    let path: DiskPath
    let size: UInt64?
    let digest: String?

    static func list(_ images: [TreeEntry]) -> [Timeless] {
        let lasting = images.filter { !isDated($0.path.text) }
        return lasting.sorted { $0.path < $1.path }.map { Timeless(path: $0.path, size: $0.size, digest: $0.sha256 ?? $0.xxh3) }
    }

    /// The run of CRIU and its uptime, its figures, and the clocks of the moment. All else in them is in the manifest.
    private static func isDated(_ name: String) -> Bool {
        name == "inventory.img" || name == "stats-dump" || name.hasPrefix("timens-")
    }
}

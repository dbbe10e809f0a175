public import AgentModel
public import OutsideWorld

/// Giving back some paths of a workspace and leaving everything else. The caller holds the agent's lock, and the agent does not run.
///
/// Nothing is marked as begun, as a whole restore is: each file takes its place in one step, and a workspace in which only some of them did
/// is no worse than one in which a person changed some. The same call again brings the rest.
extension CheckpointStore {
    /// What `restorePaths` would do. Changes nothing.
    /// - Parameter workspace: nil: it is not there.
    /// - Throws: `noSuchFile` when the version has nothing at one of `paths`.
    public func planRestore(
        of paths: [DiskPath], _ agent: AgentName, _ version: VersionNumber, to workspace: (any Disk)?, excluded: [String]
    ) throws(StoreFault) -> WorkspaceRestorePlan {
        let errand = Errand("restore files of", agent, version)
        try require(agent, version, errand)
        let known = try known(try sealedManifest(agent, version, errand), images: false, errand)
        return try plan(paths, known, workspace, excluded, errand).plan
    }

    /// Makes what is at `paths`, and below them, what it was in the version, durably. What lies below one of them and is not in the version goes.
    @discardableResult
    public func restorePaths(
        _ paths: [DiskPath], _ agent: AgentName, _ version: VersionNumber, to workspace: any Disk, excluded: [String]
    ) throws(StoreFault) -> WorkspaceRestorePlan {
        let errand = Errand("restore files of", agent, version)
        try require(agent, version, errand)
        if let unfinished = try unfinishedRestore(agent, errand) {
            throw errand.fault(.held(by: "an unfinished restore of the whole workspace to version \(unfinished)"))
        }
        let known = try verifyContent(agent, version, images: .none, errand)
        let planned = try plan(paths, known, workspace, excluded, errand)
        if planned.plan.steps.isEmpty { return planned.plan }
        try requireRoom(for: planned, of: known.content, in: workspace, errand)
        var restorer = WorkspaceRestorer(known.content, planned, workspace: workspace, isRepeated: false, errand: errand)
        try restorer.execute(planned.plan)
        return planned.plan
    }

    private func plan(
        _ paths: [DiskPath], _ known: KnownVersion, _ workspace: (any Disk)?, _ excluded: [String], _ errand: Errand
    ) throws(StoreFault) -> PlannedRestore {
        let (manifest, entries) = (known.manifest, known.tree)
        for path in paths where !entries.contains(where: { $0.path == path }) {
            throw errand.fault(.noSuchFile(path, is: nil))
        }
        guard let workspace else {
            // The store's disk stands in: it is asked only whom files may be given to, and that goes by the user.
            let left = Exclusions(excluded + (manifest.workspace?.excluded ?? []))
            let (wanted, listing, _) = narrowed(to: paths, entries, WorkspaceListing())
            return try plan(
                known,
                try errand.inStore { () throws(FileFault) in
                    try RestorePlanner(wanted, of: manifest, in: disk, listing, leavingOut: left)
                }, errand)
        }
        let exclusions = try exclusions(of: manifest, workspace, excluded, errand)
        let present = try errand.outside { () throws(FileFault) in try WorkspaceListing(of: workspace, leavingOut: exclusions) }
        let (wanted, listing, asTheyAre) = narrowed(to: paths, entries, present)
        return try plan(
            known,
            try errand.outside { () throws(FileFault) in
                try RestorePlanner(wanted, of: manifest, in: workspace, listing, leavingOut: exclusions, asTheyAre: asTheyAre)
            }, errand)
    }

    /// What there is to do with nothing but these paths in view. A directory on the way to one of them is wanted as it is now, and only made
    /// as the version has it where it is not.
    private func narrowed(
        to paths: [DiskPath], _ entries: [TreeEntry], _ listing: WorkspaceListing
    ) -> ([TreeEntry], WorkspaceListing, asTheyAre: Set<DiskPath>) {
        func isMeant(_ path: DiskPath) -> Bool { paths.contains { path == $0 || path.isBelow($0) } }
        func leadsThere(_ path: DiskPath) -> Bool { paths.contains { $0.isBelow(path) } }
        let present = Dictionary(listing.found.map { ($0.path, $0.entry) }) { first, _ in first }
        var asTheyAre: Set<DiskPath> = []
        let wanted = entries.compactMap { entry -> TreeEntry? in
            if isMeant(entry.path) { return entry }
            guard leadsThere(entry.path) else { return nil }
            guard let now = present[entry.path], now.kind == .directory else { return entry }
            asTheyAre.insert(entry.path)
            return TreeEntry(path: entry.path, kind: .directory, from: now)
        }
        var narrow = listing
        narrow.found = listing.found.filter { isMeant($0.path) || leadsThere($0.path) }
        narrow.special = listing.special.filter { isMeant($0) || leadsThere($0) }
        narrow.excluded = listing.excluded.filter { isMeant($0) || leadsThere($0) }
        narrow.vanished = listing.vanished.filter(isMeant)
        return (wanted, narrow, asTheyAre)
    }
}

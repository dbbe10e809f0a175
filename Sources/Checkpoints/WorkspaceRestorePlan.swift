public import AgentModel
public import OutsideWorld

/// What restoring a workspace would do, or has done. Printable: `runner restore --dry-run`.
public struct WorkspaceRestorePlan: Hashable, Sendable, Codable {
    public enum Change: String, Hashable, Sendable, Codable, CaseIterable {
        /// Not there, will be.
        case added
        /// Other content, other link or another kind of thing.
        case changed
        /// There, and not in the version.
        case removed
        /// Same content, other owner; its permission bits and time are set too.
        case owner
        /// Same content, other permission bits; its time is set too.
        case mode
        /// Same content, other time of change.
        case time
    }
    public struct Step: Hashable, Sendable, Codable {
        public var path: DiskPath
        public var change: Change
        /// Of what will be there; of what is there when it is removed.
        public var kind: TreeEntry.Kind
        /// Of the version's file.
        public var size: UInt64?
        /// What the owner is to be, when it changes.
        public var owner: FileOwner?
    }
    public var version: VersionNumber
    /// Sorted by path. Empty: the workspace is as the version has it.
    public var steps: [Step]
    /// Files, directories and links that are as they should be.
    public var unchanged: Int
    /// Excluded or special, and therefore left as they are.
    public var leftAlone: [DiskPath]
    /// How many are of an owner that only root could give them: they will belong to the runner, without set-user and set-group bits.
    public var ownersLost: Int
    /// Bytes that must be free beside the workspace.
    public var spaceNeeded: ByteCount

    public func steps(_ change: Change) -> [Step] { steps.filter { $0.change == change } }
}

/// A plan with what it was made of.
struct PlannedRestore {
    var plan: WorkspaceRestorePlan
    /// What is to be there in the end, excluded paths left out.
    var wanted: [WantedEntry]
}

/// What is to be at a path in the end.
struct WantedEntry {
    var stored: TreeEntry
    /// nil: the version does not say, or we may not give it.
    var owner: FileOwner?

    init(_ stored: TreeEntry, on workspace: any Disk) {
        self.stored = stored
        owner = stored.owner.flatMap { workspace.mayGive($0) ? $0 : nil }
    }
    /// Without set-user and set-group bits for a file that gets another owner than it had: it must not run as the runner.
    var mode: UInt32 { stored.kind == .file && owner == nil ? stored.mode & 0o1777 : stored.mode & 0o7777 }
}

/// Compares a version with what is there.
struct RestorePlanner {
    enum Obstacle: Error {
        case workspace(FileFault)
        /// The version has a file where the workspace has a directory that holds something excluded.
        case excludedInTheWay(DiskPath, held: DiskPath)
    }
    let workspace: any Disk
    let wanted: [WantedEntry]
    let listing: WorkspaceListing
    private let present: [DiskPath: DiskEntry]
    /// Directories that hold, at any depth, what is excluded; and what that is.
    private let holdingExcluded: [DiskPath: DiskPath]
    /// Directories that hold anything that is left alone unless it is in the way.
    private let holdingSpecial: [DiskPath: DiskPath]

    init(_ entries: [TreeEntry], in workspace: any Disk, leavingOut exclusions: Exclusions) throws(FileFault) {
        try self.init(entries, in: workspace, WorkspaceListing(of: workspace, leavingOut: exclusions), leavingOut: exclusions)
    }

    /// - Parameters:
    ///   - workspace: nothing but what is listed is read there.
    ///   - listing: what there is.
    init(_ entries: [TreeEntry], in workspace: any Disk, _ listing: WorkspaceListing, leavingOut exclusions: Exclusions) {
        self.workspace = workspace
        wanted = entries.filter { !exclusions.covers($0.path, isDirectory: $0.kind == .directory) }.map { WantedEntry($0, on: workspace) }
        self.listing = listing
        present = Dictionary(uniqueKeysWithValues: listing.found.map { ($0.path, $0.entry) })
        holdingExcluded = Self.directories(above: listing.excluded)
        holdingSpecial = Self.directories(above: listing.special + listing.vanished)
    }

    private static func directories(above paths: [DiskPath]) -> [DiskPath: DiskPath] {
        var holding: [DiskPath: DiskPath] = [:]
        for path in paths {
            var above = path.parent
            while let directory = above, holding[directory] == nil {
                holding[directory] = path
                above = directory.parent
            }
        }
        return holding
    }

    func plan(_ version: VersionNumber) throws(Obstacle) -> PlannedRestore {
        var steps: [WorkspaceRestorePlan.Step] = []
        for entry in wanted {
            guard let change = try change(entry) else { continue }
            let path = entry.stored.path
            let givesOwner = change == .owner || change == .changed && present[path]?.owner != entry.owner
            steps.append(
                .init(
                    path: path, change: change, kind: entry.stored.kind, size: entry.stored.size, owner: givesOwner ? entry.owner : nil))
        }
        let unchanged = wanted.count - steps.count
        let known = Set(wanted.map(\.stored.path))
        for found in listing.found where !known.contains(found.path) && !isKept(found.path) {
            steps.append(.init(path: found.path, change: .removed, kind: Self.kind(found.entry), size: nil))
        }
        let space = spaceNeeded(steps)
        steps.sort { $0.path < $1.path }
        let leftAlone = (listing.excluded + listing.special.filter { !known.contains($0) } + listing.vanished).sorted()
        let plan = WorkspaceRestorePlan(
            version: version, steps: steps, unchanged: unchanged, leftAlone: leftAlone,
            ownersLost: wanted.count { $0.owner == nil && $0.stored.owner != nil }, spaceNeeded: ByteCount(space))
        return PlannedRestore(plan: plan, wanted: wanted)
    }

    private func isKept(_ path: DiskPath) -> Bool { holdingExcluded[path] != nil || holdingSpecial[path] != nil }

    // MARK: One path

    private func change(_ wanted: WantedEntry) throws(Obstacle) -> WorkspaceRestorePlan.Change? {
        let entry = wanted.stored
        guard let there = present[entry.path] else { return .added }
        guard Self.kind(there) == entry.kind else {
            if let held = holdingExcluded[entry.path] { throw .excludedInTheWay(entry.path, held: held) }
            return .changed
        }
        if try !sameContent(entry, there) { return .changed }
        let difference = difference(wanted, there)
        // Another name of the same file may lie outside of the workspace, and be none of the agent's: left as it is, a new file takes its place.
        return difference != nil && there.hasOtherNames ? .changed : difference
    }

    private func difference(_ wanted: WantedEntry, _ there: DiskEntry) -> WorkspaceRestorePlan.Change? {
        if let owner = wanted.owner, there.owner != owner { return .owner }
        if wanted.stored.kind == .link { return nil }
        if there.mode != wanted.mode { return .mode }
        return there.modifiedAt == wanted.stored.modifiedAt ? nil : .time
    }

    private func sameContent(_ entry: TreeEntry, _ there: DiskEntry) throws(Obstacle) -> Bool {
        switch there.kind {
        case .directory, .other: return true
        case .symbolicLink(let target): return target.utf8.elementsEqual((entry.target ?? "").utf8)
        case .file:
            let stored = Measure(size: entry.size ?? 0, digest: entry.sha256 ?? "")
            guard there.size == stored.size else { return false }
            // Equal size and time prove nothing: times can be set.
            do throws(FileFault) { return try workspace.measure(entry.path, limit: stored.size) == stored } catch {
                throw .workspace(error)
            }
        }
    }

    private static func kind(_ entry: DiskEntry) -> TreeEntry.Kind {
        switch entry.kind {
        case .file, .other: .file
        case .directory: .directory
        case .symbolicLink: .link
        }
    }

    // MARK: Space

    /// What is removed is removed first; then every file is written before the old one goes.
    private func spaceNeeded(_ steps: [WorkspaceRestorePlan.Step]) -> UInt64 {
        var growth: UInt64 = 0
        var freed: UInt64 = 0
        var largest: UInt64 = 0
        for step in steps {
            let old = present[step.path].map { $0.kind == .file ? $0.size : 0 } ?? 0
            switch step.change {
            case .removed: freed = saturatingSum(freed, old)
            case .added, .changed:
                let new = step.size ?? 0
                largest = max(largest, new)
                if new > old { growth = saturatingSum(growth, new - old) } else { freed = saturatingSum(freed, old - new) }
            case .owner, .mode, .time: break
            }
        }
        let total = saturatingSum(growth, largest)
        return total > freed ? total - freed : min(total, largest)
    }
}

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
    }
    public var version: VersionNumber
    /// Sorted by path. Empty: the workspace is as the version has it.
    public var steps: [Step]
    /// Files, directories and links that are as they should be.
    public var unchanged: Int
    /// Excluded or special, and therefore left as they are.
    public var leftAlone: [DiskPath]
    /// Bytes that must be free beside the workspace.
    public var spaceNeeded: ByteCount

    public func steps(_ change: Change) -> [Step] { steps.filter { $0.change == change } }
}

/// A plan with what it was made of.
struct PlannedRestore {
    var plan: WorkspaceRestorePlan
    /// What is to be there in the end, excluded paths left out.
    var wanted: [TreeEntry]
}

/// Compares a version with what is there.
struct RestorePlanner {
    enum Obstacle: Error {
        case workspace(FileFault)
        /// The version has a file where the workspace has a directory that holds something excluded.
        case excludedInTheWay(DiskPath, held: DiskPath)
    }
    let workspace: any Disk
    let wanted: [TreeEntry]
    let listing: WorkspaceListing
    private let present: [DiskPath: DiskEntry]
    /// Directories that hold, at any depth, what is excluded; and what that is.
    private let holdingExcluded: [DiskPath: DiskPath]
    /// Directories that hold anything that is left alone unless it is in the way.
    private let holdingSpecial: [DiskPath: DiskPath]

    init(_ entries: [TreeEntry], in workspace: any Disk, leavingOut exclusions: Exclusions) throws(FileFault) {
        self.workspace = workspace
        let listing = try WorkspaceListing(of: workspace, leavingOut: exclusions)
        wanted = entries.filter { !exclusions.covers($0.path) }
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
            steps.append(.init(path: entry.path, change: change, kind: entry.kind, size: entry.size))
        }
        let unchanged = wanted.count - steps.count
        let known = Set(wanted.map(\.path))
        for found in listing.found where !known.contains(found.path) && !isKept(found.path) {
            steps.append(.init(path: found.path, change: .removed, kind: Self.kind(found.entry), size: nil))
        }
        let space = spaceNeeded(steps)
        steps.sort { $0.path < $1.path }
        let leftAlone = (listing.excluded + listing.special.filter { !known.contains($0) } + listing.vanished).sorted()
        let plan = WorkspaceRestorePlan(
            version: version, steps: steps, unchanged: unchanged, leftAlone: leftAlone, spaceNeeded: ByteCount(space))
        return PlannedRestore(plan: plan, wanted: wanted)
    }

    private func isKept(_ path: DiskPath) -> Bool { holdingExcluded[path] != nil || holdingSpecial[path] != nil }

    // MARK: One path

    private func change(_ entry: TreeEntry) throws(Obstacle) -> WorkspaceRestorePlan.Change? {
        guard let there = present[entry.path] else { return .added }
        guard Self.kind(there) == entry.kind else {
            if let held = holdingExcluded[entry.path] { throw .excludedInTheWay(entry.path, held: held) }
            return .changed
        }
        if try !sameContent(entry, there) { return .changed }
        if entry.kind == .link { return nil }
        if there.mode != entry.restoredMode { return .mode }
        return there.modifiedAt == entry.modifiedAt ? nil : .time
    }

    private func sameContent(_ entry: TreeEntry, _ there: DiskEntry) throws(Obstacle) -> Bool {
        switch there.kind {
        case .directory, .other: return true
        case .symbolicLink(let target): return target.utf8.elementsEqual((entry.target ?? "").utf8)
        case .file:
            let stored = Measure(size: entry.size ?? 0, sha256: entry.sha256 ?? "")
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
            case .mode, .time: break
            }
        }
        let total = saturatingSum(growth, largest)
        return total > freed ? total - freed : min(total, largest)
    }
}

extension TreeEntry {
    /// Without set-user and set-group bits for files: the restored file belongs to the runner, and must not run as it.
    var restoredMode: UInt32 { kind == .file ? mode & 0o1777 : mode & 0o7777 }
}

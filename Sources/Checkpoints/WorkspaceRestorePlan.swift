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
        /// Same content, but it is one file with others that it is not one with in the version, or the other way round.
        case names
        /// Same content, other owner; its attributes, permission bits and time are set too.
        case owner
        /// Same content, other extended attributes; its permission bits and time are set too.
        case attributes
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
        /// What it is to be another name of.
        public var same: DiskPath?
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
    /// How many have extended attributes that cannot be given here: capabilities without their owner, or where the file system has none.
    public var attributesLost: Int
    /// Bytes that must be free beside the workspace, where files get their second names and share their place with the store's as they should.
    public var spaceNeeded: ByteCount

    public func steps(_ change: Change) -> [Step] { steps.filter { $0.change == change } }
}

/// A plan with what it was made of.
struct PlannedRestore {
    var plan: WorkspaceRestorePlan
    /// What is to be there in the end, excluded paths left out.
    var wanted: [WantedEntry]
    var space: RestoreSpace
}

/// What is to be at a path in the end.
struct WantedEntry {
    var stored: TreeEntry
    /// nil: the version does not say, or we may not give it.
    var owner: FileOwner?
    /// Those that can be given; nil: the version does not say, or not of this one, or it is a link.
    var attributes: [ExtendedAttribute]?
    /// Some cannot be given here.
    var losesAttributes = false
    /// What of the version has its bytes: itself, but for a file with several names.
    var content: DiskPath
    /// What it is to be another name of.
    var linked: DiskPath?

    /// - Parameter keepsAttributes: whether the version says which extended attributes there were.
    init(_ stored: TreeEntry, on workspace: any Disk, keepsAttributes: Bool) {
        self.stored = stored
        content = stored.same ?? stored.path
        owner = stored.owner.flatMap { workspace.mayGive($0) ? $0 : nil }
        guard keepsAttributes, stored.kind != .link, stored.unkept != true else { return }
        let all = stored.attributes ?? []
        // Who runs the file of another with capabilities of it must not get them of ours.
        let given = all.filter { workspace.mayGive(attribute: $0.name) && ($0.name != ExtendedAttribute.capability || owner != nil) }
        attributes = given.map { ExtendedAttribute($0.name, $0.bytes ?? []) }
        losesAttributes = given.count < all.count
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
    private let keepsNames: Bool
    let listing: WorkspaceListing
    /// What has other attributes than the version says.
    private var differing: Set<DiskPath> = []
    /// What has more of them than can be looked at, or of which they cannot be read: a new file takes its place.
    private var laden: Set<DiskPath> = []
    private let present: [DiskPath: DiskEntry]
    /// Directories that hold, at any depth, what is excluded; and what that is.
    private let holdingExcluded: [DiskPath: DiskPath]
    /// Directories that hold anything that is left alone unless it is in the way.
    private let holdingSpecial: [DiskPath: DiskPath]

    init(
        _ entries: [TreeEntry], of manifest: Manifest, in workspace: any Disk, leavingOut exclusions: Exclusions
    ) throws(FileFault) {
        try self.init(entries, of: manifest, in: workspace, WorkspaceListing(of: workspace, leavingOut: exclusions), leavingOut: exclusions)
    }

    /// - Parameters:
    ///   - workspace: nothing but what is listed is read there.
    ///   - listing: what there is.
    ///   - asTheyAre: directories of which nothing is wanted but that they are there.
    init(
        _ entries: [TreeEntry], of manifest: Manifest, in workspace: any Disk, _ listing: WorkspaceListing,
        leavingOut exclusions: Exclusions, asTheyAre: Set<DiskPath> = []
    ) throws(FileFault) {
        self.workspace = workspace
        keepsNames = manifest.workspace?.keepsNames ?? false
        let keepsAttributes = manifest.workspace?.keepsAttributes ?? false
        let included = entries.filter { !exclusions.covers($0.path, isDirectory: $0.kind == .directory) }
        wanted = Self.linked(
            included.map { WantedEntry($0, on: workspace, keepsAttributes: keepsAttributes && !asTheyAre.contains($0.path)) })
        self.listing = listing
        present = Dictionary(uniqueKeysWithValues: listing.found.map { ($0.path, $0.entry) })
        holdingExcluded = Self.directories(above: listing.excluded)
        holdingSpecial = Self.directories(above: listing.special + listing.vanished)
        for entry in wanted {
            guard let wanted = entry.attributes, let there = present[entry.stored.path], Self.kind(there) == entry.stored.kind,
                there.kind != .other
            else { continue }
            do throws(FileFault) {
                let found = try workspace.attributes(at: entry.stored.path, limit: StoredAttribute.limit)
                if !workspace.changes(found, to: wanted).isEmpty { differing.insert(entry.stored.path) }
            } catch {
                guard error.kind != .stopped, error.kind == .tooLarge || there.kind == .file else { throw error }
                laden.insert(entry.stored.path)
            }
        }
    }

    /// Of a file's names that are wanted, the first is made and the others become names of it.
    private static func linked(_ wanted: [WantedEntry]) -> [WantedEntry] {
        let firsts = Set(wanted.compactMap(\.stored.same))
        if firsts.isEmpty { return wanted }
        var wanted = wanted
        var made: [DiskPath: DiskPath] = [:]
        for index in wanted.indices where firsts.contains(wanted[index].content) {
            wanted[index].linked = made[wanted[index].content]
            if wanted[index].linked == nil { made[wanted[index].content] = wanted[index].stored.path }
        }
        return wanted
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

    /// - Parameter isShared: whether a stored file may well share its place with what is made of it.
    func plan(_ version: VersionNumber, isShared: (TreeEntry) -> Bool = { _ in false }) throws(Obstacle) -> PlannedRestore {
        var steps: [WorkspaceRestorePlan.Step] = []
        var names = Names()
        for entry in wanted {
            guard let change = try change(entry, &names) else { continue }
            let path = entry.stored.path
            let givesOwner = change == .owner || change == .changed && present[path]?.owner != entry.owner
            steps.append(
                .init(
                    path: path, change: change, kind: entry.stored.kind, size: entry.stored.size, owner: givesOwner ? entry.owner : nil,
                    same: entry.linked))
        }
        let unchanged = wanted.count - steps.count
        let known = Set(wanted.map(\.stored.path))
        for found in listing.found where !known.contains(found.path) && !isKept(found.path) {
            steps.append(.init(path: found.path, change: .removed, kind: Self.kind(found.entry), size: nil))
        }
        let space = space(steps, isShared)
        steps.sort { $0.path < $1.path }
        let leftAlone = (listing.excluded + listing.special.filter { !known.contains($0) } + listing.vanished).sorted()
        let plan = WorkspaceRestorePlan(
            version: version, steps: steps, unchanged: unchanged, leftAlone: leftAlone,
            ownersLost: wanted.count { $0.owner == nil && $0.stored.owner != nil }, attributesLost: wanted.count(where: \.losesAttributes),
            spaceNeeded: space.needed())
        return PlannedRestore(plan: plan, wanted: wanted, space: space)
    }

    private func isKept(_ path: DiskPath) -> Bool { holdingExcluded[path] != nil || holdingSpecial[path] != nil }

    // MARK: One path

    /// What was found of files with several names on the way through the list.
    private struct Names {
        /// Which of the wanted files stays the file it is.
        var claimed: Set<FileNumber> = []
        /// In whose place another file comes.
        var replaced: Set<DiskPath> = []
    }

    private func change(_ wanted: WantedEntry, _ names: inout Names) throws(Obstacle) -> WorkspaceRestorePlan.Change? {
        let path = wanted.stored.path
        if let head = wanted.linked, let there = present[path], there.kind == .file {
            if there.number != nil, there.number == present[head]?.number, !names.replaced.contains(head) { return nil }
            return try sameContent(wanted.stored, there) ? .names : .changed
        }
        var change = try change(wanted)
        if change != .changed, change != .added, keepsNames, let there = present[path], there.kind == .file, there.hasOtherNames,
            let number = there.number, !names.claimed.insert(number).inserted
        {
            change = .names
        }
        if change == .changed || change == .names { names.replaced.insert(path) }
        return change
    }

    private func change(_ wanted: WantedEntry) throws(Obstacle) -> WorkspaceRestorePlan.Change? {
        let entry = wanted.stored
        guard let there = present[entry.path] else { return .added }
        guard Self.kind(there) == entry.kind else {
            if let held = holdingExcluded[entry.path] { throw .excludedInTheWay(entry.path, held: held) }
            return .changed
        }
        if laden.contains(entry.path), entry.kind == .file { return .changed }
        if try !sameContent(entry, there) { return .changed }
        let difference = difference(wanted, there)
        // Another name of the same file may lie outside of the workspace, and be none of the agent's: left as it is, a new file takes its place.
        return difference != nil && there.hasOtherNames ? .changed : difference
    }

    private func difference(_ wanted: WantedEntry, _ there: DiskEntry) -> WorkspaceRestorePlan.Change? {
        if let owner = wanted.owner, there.owner != owner { return .owner }
        if wanted.stored.kind == .link { return nil }
        if differing.contains(wanted.stored.path) { return .attributes }
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

    private func space(_ steps: [WorkspaceRestorePlan.Step], _ isShared: (TreeEntry) -> Bool) -> RestoreSpace {
        var space = RestoreSpace()
        let stored = Dictionary(uniqueKeysWithValues: wanted.map { ($0.stored.path, $0.stored) })
        for step in steps {
            // What another name still means is not given back.
            let old = present[step.path].map { $0.kind == .file && !$0.hasOtherNames ? $0.size : 0 } ?? 0
            switch step.change {
            case .removed: space.remove(old)
            case .added, .changed, .names:
                guard let entry = stored[step.path] else { continue }
                let isFile = entry.kind == .file
                space.write(entry, instead: old, isName: isFile && step.same != nil, isShared: isFile && isShared(entry))
            case .owner, .attributes, .mode, .time: break
            }
        }
        return space
    }
}

extension Disk {
    /// What must be set, and what taken away (nil), so that a file that has `there` has `wanted`. What may be neither given nor taken stays.
    func changes(_ there: [ExtendedAttribute], to wanted: [ExtendedAttribute]) -> [(name: String, value: [UInt8]?)] {
        var changes: [(name: String, value: [UInt8]?)] = []
        for attribute in there where !wanted.contains(where: { $0.name == attribute.name }) && mayGive(attribute: attribute.name) {
            changes.append((attribute.name, nil))
        }
        for attribute in wanted where !there.contains(attribute) { changes.append((attribute.name, attribute.value)) }
        return changes
    }
}

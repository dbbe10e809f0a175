internal import AgentModel
internal import OutsideWorld

/// What a restore takes beside the workspace, by what its disk turns out to be able to do.
struct RestoreSpace {
    /// Whether files get second names, and whether they share their place with the store's. What is not so is copied.
    struct Abilities {
        var names = true
        var sharing = true
    }
    private struct Written {
        var new: UInt64
        /// What is there now, and goes when the new one is written.
        var old: UInt64
        var isName = false
        var isShared = false
    }
    private var written: [Written] = []
    /// What is removed is removed first.
    private var removed: UInt64 = 0
    /// One that is to share its place, and whether there is a second name to be made: to try it.
    private(set) var shared: TreeEntry?
    private(set) var hasNames = false

    mutating func remove(_ size: UInt64) { removed = saturatingSum(removed, size) }

    mutating func write(_ entry: TreeEntry, instead old: UInt64, isName: Bool, isShared: Bool) {
        written.append(Written(new: entry.size ?? 0, old: old, isName: isName, isShared: isShared && !isName))
        if isName { hasNames = true } else if isShared, shared == nil { shared = entry }
    }

    /// Every file is written before the old one goes.
    func needed(_ abilities: Abilities = Abilities()) -> ByteCount {
        var growth: UInt64 = 0
        var freed = removed
        var largest: UInt64 = 0
        for file in written {
            // What goes may share its place with a version, too, so it is no gain.
            if file.isShared, abilities.sharing { continue }
            let new = file.isName && abilities.names ? 0 : file.new
            largest = max(largest, new)
            if new > file.old { growth = saturatingSum(growth, new - file.old) } else { freed = saturatingSum(freed, file.old - new) }
        }
        let total = saturatingSum(growth, largest)
        return ByteCount(total > freed ? total - freed : min(total, largest))
    }
}

extension CheckpointStore {
    /// Nothing but trying tells whether files can share their place or have second names there: tried where there is no room for copies.
    /// - Throws: `full`; what was tried is gone then.
    func requireRoom(
        for planned: PlannedRestore, of content: VersionContent, in workspace: any Disk, _ errand: Errand
    ) throws(StoreFault) {
        let space = planned.space
        let free = try errand.outside { () throws(FileFault) in try workspace.freeSpace() }
        if space.needed(RestoreSpace.Abilities(names: false, sharing: false)) <= free { return }
        var abilities = RestoreSpace.Abilities()
        if space.needed() <= free {
            let trial = try errand.outside { () throws(FileFault) in
                var name = WorkspaceRestorer.temporaryName(for: planned)
                while try workspace.entry(at: DiskPath(stringLiteral: name)) != nil { name += "+" }
                return DiskPath(stringLiteral: name)
            }
            if let shared = space.shared { abilities.sharing = canShare(shared, of: content, with: workspace, at: trial) }
            if space.hasNames { abilities.names = hasNames(workspace, at: trial) }
        }
        let needed = space.needed(abilities)
        guard needed <= free else { throw errand.fault(.full(needed: needed, free: free)) }
    }

    private func canShare(_ entry: TreeEntry, of content: VersionContent, with workspace: any Disk, at trial: DiskPath) -> Bool {
        defer { try? workspace.removeTree(trial) }  // who tries next does
        guard let source = try? content.file(entry.path), let target = try? workspace.open(trial, .createNew(mode: 0o600)) else {
            return false
        }
        return (try? target.share(entry.size ?? 0, of: source)) == .shared
    }

    private func hasNames(_ workspace: any Disk, at trial: DiskPath) -> Bool {
        // A directory, so that nobody else has one of these names.
        let (first, second) = (trial / "first", trial / "second")
        defer { try? workspace.removeTree(trial) }  // the restore would
        do throws(FileFault) {
            try workspace.makeDirectory(trial, mode: 0o700)
            try workspace.create(first, with: [])
            return try workspace.makeLinkIfPossible(second, to: first)
        } catch { return false }
    }
}

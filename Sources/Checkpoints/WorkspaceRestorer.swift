internal import AgentModel
internal import OutsideWorld

/// Carries out a plan. Safe to be cut off anywhere and begun anew: each step leaves a workspace from which a new plan leads to the same end.
struct WorkspaceRestorer {
    let content: VersionContent
    let workspace: any Disk
    let entries: [DiskPath: WantedEntry]
    let errand: Errand
    /// Beside each file while it is written. No name in the version, so that a later plan removes what a crash left.
    private let temporaryName: String
    /// Directories whose names changed; nil: the root.
    private var touched: Set<DiskPath?> = []

    /// An earlier restore was cut off: what it did may not be durable.
    private let isRepeated: Bool

    init(
        _ content: VersionContent, _ planned: PlannedRestore, workspace: any Disk, isRepeated: Bool, errand: Errand
    ) {
        self.content = content
        self.workspace = workspace
        self.entries = Dictionary(uniqueKeysWithValues: planned.wanted.map { ($0.stored.path, $0) })
        self.isRepeated = isRepeated
        self.errand = errand
        temporaryName = Self.temporaryName(for: planned)
    }

    static func temporaryName(for planned: PlannedRestore) -> String {
        let taken = Set((planned.wanted.map(\.stored.path) + planned.plan.leftAlone).map { Array($0.name.utf8) })
        var name = ".runner-restore"
        while taken.contains(Array(name.utf8)) { name += "+" }
        return name
    }

    mutating func execute(_ plan: WorkspaceRestorePlan) throws(StoreFault) {
        let replaced = plan.steps.filter { $0.change == .changed }
        // 1. Away with what is not in the version, or of another kind; the deepest first.
        for step in plan.steps(.removed).reversed() { try remove(step.path) }
        for step in replaced.reversed() { try removeOtherKind(step) }
        // 2. Directories, the highest first, then what they hold.
        for step in plan.steps where step.kind == .directory && step.change != .removed { try makeUsable(step) }
        for step in plan.steps where step.kind != .directory && step.change != .removed { try place(step) }
        // 3. Times of directories change with their content: last, the deepest first, whether planned or not.
        let directories = entries.values.filter { $0.stored.kind == .directory }
        for entry in directories.sorted(by: { $1.stored.path < $0.stored.path }) { try finish(entry) }
        if isRepeated { try syncAll() }
        for directory in touched.sorted(by: { ($1?.text ?? "").utf8.lexicographicallyPrecedes(($0?.text ?? "").utf8) }) {
            try errand.outside { () throws(FileFault) in try workspace.syncDirectory(directory) }
        }
    }

    private mutating func syncAll() throws(StoreFault) {
        touched.insert(nil)
        for entry in entries.values.map(\.stored).sorted(by: { $0.path < $1.path }) {
            switch entry.kind {
            case .directory: touched.insert(entry.path)
            case .file: try errand.outside { () throws(FileFault) in try workspace.open(entry.path, .read).sync() }
            case .link: break
            }
        }
    }

    // MARK: Removing

    private mutating func remove(_ path: DiskPath) throws(StoreFault) {
        touched.insert(path.parent)
        touched.remove(path)
        try errand.outside { () throws(FileFault) in
            try openUp(path.parent)
            try workspace.removeTree(path)
        }
    }

    /// A directory where a file or link shall be, or the other way round. What it held was removed before, being in no version.
    private mutating func removeOtherKind(_ step: WorkspaceRestorePlan.Step) throws(StoreFault) {
        let there = try errand.outside { () throws(FileFault) in try workspace.entry(at: step.path) }
        guard let there, (there.kind == .directory) != (step.kind == .directory) else { return }
        try remove(step.path)
    }

    // MARK: Placing

    /// Makes the directory, or makes an old one writable until it gets its own bits at the end.
    private mutating func makeUsable(_ step: WorkspaceRestorePlan.Step) throws(StoreFault) {
        touched.insert(step.path)
        guard step.change == .added || step.change == .changed else { return }
        touched.insert(step.path.parent)
        try errand.outside { () throws(FileFault) in
            try openUp(step.path.parent)
            do throws(FileFault) { try workspace.makeDirectory(step.path, mode: 0o700) } catch {
                // A special file was in the way.
                guard error.kind == .exists, try workspace.entry(at: step.path)?.kind == .other else { throw error }
                try workspace.removeFile(step.path)
                try workspace.makeDirectory(step.path, mode: 0o700)
            }
        }
    }

    private mutating func place(_ step: WorkspaceRestorePlan.Step) throws(StoreFault) {
        guard let wanted = entries[step.path] else { preconditionFailure("'\(step.path)' is in the plan and not in the version") }
        let entry = wanted.stored
        switch step.change {
        case .added, .changed, .names:
            touched.insert(entry.path.parent)
            let temporary = entry.path.parent.map { $0 / temporaryName } ?? DiskPath(stringLiteral: temporaryName)
            try errand.outside { () throws(FileFault) in
                try openUp(entry.path.parent)
                try workspace.removeTree(temporary)
            }
            switch entry.kind {
            case .file: if try !makeName(wanted, at: temporary) { try copy(wanted, to: temporary) }
            case .directory, .link: try link(wanted, at: temporary)
            }
            try errand.outside { () throws(FileFault) in try workspace.rename(temporary, to: entry.path) }
        case .owner where entry.kind == .link:
            touched.insert(entry.path.parent)
            try errand.outside { () throws(FileFault) in try giveOwner(wanted, at: entry.path) }
        case .owner, .attributes, .mode, .time:
            try errand.outside { () throws(FileFault) in
                // Attributes are given only to what may be written.
                try workspace.setMode(entry.path, entry.mode & 0o1777 | 0o600)
                let file = try workspace.open(entry.path, .read)
                try dress(wanted, at: entry.path)
                try file.sync()
            }
        case .removed: return
        }
    }

    /// The stored bytes, hashed once more on the way: what decayed since the version was verified takes no place.
    private func copy(_ wanted: WantedEntry, to temporary: DiskPath) throws(StoreFault) {
        let entry = wanted.stored
        let part = "workspace/\(entry.path)"
        let opened = try errand.reading(part) { () throws(FileFault) in try content.file(wanted.content) }
        let target = try errand.outside { () throws(FileFault) in try workspace.open(temporary, .createNew(mode: 0o600)) }
        let source: MeasuredFile
        var piece: [UInt8] = []
        if try share(opened, entry.size ?? 0, with: target) {
            // What takes the place is what is measured.
            source = MeasuredFile(FileSection(of: target, from: 0, size: .max, named: part), limit: entry.size ?? 0)
            while try errand.outside({ () throws(FileFault) in try source.next(&piece) }) {}
        } else {
            if wanted.linked != nil || mayShare(entry) { try requireRoom(entry) }
            source = MeasuredFile(opened, limit: entry.size ?? 0)
            while try errand.reading(part, { () throws(FileFault) in try source.next(&piece) }) {
                try errand.outside { () throws(FileFault) in try target.write(piece) }
            }
        }
        guard source.finish() == Measure(size: entry.size ?? 0, digest: entry.sha256 ?? "") else {
            try? workspace.removeFile(temporary)  // the next restore would
            throw errand.fault(.broken(part: part, how: "its bytes are not what was stored"))
        }
        try errand.outside { () throws(FileFault) in
            try dress(wanted, at: temporary)
            try target.sync()
        }
    }

    private func mayShare(_ entry: TreeEntry) -> Bool { content.mayShare(entry.size ?? 0, with: workspace) }

    /// It was hoped that it would take none.
    private func requireRoom(_ entry: TreeEntry) throws(StoreFault) {
        let free = try errand.outside { () throws(FileFault) in try workspace.freeSpace() }
        let needed = ByteCount(entry.size ?? 0)
        guard needed <= free else { throw errand.fault(.full(needed: needed, free: free)) }
    }

    /// Whether the target holds now what the stored file holds, in the same place on the disk.
    private func share(_ stored: any DiskFile, _ size: UInt64, with target: any DiskFile) throws(StoreFault) -> Bool {
        guard content.mayShare(size, with: workspace) else { return false }
        return try errand.outside { () throws(FileFault) in try target.share(size, of: stored) } == .shared
    }

    /// Another name of a file that is already as it shall be.
    /// - Returns: false: it is none, or there can be none here.
    private func makeName(_ wanted: WantedEntry, at temporary: DiskPath) throws(StoreFault) -> Bool {
        guard let head = wanted.linked else { return false }
        return try errand.outside { () throws(FileFault) in
            try openUp(head.parent)
            return try workspace.makeLinkIfPossible(temporary, to: head)
        }
    }

    private func link(_ wanted: WantedEntry, at temporary: DiskPath) throws(StoreFault) {
        try errand.outside { () throws(FileFault) in
            try workspace.makeSymbolicLink(temporary, to: wanted.stored.target ?? "")
            try giveOwner(wanted, at: temporary)
        }
    }

    /// The owner first: giving a file away takes its set-user bit.
    private func dress(_ wanted: WantedEntry, at path: DiskPath) throws(FileFault) {
        try giveOwner(wanted, at: path)
        // Before the bits: an access list has those of the group in it. What is made in a directory with one of its own got one.
        try giveAttributes(wanted, at: path)
        try workspace.setMode(path, wanted.mode)
        try workspace.setModified(path, wanted.stored.modifiedAt)
    }

    /// Only where it differs, so that a file system without owners is asked for nothing it cannot do.
    private func giveOwner(_ wanted: WantedEntry, at path: DiskPath) throws(FileFault) {
        guard let owner = wanted.owner, try workspace.entry(at: path)?.owner != owner else { return }
        try workspace.setOwner(path, owner)
    }

    private func giveAttributes(_ wanted: WantedEntry, at path: DiskPath) throws(FileFault) {
        guard let attributes = wanted.attributes else { return }
        try workspace.giveAttributes(attributes, to: path)
    }

    /// A directory of the agent's may forbid its own owner to write; it gets its bits back at the end.
    private func openUp(_ directory: DiskPath?) throws(FileFault) {
        guard let directory, let entry = try workspace.entry(at: directory), entry.mode & 0o700 != 0o700 else { return }
        try workspace.setMode(directory, entry.mode | 0o700)
    }

    private mutating func finish(_ wanted: WantedEntry) throws(StoreFault) {
        let entry = wanted.stored
        let there = try errand.outside { () throws(FileFault) in try workspace.entry(at: entry.path) }
        let hasOwner = wanted.owner == nil || there?.owner == wanted.owner
        let differs = try errand.outside { () throws(FileFault) in
            guard let attributes = wanted.attributes else { return false }
            return try !workspace.attributeChanges(of: entry.path, to: attributes).isEmpty
        }
        if hasOwner, !differs, there?.mode == wanted.mode, there?.modifiedAt == entry.modifiedAt { return }
        // Before its bits may forbid to open it; what follows in it are only those bits.
        try errand.outside { () throws(FileFault) in
            try giveOwner(wanted, at: entry.path)
            if differs { try openUp(entry.path) }
            try giveAttributes(wanted, at: entry.path)
            try workspace.setModified(entry.path, entry.modifiedAt)
            try workspace.setMode(entry.path, wanted.mode)
        }
        touched.insert(entry.path)
    }
}

extension Disk {
    /// - Returns: false: the file system knows no second names, or this file has as many as it may, or the two lie on different ones.
    func makeLinkIfPossible(_ path: DiskPath, to existing: DiskPath) throws(FileFault) -> Bool {
        for isLast in [false, true] {
            do throws(FileFault) {
                try makeLink(path, to: existing)
                return true
            } catch {
                switch error.kind {
                case .system(18), .system(31), .system(95): return false  // EXDEV, EMLINK, EOPNOTSUPP
                // EPERM of a file system that knows none, too: it says it whenever it is asked.
                case .denied: if isLast { return false }
                default: throw error
                }
            }
        }
        return false
    }

    /// Makes these the extended attributes of a file or directory.
    func giveAttributes(_ wanted: [ExtendedAttribute], to path: DiskPath) throws(FileFault) {
        // An access list may forbid its own owner to write, and so to give the others: those come first.
        let changes = try attributeChanges(of: path, to: wanted)
        for (name, value) in changes.filter({ $0.name.utf8.starts(with: "user.".utf8) })
            + changes.filter({ !$0.name.utf8.starts(with: "user.".utf8) })
        {
            do throws(FileFault) { try setAttribute(name, of: path, to: value) } catch {
                // Another file system is mounted within, and takes none: without them the file is better than none. EOPNOTSUPP
                guard error.kind == .system(95) else { throw error }
            }
        }
    }

    /// None for what has more than can be looked at: only a directory is left with those.
    func attributeChanges(of path: DiskPath, to wanted: [ExtendedAttribute]) throws(FileFault) -> [(name: String, value: [UInt8]?)] {
        do throws(FileFault) { return changes(try attributes(at: path, limit: StoredAttribute.limit), to: wanted) } catch {
            guard error.kind == .tooLarge else { throw error }
            return []
        }
    }
}

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
        let taken = Set((planned.wanted.map(\.stored.path) + planned.plan.leftAlone).map { Array($0.name.utf8) })
        var name = ".runner-restore"
        while taken.contains(Array(name.utf8)) { name += "+" }
        temporaryName = name
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
        case .added, .changed:
            touched.insert(entry.path.parent)
            let temporary = entry.path.parent.map { $0 / temporaryName } ?? DiskPath(stringLiteral: temporaryName)
            try errand.outside { () throws(FileFault) in
                try openUp(entry.path.parent)
                try workspace.removeTree(temporary)
            }
            if entry.kind == .file { try copy(wanted, to: temporary) } else { try link(wanted, at: temporary) }
            try errand.outside { () throws(FileFault) in try workspace.rename(temporary, to: entry.path) }
        case .owner where entry.kind == .link:
            touched.insert(entry.path.parent)
            try errand.outside { () throws(FileFault) in try giveOwner(wanted, at: entry.path) }
        case .owner, .mode, .time:
            try errand.outside { () throws(FileFault) in
                try workspace.setMode(entry.path, entry.mode & 0o1777 | 0o400)
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
        let opened = try errand.reading(part) { () throws(FileFault) in try content.file(entry.path) }
        let source = MeasuredFile(opened, limit: entry.size ?? 0)
        let target = try errand.outside { () throws(FileFault) in try workspace.open(temporary, .createNew(mode: 0o600)) }
        var piece: [UInt8] = []
        while try errand.reading(part, { () throws(FileFault) in try source.next(&piece) }) {
            try errand.outside { () throws(FileFault) in try target.write(piece) }
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

    private func link(_ wanted: WantedEntry, at temporary: DiskPath) throws(StoreFault) {
        try errand.outside { () throws(FileFault) in
            try workspace.makeSymbolicLink(temporary, to: wanted.stored.target ?? "")
            try giveOwner(wanted, at: temporary)
        }
    }

    /// The owner first: giving a file away takes its set-user bit.
    private func dress(_ wanted: WantedEntry, at path: DiskPath) throws(FileFault) {
        try giveOwner(wanted, at: path)
        try workspace.setMode(path, wanted.mode)
        try workspace.setModified(path, wanted.stored.modifiedAt)
    }

    /// Only where it differs, so that a file system without owners is asked for nothing it cannot do.
    private func giveOwner(_ wanted: WantedEntry, at path: DiskPath) throws(FileFault) {
        guard let owner = wanted.owner, try workspace.entry(at: path)?.owner != owner else { return }
        try workspace.setOwner(path, owner)
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
        if hasOwner, there?.mode == wanted.mode, there?.modifiedAt == entry.modifiedAt { return }
        // Before its bits may forbid to open it; what follows in it are only those bits.
        try errand.outside { () throws(FileFault) in
            try giveOwner(wanted, at: entry.path)
            try workspace.setModified(entry.path, entry.modifiedAt)
            try workspace.setMode(entry.path, wanted.mode)
        }
        touched.insert(entry.path)
    }
}

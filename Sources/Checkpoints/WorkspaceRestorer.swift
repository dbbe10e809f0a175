internal import AgentModel
internal import OutsideWorld

/// Carries out a plan. Safe to be cut off anywhere and begun anew: each step leaves a workspace from which a new plan leads to the same end.
struct WorkspaceRestorer {
    let store: any Disk
    let layout: VersionLayout
    let workspace: any Disk
    let entries: [DiskPath: TreeEntry]
    let errand: Errand
    /// Beside each file while it is written. No name in the version, so that a later plan removes what a crash left.
    private let temporaryName: String
    /// Directories whose names changed; nil: the root.
    private var touched: Set<DiskPath?> = []

    /// An earlier restore was cut off: what it did may not be durable.
    private let isRepeated: Bool

    init(
        _ manifest: Manifest, _ planned: PlannedRestore, store: any Disk, workspace: any Disk, isRepeated: Bool, errand: Errand
    ) {
        self.store = store
        layout = VersionLayout(directory: StoreLayout.version(manifest.agent, manifest.version))
        self.workspace = workspace
        self.entries = Dictionary(uniqueKeysWithValues: planned.wanted.map { ($0.path, $0) })
        self.isRepeated = isRepeated
        self.errand = errand
        let taken = Set((planned.wanted.map(\.path) + planned.plan.leftAlone).map { Array($0.name.utf8) })
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
        for entry in entries.values.filter({ $0.kind == .directory }).sorted(by: { $1.path < $0.path }) { try finish(entry) }
        if isRepeated { try syncAll() }
        for directory in touched.sorted(by: { ($1?.text ?? "").utf8.lexicographicallyPrecedes(($0?.text ?? "").utf8) }) {
            try errand.outside { () throws(FileFault) in try workspace.syncDirectory(directory) }
        }
    }

    private mutating func syncAll() throws(StoreFault) {
        touched.insert(nil)
        for entry in entries.values.sorted(by: { $0.path < $1.path }) {
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
        guard let entry = entries[step.path] else { preconditionFailure("'\(step.path)' is in the plan and not in the version") }
        switch step.change {
        case .added, .changed:
            touched.insert(entry.path.parent)
            let temporary = entry.path.parent.map { $0 / temporaryName } ?? DiskPath(stringLiteral: temporaryName)
            try errand.outside { () throws(FileFault) in
                try openUp(entry.path.parent)
                try workspace.removeTree(temporary)
            }
            if entry.kind == .file { try copy(entry, to: temporary) } else { try link(entry, at: temporary) }
            try errand.outside { () throws(FileFault) in try workspace.rename(temporary, to: entry.path) }
        case .mode, .time:
            try errand.outside { () throws(FileFault) in
                try workspace.setMode(entry.path, entry.restoredMode | 0o400)
                let file = try workspace.open(entry.path, .read)
                try dress(entry, at: entry.path)
                try file.sync()
            }
        case .removed: return
        }
    }

    /// The stored bytes, hashed once more on the way: what decayed since the version was verified takes no place.
    private func copy(_ entry: TreeEntry, to temporary: DiskPath) throws(StoreFault) {
        let part = "workspace/\(entry.path)"
        let opened = try errand.reading(part) { () throws(FileFault) in try store.open(layout.content(entry.path), .read) }
        let source = MeasuredFile(opened, limit: entry.size ?? 0)
        let target = try errand.outside { () throws(FileFault) in try workspace.open(temporary, .createNew(mode: 0o600)) }
        while let piece = try errand.reading(part, { () throws(FileFault) in try source.next() }) {
            try errand.outside { () throws(FileFault) in try target.write(piece) }
        }
        guard source.finish() == Measure(size: entry.size ?? 0, sha256: entry.sha256 ?? "") else {
            try? workspace.removeFile(temporary)  // the next restore would
            throw errand.fault(.broken(part: part, how: "its bytes are not what was stored"))
        }
        try errand.outside { () throws(FileFault) in
            try dress(entry, at: temporary)
            try target.sync()
        }
    }

    private func link(_ entry: TreeEntry, at temporary: DiskPath) throws(StoreFault) {
        try errand.outside { () throws(FileFault) in try workspace.makeSymbolicLink(temporary, to: entry.target ?? "") }
    }

    private func dress(_ entry: TreeEntry, at path: DiskPath) throws(FileFault) {
        try workspace.setMode(path, entry.restoredMode)
        try workspace.setModified(path, entry.modifiedAt)
    }

    /// A directory of the agent's may forbid its own owner to write; it gets its bits back at the end.
    private func openUp(_ directory: DiskPath?) throws(FileFault) {
        guard let directory, let entry = try workspace.entry(at: directory), entry.mode & 0o700 != 0o700 else { return }
        try workspace.setMode(directory, entry.mode | 0o700)
    }

    private mutating func finish(_ entry: TreeEntry) throws(StoreFault) {
        let there = try errand.outside { () throws(FileFault) in try workspace.entry(at: entry.path) }
        if there?.mode == entry.restoredMode, there?.modifiedAt == entry.modifiedAt { return }
        // Before its bits may forbid to open it; what follows in it are only those bits.
        try errand.outside { () throws(FileFault) in
            try workspace.setModified(entry.path, entry.modifiedAt)
            try workspace.setMode(entry.path, entry.restoredMode)
        }
        touched.insert(entry.path)
    }
}

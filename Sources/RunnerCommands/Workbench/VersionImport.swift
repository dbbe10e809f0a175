internal import AgentModel
internal import AgentSpecs
internal import CheckpointArchives
internal import Checkpoints
internal import CriuImages
internal import CriuRequests
internal import OutsideWorld

/// What came of an import.
struct ImportedVersion: Encodable {
    var agent: AgentName
    var version: VersionNumber
    var parts: VersionParts
    var standing: Standing
    var notes: [String]
    /// For a person.
    var sentences: [String]
    enum CodingKeys: String, CodingKey { case agent, version, parts, standing, notes }
}

/// One import: everything goes to the store's staging and becomes a version, or nothing of it stays.
struct VersionImport {
    let agent: AgentName
    let source: VersionSource
    let store: CheckpointStore
    let work: LongWork
    let bench: Workbench

    /// A version that lies in staging, with what is to be said of it.
    private struct Staged {
        var checkpoint: StagedCheckpoint
        var spec: AgentSpec?
        /// Why its processes are not restored here.
        var obstacle: RestoreObstacle?
        var notes: [String]
    }

    func perform() throws(CommandFault) -> ImportedVersion {
        let isNew = try !bench.agents(in: store).contains(agent)
        do throws(StoreFault) { try store.addAgent(agent) } catch { throw CommandFault(error) }
        let lock: any DiskLock
        do throws(StoreFault) { lock = try store.lock(agent, holder: "'runner import'") } catch { throw CommandFault(error) }
        defer { lock.release() }
        do throws(CommandFault) {
            work.pause()
            do throws(StoreFault) { for sentence in try store.putInOrder(agent) { bench.talk(sentence) } } catch {
                throw CommandFault(error)
            }
            return try takeIn(isNew: isNew)
        } catch {
            if isNew { try? store.takeBack(agent) }  // an agent without a version is no harm
            throw error
        }
    }

    private func takeIn(isNew: Bool) throws(CommandFault) -> ImportedVersion {
        let opened: OpenedCut
        do throws(StoreFault) {
            opened = try store.openImport(agent, stagingID: bench.hexadecimal(of: bench.machine.randomNumber()), room: source.limit)
        } catch {
            throw CommandFault(error)
        }
        let staged: Staged
        do throws(CommandFault) {
            staged =
                switch source.kind {
                case .archive: try stageArchive(opened)
                case .images(let disk): try stageImages(of: disk, opened)
                }
            if isNew, let spec = staged.spec { try write(spec) }
        } catch {
            store.discard(opened)
            throw error
        }
        do throws(StoreFault) {
            let summary = try store.commit(staged.checkpoint)
            work.settle()
            if let obstacle = staged.obstacle { try store.mark(agent, summary.version, .suspect, because: obstacle.words) }
            return outcome(summary, staged, isNew: isNew)
        } catch { throw fault(error) }
    }

    private func outcome(_ summary: CheckpointSummary, _ staged: Staged, isNew: Bool) -> ImportedVersion {
        let title = "\(agent)@\(summary.version)"
        var sentences = staged.notes
        if let obstacle = staged.obstacle {
            sentences.append("the processes of '\(title)' cannot be restored here: \(obstacle.words). It can be looked at and exported")
        }
        if isNew, let spec = staged.spec {
            let workspace = spec.workspace.map { "workspace '\($0)'" } ?? "no workspace"
            sentences.append("'\(agent)' is new: command '\(spec.command.joined(separator: " "))', \(workspace)")
        }
        return ImportedVersion(
            agent: agent, version: summary.version, parts: summary.parts, standing: staged.obstacle == nil ? .stored : .suspect,
            notes: staged.notes, sentences: sentences)
    }

    private func write(_ spec: AgentSpec) throws(CommandFault) {
        do { try store.disk.replace(store.directory(of: agent) / "spec.json", with: (try? JSONText.encode(spec)) ?? []) } catch {
            throw CommandFault(inStore: error)
        }
    }

    /// What was stored elsewhere and is not so any more is the archive's fault, and none of this store's.
    private func fault(_ fault: StoreFault) -> CommandFault {
        guard case .broken(let part, let how) = fault.kind else { return CommandFault(fault) }
        return CommandFault(
            .archiveDamaged,
            "could not import '\(source.path)': its '\(part)' is not what was exported: \(how). Nothing was imported; copy or export it once more"
        )
    }

    // MARK: A directory of images

    private func stageImages(of disk: any Disk, _ opened: OpenedCut) throws(CommandFault) -> Staged {
        do throws(FileFault) {
            var size: UInt64 = 0
            for name in try disk.names(in: nil).sorted() where Self.isImage(name) {
                guard let file = DiskPath(name), let entry = try disk.entry(at: file), entry.kind == .file else { continue }
                size += min(entry.size, UInt64.max / 4)
                guard size <= source.limit.bytes else {
                    throw FileFault(.tooLarge, doing: "import with a limit of \(source.limit)", what: source.path)
                }
                try copy(file, of: disk, to: opened.directory / "process" / name, of: store.disk)
            }
        } catch { throw error.kind == .full ? memoryFault(opened, of: error.what) ?? CommandFault(error) : CommandFault(error) }
        return try stage(opened, facts: nil)
    }

    /// What is imported into a store that is encrypted lies in memory first: that is full then, and no disk. nil: it has all it may have, or `path` lies
    /// elsewhere.
    private func memoryFault(_ opened: OpenedCut, of path: String) -> CommandFault? {
        guard let room = opened.room, let bound = opened.bound, room < source.limit else { return nil }
        guard path.utf8.starts(with: "\(store.place(of: opened.directory))/".utf8) else { return nil }
        return CommandFault(
            .storeMemory,
            "could not import '\(source.path)': the store is encrypted, so it lies in memory until it is stored, and \(bound.leaves(room)), "
                + "which is too little. \(bound.remedy); nothing was imported")
    }

    /// What CRIU writes and a restore reads. Logs and notes of others stay where they are.
    private static func isImage(_ name: String) -> Bool { name.hasSuffix(".img") || name == ArchiveNames.statistics }

    /// Images that lie in `process/`, whoever made them.
    private func stage(_ opened: OpenedCut, facts: ContainerFacts?) throws(CommandFault) -> Staged {
        let images = try images(in: opened)
        try VersionSource.check(images, called: source.path)
        guard let outside = SetOutside(of: images), !outside.hasParent else {
            throw CommandFault(
                .importImages, "could not import '\(source.path)': its images hold no process tree of their own. Dump anew, as a whole")
        }
        let summary = SetSummary(of: images)
        let notes = ["imported from " + (facts.map { $0.words + ", without its file system and volumes" } ?? "a directory of images")]
        let made = MadeImages(tree: DumpedTree(of: outside), frozen: summary.frozenMicroseconds ?? 0, kernel: "", startedWith: "")
        let request = ImportRequest(
            agent: agent, takenAt: facts?.checkpointedAt ?? bench.machine.wallTime(), notes: notes, sizeLimit: source.limit)
        do throws(StoreFault) {
            let checkpoint = try store.stage(opened, images: made, as: request)
            return Staged(
                checkpoint: checkpoint, spec: spec(of: summary, facts), obstacle: outside.obstacle, notes: notes)
        } catch { throw fault(error) }
    }

    /// What its images tell of how the tree was started.
    private func spec(of summary: SetSummary, _ facts: ContainerFacts?) -> AgentSpec? {
        let root = summary.processes.first
        let command = [root?.command ?? [], facts?.command ?? [], [root?.executable].compactMap { $0 }].first { !$0.isEmpty }
        return command.map { AgentSpec(name: agent, command: $0, workdir: root?.workingDirectory ?? facts?.workingDirectory ?? "/") }
    }

    private func images(in opened: OpenedCut) throws(CommandFault) -> ImageDirectory {
        do { return try Workbench.images(in: opened.directory / "process", of: store.disk, named: source.path) } catch {
            throw CommandFault(inStore: error)
        }
    }

    // MARK: An archive

    private func stageArchive(_ opened: OpenedCut) throws(CommandFault) -> Staged {
        let unpacked = opened.directory / "archive"
        let limits = try source.limits(store)
        do { try store.disk.makeDirectory(unpacked, mode: 0o700) } catch { throw CommandFault(inStore: error) }
        do throws(ArchiveFault) {
            try bench.machine.unpack(
                source.absolute, into: store.place(of: unpacked), wanted: ArchiveNames.wanted, limits: limits,
                tick: { work.carried(more: 0) })
        } catch {
            if error.kind == .full, let fault = memoryFault(opened, of: store.place(of: unpacked)) { throw fault }
            throw CommandFault(error, importing: source.path, limit: limits)
        }
        let manifest = try bytes(ArchiveNames.manifest, below: unpacked)
        let facts = ContainerFacts(
            config: try bytes(ArchiveNames.config, below: unpacked), spec: try bytes(ArchiveNames.spec, below: unpacked))
        let spec = try bytes(ArchiveNames.agentSpec, below: unpacked).flatMap { try? JSONText.decode(AgentSpec.self, from: $0) }
        let seal = try bytes(ArchiveNames.seal, below: unpacked) ?? []
        do throws(FileFault) { try sort(unpacked, into: opened, isOurs: manifest != nil) } catch { throw CommandFault(inStore: error) }
        guard let manifest else { return try stage(opened, facts: facts) }
        return try stage(opened, manifest, seal, spec)
    }

    /// Moves what belongs to a version to where a version has it, and removes the rest.
    private func sort(_ unpacked: DiskPath, into opened: OpenedCut, isOurs: Bool) throws(FileFault) {
        let checkpoint = unpacked / ArchiveNames.checkpoint
        let process = opened.directory / "process"
        if try store.disk.entry(at: checkpoint) != nil {
            for name in try store.disk.names(in: checkpoint) where isOurs ? name != DescriptorsFile.name : Self.isImage(name) {
                try store.disk.rename(checkpoint / name, to: process / name)
            }
        }
        // Podman puts it beside the images; a version has it among them.
        let statistics = unpacked / ArchiveNames.statistics
        let place = process / ArchiveNames.statistics
        if try store.disk.entry(at: statistics) != nil, try store.disk.entry(at: place) == nil {
            try store.disk.rename(statistics, to: place)
        }
        if isOurs {
            for name in [ArchiveNames.state, ArchiveNames.tree, ArchiveNames.images, ArchiveNames.workspace] {
                guard let member = DiskPath("\(unpacked)/\(name)"), try store.disk.entry(at: member) != nil else { continue }
                try store.disk.rename(member, to: opened.directory / member.name)
            }
        }
        try store.disk.removeTree(unpacked)
    }

    private func stage(_ opened: OpenedCut, _ manifest: [UInt8], _ seal: [UInt8], _ spec: AgentSpec?) throws(CommandFault) -> Staged {
        let stranger = try? JSONText.decode(Manifest.self, from: manifest)
        let origin = stranger.map { "'\($0.agent)@\($0.version)'" } ?? "another store"
        let notes = ["imported from an export of \(origin)"]
        let request = ImportRequest(
            agent: agent, takenAt: stranger?.takenAt ?? bench.machine.wallTime(), notes: notes, sizeLimit: source.limit)
        let checkpoint: StagedCheckpoint
        do throws(StoreFault) { checkpoint = try store.stage(opened, sealed: manifest, seal: seal, as: request) } catch {
            throw fault(error)
        }
        if stranger?.process != nil { try VersionSource.check(try images(in: opened), called: source.path) }
        var renamed = spec
        renamed?.name = agent
        return Staged(checkpoint: checkpoint, spec: renamed, obstacle: nil, notes: notes)
    }

    private func bytes(_ name: String, below directory: DiskPath) throws(CommandFault) -> [UInt8]? {
        guard let path = DiskPath("\(directory)/\(name)") else { return nil }
        do {
            guard try store.disk.entry(at: path)?.kind == .file else { return nil }
            return try store.disk.read(path, limit: .mebibytes(4))
        } catch {
            guard error.kind == .tooLarge else { throw CommandFault(inStore: error) }
            throw VersionSource.tooLong(name, of: source.path)
        }
    }
}

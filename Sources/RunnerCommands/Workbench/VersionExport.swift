internal import AgentModel
internal import AgentSpecs
internal import CheckpointArchives
internal import Checkpoints
internal import Digests
internal import OutsideWorld

/// One version on its way out: verified, written beside its place, renamed when it is whole.
struct VersionExport {
    private let agent: AgentName
    private let version: CheckpointSummary
    private let manifest: Manifest
    private let spec: AgentSpec?
    private let store: CheckpointStore
    private let work: LongWork
    private let bench: Workbench
    /// As a person wrote it.
    private let path: String
    private let parent: any Disk
    private let name: DiskPath
    /// Nobody can know it before, and all that is there is ours.
    private let unfinished: DiskPath

    /// - Throws: when the version is not whole, or something is at `path` already.
    init(
        _ agent: AgentName, _ version: CheckpointSummary, to path: String, store: CheckpointStore, _ work: LongWork, bench: Workbench
    ) throws(CommandFault) {
        (self.agent, self.version, self.store, self.work, self.bench, self.path) = (agent, version, store, work, bench, path)
        let parts = Places.absolute(path, from: bench.machine.workingDirectory).split(separator: "/").map(String.init)
        let lot = bench.hexadecimal(of: bench.machine.randomNumber())
        guard let name = parts.last.flatMap({ DiskPath($0) }), let unfinished = DiskPath("\(name).\(lot).new") else {
            throw CommandFault(.usage, "'\(path)' names no file. See 'runner export --help'")
        }
        (self.name, self.unfinished) = (name, unfinished)
        do {
            parent = work.watch(try bench.machine.disk(at: "/" + parts.dropLast().joined(separator: "/"), create: false))
            if try parent.entry(at: name) != nil { throw Self.isThere("\(agent)@\(version.version)", path) }
        } catch let fault as FileFault { throw CommandFault(fault) } catch let fault as CommandFault { throw fault } catch {
            throw CommandFault(.internal, "could not look at '\(path)': \(error). Please report it with 'runner version'")
        }
        work.say("\(agent)@\(version.version): verifying")
        do throws(StoreFault) {
            try store.verify(agent, version.version)
            manifest = try store.manifest(agent, version.version)
        } catch { throw CommandFault(error) }
        spec = try bench.storedSpec(of: agent, in: store)
    }

    private var directory: DiskPath { store.directory(of: agent) / "versions" / "\(version.version)" }
    private var title: String { "\(agent)@\(version.version)" }
    private static func isThere(_ title: String, _ path: String) -> CommandFault {
        CommandFault(
            .exportExists, "could not export '\(title)' to '\(path)': something is there already. Give another path with '--output'")
    }

    /// What could not be removed when it came to nothing.
    var leftover: String? { (try? parent.entry(at: unfinished)).flatMap { $0 }.map { _ in "\(parent.rootName)/\(unfinished)" } }

    private func publish() throws(CommandFault) {
        do { try parent.renameNew(unfinished, to: name) } catch {
            try? parent.removeTree(unfinished)  // only a file too many stays
            throw error.kind == .exists ? Self.isThere(title, path) : CommandFault(error)
        }
        work.settle()
        do { try parent.syncDirectory(nil) } catch { throw CommandFault(error) }
    }

    // MARK: Plain images

    func writeImages() throws(CommandFault) {
        guard let made = manifest.process?.made else { throw lacks("images of processes") }
        work.say("\(title): writing images")
        do throws(FileFault) { try parent.makeDirectory(unfinished, mode: 0o700) } catch { throw CommandFault(error) }
        do throws(FileFault) {
            let (images, disk) = try images()
            for image in images {
                try copy(image.path, of: disk, to: unfinished / image.path.text, of: parent)
            }
            let instructions = RestoreInstructions(
                agent: agent, version: version.version, tree: made.tree, workspace: version.parts.workspace ? spec?.workspace : nil,
                hasProcessor: images.contains { $0.path.text == "cpuinfo.img" })
            try write(Array(instructions.text.utf8), to: unfinished / RestoreInstructions.fileName)
            try write((try? DescriptorsFile.bytes(of: made.tree)) ?? [], to: unfinished / DescriptorsFile.name)
            try parent.syncDirectory(unfinished)
        } catch {
            try? parent.removeTree(unfinished)  // only a directory too many stays
            throw CommandFault(error)
        }
        try publish()
    }

    private func write(_ bytes: [UInt8], to path: DiskPath) throws(FileFault) {
        let file = try parent.open(path, .createNew(mode: 0o600))
        try file.write(bytes)
        try file.sync()
    }

    private func images() throws(FileFault) -> ([TreeEntry], any Disk) {
        do { return (try store.images(agent, version.version), try store.imagesDisk(agent, version.version)) } catch {
            guard case .system(let fault) = error.kind else { throw FileFault(.missing, doing: error.doing, what: error.what) }
            throw fault
        }
    }

    private func lacks(_ what: String) -> CommandFault {
        CommandFault(StoreFault(.noSuchPart(what), doing: "export", what: title))
    }

    // MARK: An archive

    /// The archive's packer reads files alone: what is in packs becomes files, for as long as it takes.
    func writeArchive(_ compression: ArchiveCompression) throws(CommandFault) {
        if !store.isSealed, try isPlain() {
            do throws(CommandFault) { return try writeArchive(compression, of: directory) } catch {
                // The runner may have put it into packs meanwhile; what has its name is made all the same.
                guard !work.isSettled, try !isPlain() else { throw error }
            }
        }
        let look: Look
        let room: ByteCount
        do throws(StoreFault) {
            room = store.isSealed ? try store.sizeInRoom(agent, version.version) : ByteCount(0)
            look = try store.openLook(for: "export", inClear: ByteCount(room.bytes + (64 << 20))) {
                bench.hexadecimal(of: bench.machine.randomNumber())
            }
        } catch {
            throw CommandFault(error)
        }
        defer { store.close(look) }
        work.say("\(title): reading packs")
        do throws(StoreFault) {
            try store.require(room, in: look, for: "export versions of")
            try store.layOut(agent, version.version, in: look)
        } catch { throw CommandFault(error) }
        try writeArchive(compression, of: look.directory)
    }

    private func isPlain() throws(CommandFault) -> Bool {
        do throws(StoreFault) { return try store.isPlain(agent, version.version) } catch { throw CommandFault(error) }
    }

    /// - Parameter files: where the version's content lies, below the store.
    private func writeArchive(_ compression: ArchiveCompression, of files: DiskPath) throws(CommandFault) {
        let members = try members(files).map { store.isSealed ? $0.below(files) : $0 }
        if let member = members.first(where: { !ArchiveNames.takes($0.name.text) }) {
            throw CommandFault(ArchiveFault(.name, member: member.name.text), exporting: title, to: path)
        }
        work.say("\(title): packing")
        do throws(ArchiveFault) {
            let source = store.isSealed ? store.place(of: files) : bench.places.store
            try bench.machine.pack(members, below: source, to: "\(parent.rootName)/\(unfinished)", compression) {
                if let size = try? parent.entry(at: unfinished)?.size { work.carried(size, of: 0) }
            }
        } catch { throw CommandFault(error, exporting: title, to: path) }
        try publish()
    }

    /// The small and telling ones first, so that a reader need not go through all of it.
    private func members(_ content: DiskPath) throws(CommandFault) -> [ArchiveMember] {
        let taken = version.takenAt
        func file(_ name: String, _ source: DiskPath) -> ArchiveMember? {
            DiskPath(name).map { ArchiveMember($0, .file(source), modifiedAt: taken) }
        }
        func text(_ name: String, _ bytes: [UInt8]) -> ArchiveMember? {
            DiskPath(name).map { ArchiveMember($0, .bytes(bytes), modifiedAt: taken) }
        }
        let images: [TreeEntry]
        let files: [TreeEntry]
        do throws(StoreFault) {
            images = try store.images(agent, version.version)
            files = try store.files(agent, version.version)
        } catch { throw CommandFault(error) }

        var members = try description().map { text($0.name, $0.bytes) }
        do throws(FileFault) {
            members += [
                text(ArchiveNames.manifest, try store.disk.read(directory / "manifest.json", limit: .mebibytes(1))),
                text(ArchiveNames.seal, try store.disk.read(directory / "seal", limit: .kibibytes(1))),
            ]
        } catch { throw CommandFault(inStore: error) }
        if let spec { members.append(text(ArchiveNames.agentSpec, (try? JSONText.encode(spec)) ?? [])) }
        if manifest.state != nil { members.append(file(ArchiveNames.state, content / "state")) }
        if manifest.workspace != nil { members.append(file(ArchiveNames.tree, content / "tree")) }
        if manifest.process != nil { members.append(file(ArchiveNames.images, content / "images")) }
        if let checkpoint = DiskPath(ArchiveNames.checkpoint) {
            members.append(ArchiveMember(checkpoint, .directory, mode: 0o700, modifiedAt: taken))
        }
        for image in images {
            let isApart = image.path.text == ArchiveNames.statistics
            members.append(
                file(
                    isApart ? ArchiveNames.statistics : "\(ArchiveNames.checkpoint)/\(image.path)", content / "process" / image.path.text)
            )
        }
        if let made = manifest.process?.made {
            members.append(text("\(ArchiveNames.checkpoint)/\(DescriptorsFile.name)", (try? DescriptorsFile.bytes(of: made.tree)) ?? []))
        }
        for entry in files where entry.kind == .file {
            guard let name = DiskPath("\(ArchiveNames.workspace)/\(entry.path)"),
                // A file with several names lies under the first; in the archive each has it, for who has nothing but tar.
                let source = DiskPath("\(content)/workspace/\(entry.same ?? entry.path)")
            else { continue }
            members.append(ArchiveMember(name, .file(source), mode: entry.mode & 0o777, modifiedAt: entry.modifiedAt))
        }
        return members.compactMap { $0 }
    }

    /// What podman's readers look at.
    private func description() throws(CommandFault) -> [(name: String, bytes: [UInt8])] {
        let command = spec?.command ?? []
        do {
            let digest = hexadecimal(SHA256.digest(of: Array("\(store.identity) \(title)".utf8)))
            return [
                (
                    ArchiveNames.config,
                    try JSONText.encode(
                        ContainerConfig(id: digest, name: agent.text, command: command, takenAt: version.takenAt), pretty: true)
                ),
                (
                    ArchiveNames.spec,
                    try JSONText.encode(
                        ContainerSpec(agent: agent, version: version.version, command: command, workingDirectory: spec?.workdir),
                        pretty: true)
                ),
                (ArchiveNames.network, Array("{}".utf8)),
            ]
        } catch { throw CommandFault(.internal, "could not describe '\(title)': \(error). Please report it with 'runner version'") }
    }
}

/// Copies a file piece by piece; the copy is on stable storage then.
func copy(_ path: DiskPath, of source: any Disk, to target: DiskPath, of disk: any Disk) throws(FileFault) {
    let file = try source.open(path, .read)
    let copy = try disk.open(target, .createNew(mode: 0o600))
    while true {
        let piece = try file.read(256 << 10)
        if piece.isEmpty { break }
        try copy.write(piece)
    }
    try copy.sync()
}

extension ArchiveMember {
    /// Its file by the path below `directory`, which is what the packer is given.
    fileprivate func below(_ directory: DiskPath) -> ArchiveMember {
        guard case .file(let path) = content, path.isBelow(directory),
            let rest = DiskPath(String(path.text.dropFirst(directory.text.count + 1)))
        else { return self }
        var member = self
        member.content = .file(rest)
        return member
    }
}

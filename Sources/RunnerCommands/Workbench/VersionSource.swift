internal import AgentModel
internal import AgentSpecs
internal import CheckpointArchives
internal import Checkpoints
internal import CriuImages
internal import OutsideWorld

/// What is to be imported: an archive, or a directory of images.
struct VersionSource {
    enum Kind {
        case archive
        case images(any Disk)
    }
    let kind: Kind
    /// As a person wrote it.
    let path: String
    let absolute: String
    let limit: ByteCount
    let bench: Workbench

    /// - Throws: when nothing is there, or the images in it cannot be trusted.
    init(_ path: String, sizeLimit: ByteCount, bench: Workbench) throws(CommandFault) {
        self.path = path
        self.bench = bench
        limit = sizeLimit
        absolute = Places.absolute(path, from: bench.machine.workingDirectory)
        let disk: any Disk
        do { disk = try bench.machine.disk(at: absolute, create: false) } catch {
            guard error.kind == .notDirectory else { throw CommandFault(error) }
            kind = .archive
            return
        }
        kind = .images(disk)
        try Self.check(try bench.images(absolute), called: path)
    }

    /// Limits for an archive: what was allowed, and what there is room for.
    func limits(_ store: CheckpointStore) throws(CommandFault) -> ArchiveLimits {
        do {
            let free = try store.disk.freeSpace()
            return ArchiveLimits(bytes: min(limit, free), members: Self.mostMembers)
        } catch { throw CommandFault(inStore: error) }
    }

    /// About as many as a version can list.
    private static var mostMembers: Int { 1_000_000 }

    /// Of all that is looked at to know the name: no manifest is longer than a part of it.
    private static var longestDescription: ByteCount { .mebibytes(8) }

    static func tooLong(_ name: String, of path: String) -> CommandFault {
        CommandFault(
            .archiveDamaged,
            "could not import '\(path)': its '\(name)' is longer than any that was exported. Nothing was imported; copy or export it once more"
        )
    }

    // MARK: Trust

    /// What a restore would stop at is refused here.
    static func check(_ images: ImageDirectory, called path: String) throws(CommandFault) {
        let errors = Check.check(images, architecture: Workbench.architecture).filter { $0.severity == .error }
        guard let first = errors.first else { return }
        let more = errors.count > 1 ? ", and \(errors.count - 1) more" : ""
        let what = first.file.isEmpty ? first.what : "'\(first.file)': \(first.what)"
        throw CommandFault(
            .importImages, "could not import '\(path)': its images have an error: \(what)\(more). 'runner image check' tells all; dump anew"
        )
    }

    // MARK: Its name

    /// The agent it was a version of, where that is said.
    func name(_ store: CheckpointStore) throws(CommandFault) -> AgentName {
        let said: String? =
            switch kind {
            case .images: absolute.split(separator: "/").last.map { String($0.prefix { $0 != "@" }) }
            case .archive: try nameInArchive(store)
            }
        if let name = said.flatMap({ AgentName($0) }) { return name }
        throw CommandFault(.usage, "say which agent it becomes a version of: '--as NAME'. See 'runner import --help'")
    }

    /// Only the members that tell are taken out, beside the store's versions, and are removed again.
    private func nameInArchive(_ store: CheckpointStore) throws(CommandFault) -> String? {
        let look: Look
        do throws(StoreFault) {
            look = try store.openLook(for: "import", inClear: .mebibytes(64)) { bench.hexadecimal(of: bench.machine.randomNumber()) }
        } catch {
            throw CommandFault(error)
        }
        defer { store.close(look) }
        let wanted = [ArchiveNames.manifest, ArchiveNames.config]
        var limits = try limits(store)
        limits.room = min(limits.room, Self.longestDescription)
        do throws(ArchiveFault) {
            try bench.machine.unpack(absolute, into: store.place(of: look.directory), wanted: wanted, limits: limits, tick: {})
        } catch {
            if error.kind == .size, let member = error.member, wanted.contains(member) { throw Self.tooLong(member, of: path) }
            throw CommandFault(error, importing: path, limit: limits)
        }
        func bytes(_ name: String) -> [UInt8]? {
            DiskPath("\(look.directory)/\(name)").flatMap { try? store.disk.read($0, limit: .mebibytes(1)) }
        }
        if let manifest = bytes(ArchiveNames.manifest).flatMap({ try? JSONText.decode(Manifest.self, from: $0) }) {
            return manifest.agent.text
        }
        return ContainerFacts(config: bytes(ArchiveNames.config), spec: nil).name
    }
}

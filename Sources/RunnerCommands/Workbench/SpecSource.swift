internal import AgentModel
internal import Checkpoints
internal import AgentSpecs
internal import OutsideWorld

/// Where a spec comes from: a file, flags, or both.
struct SpecSource {
    /// As a person named it; nil: flags alone.
    var file: String?
    var flags = SpecFlags()
    /// What notices and errors call it.
    var name: String { file ?? "the command line" }
}

extension Workbench {
    /// Reads a spec and tells every notice.
    /// - Throws: when there is an error among them.
    func readSpec(_ source: SpecSource) throws(CommandFault) -> (spec: AgentSpec, reading: SpecReading) {
        let reading = try reading(of: source)
        for notice in reading.notices { machine.write("\(notice)\n", to: .standardError) }
        if let fault = CommandFault(reading.notices, in: source.file) { throw fault }
        guard let spec = reading.spec else {
            throw CommandFault(.internal, "could not use '\(source.name)': it has no mistake and no result")
        }
        return (spec, reading)
    }

    /// Reads a spec, mistakes and all.
    func reading(of source: SpecSource) throws(CommandFault) -> SpecReading {
        var flags = source.flags
        flags.currentDirectory = machine.workingDirectory
        guard let file = source.file else {
            return SpecReader.compose(
                directory: machine.workingDirectory, environment: machine.environment, flags: flags, readFile: readSpecFile)
        }
        let path = Places.absolute(file, from: machine.workingDirectory)
        guard let text = try specText(at: path, called: file) else {
            if let stored = storedText(named: file) {
                return SpecReader.read(
                    stored, file: file, directory: machine.workingDirectory, environment: machine.environment, flags: flags,
                    readFile: readSpecFile)
            }
            // It is the name of an agent: why its spec cannot be read is what stands in the way.
            if namesKnownAgent(file) { _ = try openStore() }
            throw CommandFault(
                .specFile,
                "could not read the spec '\(file)': there is no such file. Give its path, an agent's name for the spec it last ran with, "
                    + "or a command after '--'")
        }
        let directory = path.lastIndex(of: "/").map { String(path[..<$0]) } ?? ""
        return SpecReader.read(
            text, file: file, directory: directory.isEmpty ? "/" : directory, environment: machine.environment, flags: flags,
            readFile: readSpecFile)
    }

    /// Whether it is the name of an agent whose spec the store has, and of no file.
    func isStored(_ source: SpecSource) -> Bool {
        guard let file = source.file else { return false }
        let path = Places.absolute(file, from: machine.workingDirectory)
        do { _ = try readOwnFile(path, limit: .mebibytes(2)) } catch { return error.isNoFile && storedText(named: file) != nil }
        return false
    }

    /// nil: there is no such file.
    /// - Throws: also when an agent has the same name. A file that lies about, perhaps written by that agent, must not be what its name starts.
    private func specText(at path: String, called file: String) throws(CommandFault) -> [UInt8]? {
        let text: Result<[UInt8], FileFault>
        do throws(FileFault) { text = .success(try readOwnFile(path, limit: .mebibytes(2))) } catch {
            if error.isNoFile { return nil }
            text = .failure(error)
        }
        if namesKnownAgent(file) {
            throw CommandFault(
                .usage,
                "could not tell what '\(file)' is: an agent has that name, and a file here, too. Say './\(file)' for the file; for the agent, "
                    + "move the file away or call this from another directory")
        }
        do throws(FileFault) { return try text.get() } catch { throw CommandFault(error) }
    }

    /// Looked up without the key of an encrypted store: most words are files and nothing else.
    private func namesKnownAgent(_ word: String) -> Bool {
        guard let agent = AgentName(word), let spec = DiskPath("agents/\(agent)/spec.json"),
            let disk = try? machine.disk(at: places.store, create: false)
        else { return false }
        return ((try? disk.entry(at: spec)) ?? nil) != nil
    }

    /// The spec that an agent last ran with, as a file would say it.
    private func storedText(named name: String) -> [UInt8]? {
        guard let agent = AgentName(name), let store = try? openStore(), let spec = try? storedSpec(of: agent, in: store) else {
            return nil
        }
        let settings = EffectiveSetting.all(of: spec, origins: [:], secrets: .shown)
        return Array(EffectiveText.lines(settings, origins: .left).map { $0 + "\n" }.joined().utf8)
    }

    private func readSpecFile(_ path: String) throws(SpecFileFault) -> [UInt8] {
        do { return try machine.readFile(path, limit: .mebibytes(2)) } catch { throw SpecFileFault(why: error.why) }
    }

    /// A spec that a fork left in the store can be read through it alone where that is encrypted.
    private func readOwnFile(_ path: String, limit: ByteCount) throws(FileFault) -> [UInt8] {
        let prefix = places.store + "/"
        guard path.hasPrefix(prefix), let below = DiskPath(String(path.dropFirst(prefix.count))), let store = try? openStore(),
            store.isSealed
        else {
            return try machine.readFile(path, limit: limit)
        }
        return try store.disk.read(below, limit: limit)
    }
}

extension FileFault {
    /// Nothing is there that could be read, or a directory, which may well be called as an agent is.
    fileprivate var isNoFile: Bool { kind == .missing || kind == .system(21) }  // EISDIR
}

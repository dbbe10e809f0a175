internal import AgentModel
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
        let text: [UInt8]
        do { text = try machine.readFile(path, limit: .mebibytes(2)) } catch {
            guard error.kind == .missing else { throw CommandFault(error) }
            throw CommandFault(
                .specFile, "could not read the spec '\(file)': there is no such file. Give its path, or a command after '--'")
        }
        let directory = path.lastIndex(of: "/").map { String(path[..<$0]) } ?? ""
        return SpecReader.read(
            text, file: file, directory: directory.isEmpty ? "/" : directory, environment: machine.environment, flags: flags,
            readFile: readSpecFile)
    }

    private func readSpecFile(_ path: String) throws(SpecFileFault) -> [UInt8] {
        do { return try machine.readFile(path, limit: .mebibytes(2)) } catch { throw SpecFileFault(why: error.why) }
    }
}

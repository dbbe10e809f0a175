internal import AgentModel
internal import Recovery

/// What came of reading a spec.
public struct SpecReading: Sendable {
    /// nil when there is any error.
    public var spec: AgentSpec?
    /// In the order of the file, then of the other layers.
    public var notices: [SpecNotice]
    /// By path (`checkpoint.every`, `env.PATH`); what is not in it is a default.
    public var origins: [String: SettingOrigin]

    public init(spec: AgentSpec?, notices: [SpecNotice], origins: [String: SettingOrigin]) {
        self.spec = spec
        self.notices = notices
        self.origins = origins
    }
}

/// Why a file that a spec names could not be read: "no such file".
public struct SpecFileFault: Error, Hashable, Sendable {
    public let why: String
    public init(why: String) { self.why = why }
}

/// Reads `agent.yaml`, and what lies over it: defaults < file < `RUNNER_…` variables < flags. Never stops at the first mistake.
/// Documentation: docs/agent.yaml.md
public enum SpecReader {
    /// - Parameters:
    ///   - file: as the person named it; it stands at the head of every notice.
    ///   - directory: absolute; what relative paths count from, and the default of `workdir`.
    ///   - environment: the runner's own.
    ///   - readFile: gives the bytes of an env file by its absolute path.
    public static func read(
        _ text: [UInt8], file: String, directory: String, environment: [String: String], flags: SpecFlags = SpecFlags(),
        readFile: (String) throws(SpecFileFault) -> [UInt8]
    ) -> SpecReading {
        var draft = SpecDraft(environment: environment)
        let paths = PathResolver(directory: directory, environment: environment)
        do throws(NodeMistake) {
            let (root, mistakes) = try NodeReader.read(text)
            for mistake in mistakes { draft.note(mistake, in: file) }
            if let root, !root.isNull {
                FileLayer(file: file, paths: paths).read(root, into: &draft)
            } else {
                draft.note(
                    .missing, at: .file(file, line: 1, column: 1), "the file says nothing",
                    suggestion: "begin with 'name: …' and 'command: …'")
            }
        } catch {
            draft.note(error, in: file)
            return SpecReading(spec: nil, notices: draft.finalNotices(in: file), origins: [:])
        }
        return finish(&draft, flags: flags, paths: paths, named: file, readFile: readFile)
    }

    /// The spec of `runner run [flags] -- command …`, without a file. Without `--name` the name follows from the command.
    public static func compose(
        directory: String, environment: [String: String], flags: SpecFlags, readFile: (String) throws(SpecFileFault) -> [UInt8]
    ) -> SpecReading {
        var draft = SpecDraft(environment: environment)
        if let command = flags.command, let name = NameText.derived(from: command) {
            draft.assign("name", .text(name.text), from: .derived("from the command"), at: .flag("--"), in: .file)
        }
        return finish(
            &draft, flags: flags, paths: PathResolver(directory: directory, environment: environment), named: nil, readFile: readFile)
    }

    // MARK: After the file

    private static func finish(
        _ draft: inout SpecDraft, flags: SpecFlags, paths: PathResolver, named file: String?,
        readFile: (String) throws(SpecFileFault) -> [UInt8]
    ) -> SpecReading {
        let start: SpecNotice.Place = file.map { .file($0, line: 1, column: 1) } ?? .flag("--")
        OverlayLayers(paths: paths).readEnvironment(into: &draft)
        let flagPaths = PathResolver(directory: flags.currentDirectory ?? paths.directory, environment: paths.environment)
        OverlayLayers(paths: flagPaths).read(flags, into: &draft)
        readEnvFiles(into: &draft, readFile: readFile)
        let variables = VariableExpander.variables(of: &draft)
        SpecChecks.run(on: &draft, start: start)
        let spec = draft.hasErrors ? nil : build(draft, variables: variables, directory: paths.directory)
        return SpecReading(spec: spec, notices: draft.finalNotices(in: file), origins: draft.origins)
    }

    private static func readEnvFiles(into draft: inout SpecDraft, readFile: (String) throws(SpecFileFault) -> [UInt8]) {
        guard let assigned = draft.assigned["env_file"], case .texts(let files) = assigned.value else { return }
        for path in files {
            do throws(SpecFileFault) {
                let bytes = try readFile(path)
                guard bytes.count <= NodeLimits().bytes else { throw SpecFileFault(why: "it is larger than 1 MiB") }
                let file = EnvFile(bytes)
                for mistake in file.mistakes {
                    let subject = mistake.name.map { "'\(shown($0))'" } ?? "the line"
                    draft.note(
                        mistake.mistake.code, at: .file(path, line: mistake.line, column: 1), "\(subject) \(mistake.mistake.what)",
                        suggestion: mistake.mistake.suggestion)
                }
                for line in file.lines {
                    let origin = SettingOrigin.file(path, line: line.number)
                    draft.assignFromFile(
                        line.name, .init(text: line.value, expands: false, origin: origin, place: .file(path, line: line.number, column: 1))
                    )
                }
            } catch {
                draft.note(.envFile, at: assigned.place, "could not read the env file '\(shown(path, limit: 256))': \(error.why)")
            }
        }
    }

    /// Only without errors: name and command are then there.
    private static func build(_ draft: SpecDraft, variables: [String: String], directory: String) -> AgentSpec? {
        guard case .text(let text) = draft.assigned["name"]?.value, let name = AgentName(text),
            case .texts(let command) = draft.assigned["command"]?.value
        else { return nil }
        var spec = AgentSpec(name: name, command: command, workdir: directory, env: variables)
        for setting in draft.table.settings {
            guard case .sets(let binding) = setting.role, let assigned = draft.assigned[setting.path] else { continue }
            binding.write(&spec, assigned.value)
        }
        // One number for a person, two readers: the sandbox and the ladder.
        spec.recovery.stopWithin = spec.stop.deadline
        return spec
    }
}

extension SpecDraft {
    fileprivate mutating func note(_ mistake: NodeMistake, in file: String) {
        note(
            mistake.code, at: .file(file, line: mistake.mark.line, column: mistake.mark.column), mistake.what,
            suggestion: mistake.suggestion)
    }

    /// Those of the file in its order, then those of the other layers as they came.
    fileprivate func finalNotices(in file: String?) -> [SpecNotice] {
        func rank(_ index: Int) -> (Int, Int, Int, Int) {
            guard case .file(file, let line, let column) = notices[index].place else { return (1, 0, 0, index) }
            return (0, line, column, index)
        }
        let sorted = notices.indices.sorted { rank($0) < rank($1) }.map { notices[$0] }
        guard unsaid > 0, let last = sorted.last else { return sorted }
        return sorted + [SpecNotice(.limit, at: last.place, "there are \(unsaid) more mistakes", suggestion: "mend these first")]
    }

    fileprivate var origins: [String: SettingOrigin] {
        var origins = assigned.mapValues(\.origin)
        for (name, variable) in fileVariables { origins["env.\(name)"] = variable.origin }
        for (name, variable) in variables { origins["env.\(name)"] = variable.origin }
        return origins
    }
}

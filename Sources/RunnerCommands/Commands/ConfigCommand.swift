internal import AgentModel
internal import AgentSpecs
internal import StatusViews

struct ConfigCommand: Command {
    enum Action: String, ArgumentValue {
        case check, show
        init?(argument: String) { self.init(rawValue: argument) }
        static var expected: String { "'check' or 'show'" }
    }
    var action: Action?
    var file: String?
    var origin = false
    var json = false
    var sets: [SetWord] = []

    static var manual: Manual {
        Manual(
            name: "config", group: .explain, summary: "check a spec, or show what it comes to",
            examples: [
                .init("runner config check agent.yaml", "every mistake with line, column and what was probably meant"),
                .init("runner config show agent.yaml --origin", "every setting in effect, and where it comes from"),
            ],
            notes: [
                "Later wins: defaults, the file, RUNNER_… variables, flags. 'runner config show' without FILE shows the runner's own places."
            ],
            exits: [
                (.ok, "no mistake"), (.noInput, "there is no such file"), (.badConfiguration, "at least one mistake"),
                (.usage, "the command line is wrong"),
            ])
    }
    static var options: [Option<Self>] {
        [
            .flag("origin", nil, \.origin, "With each setting, where it comes from."), .json(\.json),
            .each("set", nil, \.sets, as: "SETTING=VALUE", "As with 'runner run'."),
        ]
    }
    static var operands: [Operand<Self>] {
        [.one("ACTION", \.action, "'check' or 'show'."), .optional("FILE", \.file, "The spec.")]
    }

    func validate() throws(CommandFault) {
        if action == .check, file == nil { throw CommandFault(.usage, "say which file to check. See 'runner config --help'") }
    }

    func run(on bench: Workbench) throws(CommandFault) -> Ending {
        guard let file else { return try showPlaces(on: bench) }
        let source = SpecSource(file: file, flags: SpecFlags(flags: sets.map(\.flag)))
        return action == .check ? try check(source, on: bench) : try show(source, on: bench)
    }

    // MARK: Actions

    private func check(_ source: SpecSource, on bench: Workbench) throws(CommandFault) -> Ending {
        guard json else {
            _ = try bench.readSpec(source)
            bench.talk("'\(source.name)' is good")
            return .ok
        }
        let reading = try bench.reading(of: source)
        try bench.answer(json: reading.notices)
        return reading.spec == nil ? .ours(.badConfiguration) : .ok
    }

    private func show(_ source: SpecSource, on bench: Workbench) throws(CommandFault) -> Ending {
        let (spec, reading) = try bench.readSpec(source)
        let settings = EffectiveSetting.all(of: spec, origins: reading.origins)
        if json {
            try bench.answer(json: settings)
        } else {
            bench.answer(EffectiveText.lines(settings, origins: origin ? .shown : .left).map { $0 + "\n" }.joined())
        }
        return .ok
    }

    private func showPlaces(on bench: Workbench) throws(CommandFault) -> Ending {
        let shown = ShownPlaces(store: bench.places.store, origin: bench.places.storeOrigin.rawValue)
        if json {
            try bench.answer(json: shown)
        } else {
            bench.answer(twoColumns([("store", shown.store + (origin ? "  (\(shown.origin))" : ""))]))
        }
        return .ok
    }
}

private struct ShownPlaces: Encodable {
    var store: String
    var origin: String
}

/// `SETTING=VALUE`, as `--set` takes it.
struct SetWord: ArgumentValue {
    var flag: SpecFlags.Flag
    init?(argument: String) {
        guard let flag = try? SpecFlags.set(argument) else { return nil }
        self.flag = flag
    }
    static var expected: String { "SETTING=VALUE" }
    static func read(_ word: String) throws(WordFault) -> SetWord {
        do { return SetWord(flag: try SpecFlags.set(word)) } catch { throw WordFault(error) }
    }
    init(flag: SpecFlags.Flag) { self.flag = flag }
}

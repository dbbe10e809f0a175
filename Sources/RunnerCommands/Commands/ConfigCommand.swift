internal import AgentModel
internal import AgentSpecs
internal import Checkpoints
internal import OutsideWorld
internal import StatusViews

struct ConfigCommand: Command {
    enum Action: String, ArgumentValue {
        case check, show, set
        init?(argument: String) { self.init(rawValue: argument) }
        static var expected: String { "'check', 'show' or 'set'" }
    }
    var action: Action?
    var file: String?
    var value: String?
    var origin = false
    var json = false
    var sets: [SetWord] = []

    static var manual: Manual {
        Manual(
            name: "config", group: .explain, summary: "check a spec, show what it comes to, or set the store's limits",
            examples: [
                .init("runner config check agent.yaml", "every mistake with line, column and what was probably meant"),
                .init("runner config show agent.yaml --origin", "every setting in effect, and where it comes from"),
                .init("runner config set quota 50GB", "what the SIZEs of all versions in the store may come to"),
                .init("runner config set keep_free 5GB", "checkpoints pause before the disk has less; 'default' takes a setting back"),
            ],
            notes: [
                "Later wins: defaults, the file, RUNNER_… variables, flags. 'runner config show' without FILE shows the runner's own places, "
                    + "and the limits of the store.",
                "The limits are the store's own, for all its agents, and hold from the next checkpoint of each. Beyond 'quota' an agent's versions go "
                    + "as its own 'checkpoint.keep.quota' says, down to its even share; it counts the SIZE that 'runner versions' shows, which is more than "
                    + "they take on disk, where they share what is the same. 'keep_free' is 1 GiB unless set, or a twentieth of a "
                    + "smaller disk, and never less than the next version will probably take.",
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
        [
            .one("ACTION", \.action, "'check', 'show' or 'set'."), .optional("FILE", \.file, "The spec; of 'set', 'quota' or 'keep_free'."),
            .optional("SIZE", \.value, "Of 'set', such as '50GB', or 'default'."),
        ]
    }

    func validate() throws(CommandFault) {
        if action == .check, file == nil { throw CommandFault(.usage, "say which file to check. See 'runner config --help'") }
        if action == .set, file == nil || value == nil {
            throw CommandFault(.usage, "say what to set: 'runner config set quota 50GB'. See 'runner config --help'")
        }
        if action != .set, let value { throw CommandFault(.usage, "'\(value)' is one word too many. See 'runner config --help'") }
    }

    func run(on bench: Workbench) throws(CommandFault) -> Ending {
        if action == .set { return try setLimit(on: bench) }
        guard let file else { return try showPlaces(on: bench) }
        let source = SpecSource(file: file, flags: SpecFlags(flags: sets.map(\.flag)))
        return action == .check ? try check(source, on: bench) : try show(source, on: bench)
    }

    // MARK: Actions

    private func check(_ source: SpecSource, on bench: Workbench) throws(CommandFault) -> Ending {
        guard json else {
            let spec = try bench.readSpec(source).spec
            bench.warnOfEmptyVersions(of: spec)
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
        let store = try? bench.openStore()  // there may be none yet
        let limits = store?.limits() ?? StoreLimits()
        let shown = ShownPlaces(
            store: bench.places.store, origin: bench.places.storeOrigin.rawValue, quota: limits.quota, keepFree: limits.keepFree)
        if json {
            try bench.answer(json: shown)
        } else {
            let said = { (limit: ByteCount?, standard: String) in
                (limit.map { SizeText.text($0) } ?? "\(standard), by default") + (origin && limit != nil ? "  (the store)" : "")
            }
            let free = SizeText.text(limits.leastFree(total: store?.disk.totalSpace, forecast: ByteCount(0)))
            bench.answer(
                twoColumns([
                    ("store", shown.store + (origin ? "  (\(shown.origin))" : "")), ("quota", said(limits.quota, "none")),
                    ("keep_free", said(limits.keepFree, free)),
                ]))
        }
        return .ok
    }

    private func setLimit(on bench: Workbench) throws(CommandFault) -> Ending {
        guard let file, let value else { return .ok }
        var size: ByteCount?
        if value != "default" {
            guard let read = try? SizeText.parse(value) else {
                throw CommandFault(.usage, "'\(value)' is not a size such as '50GB', nor 'default'. See 'runner config --help'")
            }
            size = read
        }
        let store = try bench.openStore()
        var limits = store.limits()
        switch file {
        case "quota": limits.quota = size
        case "keep_free": limits.keepFree = size
        default: throw CommandFault(.usage, "'\(file)' is not a setting of the store; they are 'quota' and 'keep_free'")
        }
        do throws(StoreFault) { try store.set(limits) } catch { throw CommandFault(error) }
        bench.talk("'\(file)' of the store at '\(bench.places.store)' is \(size.map { SizeText.text($0) } ?? "as by default") from now on")
        return .ok
    }
}

private struct ShownPlaces: Encodable {
    var store: String
    var origin: String
    var quota: ByteCount?
    var keepFree: ByteCount?
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

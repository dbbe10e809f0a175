internal import AgentModel
internal import AgentSpecs
internal import Checkpoints
internal import LaunchPlans
internal import OutsideWorld
internal import Recovery
internal import StatusViews
internal import Supervision

struct PlanCommand: Command {
    var target: String?
    var from: OriginWord?
    var json = false

    static var manual: Manual {
        Manual(
            name: "plan", group: .explain, summary: "show what would be started, and what would follow if it died",
            examples: [
                .init("runner plan agent.yaml", "command, environment, limits, isolation, and what this machine cannot give"),
                .init("runner plan agent-7", "the same for a known agent, and its ladder of recovery from here"),
            ],
            notes: ["Nothing is started. The ladder is decided by the same code that recovers, as if the agent died again and again."],
            exits: [
                (.ok, "shown"), (.noInput, "no such agent, file or version"), (.badConfiguration, "the spec is wrong"),
                (.runnerFailed, "it could not be started like this; the sentence tells why"), (.usage, "the command line is wrong"),
            ])
    }
    static var options: [Option<Self>] {
        [.optional("from", nil, \.from, as: "ORIGIN", "As if it began from a version, 'latest', 'known-good' or 'clean'."), .json(\.json)]
    }
    static var operands: [Operand<Self>] { [.one("AGENT|FILE", \.target, "An agent of the store, or a spec file.")] }

    func run(on bench: Workbench) throws(CommandFault) -> Ending {
        let target = target ?? ""
        let isFile = target.contains("/") || [".yaml", ".yml", ".json"].contains { target.hasSuffix($0) }
        let plan = isFile ? try fresh(target, on: bench) : try known(target, on: bench)
        if json { try bench.answer(json: plan) } else { bench.answer(plan.text) }
        return .ok
    }

    // MARK: Two kinds of target

    /// A spec that may never have run: no store is needed, and none is made.
    private func fresh(_ file: String, on bench: Workbench) throws(CommandFault) -> AgentPlan {
        let spec = try bench.readSpec(SpecSource(file: file)).spec
        if let store = try? bench.openStore(), (try? bench.agents(in: store))?.contains(spec.name) == true {
            return try plan(spec, specFile: file, in: store, on: bench)
        }
        if case .version(let word)? = from { throw noVersions(spec.name, word) }
        return try plan(spec, specFile: file, storeID: "0000000000000000", origin: .clean, incarnation: 1, ladder: nil, on: bench)
    }

    private func known(_ name: String, on bench: Workbench) throws(CommandFault) -> AgentPlan {
        let store = try bench.openStore()
        guard let agent = AgentName(name) else {
            throw CommandFault(.usage, "'\(name)' is not \(AgentName.expected). See 'runner plan --help'")
        }
        try bench.require(agent, in: store)
        guard let spec = try bench.storedSpec(of: agent, in: store) else {
            throw CommandFault(.specFile, "could not plan '\(agent)': the store has no spec of it. Name its file: 'runner plan agent.yaml'")
        }
        return try plan(spec, specFile: nil, in: store, on: bench)
    }

    private func noVersions(_ agent: AgentName, _ word: VersionWord) -> CommandFault {
        CommandFault(.versionUnknown, "could not find '\(agent)@\(word.text)': it has no version yet. Leave out '--from'")
    }

    // MARK: Planning

    private func plan(_ spec: AgentSpec, specFile: String?, in store: CheckpointStore, on bench: Workbench) throws(CommandFault)
        -> AgentPlan
    {
        let versions = try bench.versions(of: spec.name, in: store)
        let last = try bench.journal(of: spec.name, in: store).last(where: \.isDecision)
        let state = last?.decided ?? RecoveryState()
        let ladder = Recovery.explain(state, versions: versions, settings: spec.recovery, at: bench.machine.now(), limit: 40)
        let coming =
            if let from { WantedFile(startFrom: try bench.origin(from, of: spec.name, in: store), rollsBackWorkspace: true) } else {
                try bench.comingStart(of: spec.name, in: store)
            }
        let origin = coming.startFrom
        let incarnation = try bench.status(of: spec.name, in: store).incarnation + 1
        var plan = try plan(
            spec, specFile: specFile, storeID: store.identity, origin: origin, incarnation: incarnation, ladder: ladder, on: bench)
        let from = versions.first { .version($0.version) == origin }
        plan.anew = Beginning(from: from, rollsBackWorkspace: coming.rollsBackWorkspace).warning(of: spec.name)
        return plan
    }

    private func plan(
        _ spec: AgentSpec, specFile: String?, storeID: String, origin: Origin, incarnation: UInt64, ladder: LadderPlan?, on bench: Workbench
    ) throws(CommandFault) -> AgentPlan {
        let place = bench.launchPlace(of: spec.name, storeID: storeID, specFile: specFile)
        let planner = LaunchPlanner(spec: spec, facts: bench.machine.facts, place: place)
        do { return AgentPlan(launch: try planner.plan(from: origin, incarnation: incarnation).hidingSecrets(), ladder: ladder) } catch {
            throw CommandFault(foreign: error.code.rawValue, error.sentence)
        }
    }
}

/// What would be started, and what recovery would do from here.
private struct AgentPlan: Encodable {
    var launch: LaunchPlan
    /// nil: the agent never ran here.
    var ladder: LadderPlan?
    /// Where nothing of the version's memory is used: a clause that says so.
    var anew: String?

    var text: String {
        var lines = launch.lines()
        if let anew { lines.insert("begins       \(anew)", at: 1) }
        var text = lines.map { $0 + "\n" }.joined()
        guard let ladder else { return text }
        text += "\nif it died, again and again\n"
        for sentence in ladder.sentences { text += "  \(wrapped(printable(sentence), width: 80, indent: 4))\n" }
        return text
    }
}

extension JournalEntry {
    /// The state after the decision; nil for a note.
    fileprivate var decided: RecoveryState? {
        guard case .decision(_, _, _, _, _, let decision) = content else { return nil }
        return decision.state
    }
}

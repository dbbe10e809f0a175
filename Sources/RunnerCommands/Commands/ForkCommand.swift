internal import AgentModel
internal import AgentSpecs
internal import Checkpoints
internal import OutsideWorld
internal import StatusViews

struct ForkCommand: Command {
    var target: AgentReference?
    var name: AgentName?
    var workspace: String?
    var network = false
    var effects = false

    static var manual: Manual {
        Manual(
            name: "fork", group: .run, summary: "start a version of an agent beside it, under a name of its own",
            examples: [
                .init("runner fork agent-7@41 --as agent-7b", "yesterday's agent beside today's, without network or effects"),
                .init("runner fork agent-7 --as try --network --effects", "from the newest known-good version, free to act"),
            ],
            notes: [
                "The fork has the agent's spec, its version 1 is a copy of the version, and it is restored from it: processes where there are "
                    + "images of them, else state. It works in a workspace of its own, seen inside where the agent's is. Fenced means: it has "
                    + "no network but a loopback, effects that were done come back with their result and all others are denied, and no hooks "
                    + "are called. Files beside the workspace are the agent's too.",
                "Its spec is 'agents/NAME/agent.yaml' in the store, where no agent can write: 'runner run' of it starts the fork again, and "
                    + "'runner stop' ends it.",
            ],
            exits: [
                (.ok, "it runs"), (.failed, "the agent has no workspace"), (.noInput, "no such agent or version"),
                (.badData, "the version is damaged"),
                (.cannotCreate, "there is such an agent or workspace already, or no space"),
                (.badConfiguration, "its stored spec is damaged"),
                (.runnerFailed, "it could not be started; the sentence tells why"), (.usage, "the command line is wrong"),
            ])
    }
    static var options: [Option<Self>] {
        [
            .optional("as", nil, \.name, as: "NAME", "The fork's name; there is no such agent yet."),
            .optional("workspace", nil, \.workspace, as: "DIR", "Its workspace, made anew; beside the agent's unless said otherwise."),
            .flag("network", nil, \.network, "Let it use the network."),
            .flag("effects", nil, \.effects, "Let it begin effects, and call the agent's hooks."),
        ]
    }
    static var operands: [Operand<Self>] { [.one("AGENT[@VERSION]", \.target, "Which version; without one, 'known-good'.")] }

    func validate() throws(CommandFault) {
        guard name != nil else { throw CommandFault(.usage, "say what the fork is called: '--as NAME'. See 'runner fork --help'") }
    }

    func run(on bench: Workbench) throws(CommandFault) -> Ending {
        let store = try bench.openStore()
        let agent = try bench.named(target?.agent, in: store)
        guard let name else { throw CommandFault(.usage, "say what the fork is called: '--as NAME'") }
        let version = try bench.version(target?.version ?? .knownGood, of: agent, in: store)
        guard try !Fork.isTaken(name, in: store) else { throw Fork.taken(name, "'\(agent)@\(version.version)'") }
        guard let spec = try bench.storedSpec(of: agent, in: store) else {
            throw CommandFault(.specFile, "could not fork '\(agent)': the store has no spec of it. 'runner run' writes it")
        }
        let fork = Fork(of: agent, version, spec, as: name, store: store, bench: bench)
        let made = try fork.make(workspace: workspace, network: network, effects: effects)
        try start(made, as: name, in: store, on: bench)
        bench.answer("\(name)\n")
        bench.talk(
            "runs \(made.started), in '\(made.workspace)'\(made.fence); 'runner logs -f \(name)' follows it, 'runner stop \(name)' stops it"
        )
        return .ok
    }

    /// What is made is whole: where it cannot be started it can be another time.
    private func start(_ made: Fork.Made, as name: AgentName, in store: CheckpointStore, on bench: Workbench) throws(CommandFault) {
        let key = bench.places.keyFile.map { ["--key-file", $0] } ?? []
        let arguments = key + ["--store", bench.places.store, "run", "--in-background", made.file, "--from", "\(made.version)"]
        do throws(CommandFault) { try bench.startInBackground(name, arguments, holder: "'runner fork'", in: store) } catch {
            if error.code != ErrorCode.supervisorSilent.rawValue {
                bench.talk("'\(name)' is made and does not run: 'runner run -d \(made.file)' starts it")
            }
            throw error
        }
    }
}

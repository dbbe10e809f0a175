internal import AgentModel
internal import AgentSpecs
internal import Checkpoints
internal import CriuDriver
internal import LaunchPlans
internal import OutsideWorld
internal import StatusViews
internal import Supervision

struct RunCommand: Command {
    var file: String?
    var command: [String] = []
    var flags: [SpecFlags.Flag] = []
    var variables: [String] = []
    var from: OriginWord?
    var detach = false
    var quiet = false
    var interactive = false
    var terminal = false
    /// Set in the process that `--detach` started.
    var inBackground = false

    static var manual: Manual {
        Manual(
            name: "run", group: .run, summary: "run an agent under supervision",
            examples: [
                .init("runner run agent.yaml", "in the foreground; ctrl-c takes a last version and stops it"),
                .init(
                    "runner run -d --name agent-7 --memory-limit 512MB --every 10m -- python3 agent.py", "in the background, without a file"
                ),
                .init("runner run -d agent-7", "an agent that is known, with the spec it last ran with"),
                .init("runner run -it --name shell -- bash", "on your terminal; after a crash the shell goes on on the same one"),
            ],
            notes: [
                "Goes on where the agent ended: from its newest known-good version, or by taking over the one that still lives. SIGTERM and "
                    + "SIGINT checkpoint it, stop it (deadline, then kill) and end with its status. Every setting of agent.yaml can be given "
                    + "as '--set SETTING=VALUE' and wins over the file.",
                "With -it everything you type is the agent's: ctrl-c and ctrl-z too. 'runner stop' from elsewhere, or the agent's own end, ends "
                    + "it; between two lives ctrl-c does. Your terminal is given back as it was, even when the runner is killed.",
                "An agent that is suspended comes back, at once, or at the time that 'runner suspend --until' said where that is still to "
                    + "come; '--from' does not wait for it.",
            ],
            exits: [
                (.ok, "the agent ended with status 0; any other status is the agent's own too, and 128 + n when signal n ended it"),
                (.usage, "the command line is wrong"), (.noInput, "no such file or version"),
                (.tryAgain, "another supervisor holds the agent"),
                (.denied, "the store may not be opened: its key is not there, or it belongs to somebody else"),
                (.badConfiguration, "the spec is wrong"), (.runnerFailed, "the runner itself failed, or nobody knows how the agent ended"),
                (.notExecutable, "the command cannot be executed"), (.commandNotFound, "the command was not found"),
            ])
    }
    static var options: [Option<Self>] {
        [
            .flag("detach", "d", \.detach, "In the background; print its name when it runs."),
            .flag("quiet", "q", \.quiet, "Do not show the agent's output; the log has it."),
            .flag("interactive", "i", \.interactive, "Hand on what you type; with -t only."),
            .flag("tty", "t", \.terminal, "Give the agent a terminal, connected to yours; with -i only."),
            .optional("from", nil, \.from, as: "ORIGIN", "Start from a version, 'latest', 'known-good' or 'clean'."),
            .each("env", "e", \.variables, as: "NAME=VALUE", "A variable for the agent; NAME alone hands on the runner's own."),
        ] + settingOptions + [.flag("in-background", nil, \.inBackground, "")]
    }
    static var operands: [Operand<Self>] {
        [
            .optional("FILE", \.file, "The spec, such as agent.yaml; or an agent's name, for the spec it last ran with."),
            .rest("COMMAND", \.command, "The agent's command; instead of FILE, or of the command in it."),
        ]
    }

    func validate() throws(CommandFault) {
        guard interactive == terminal else {
            throw CommandFault(.usage, "could not connect one half of a terminal: say '-it', or neither '-i' nor '-t'")
        }
        guard !terminal || !detach && !quiet else {
            throw CommandFault(.usage, "could not connect a terminal to what is not shown: leave out '-it', or '-d' and '-q'")
        }
        guard file != nil || !command.isEmpty else {
            throw CommandFault(.usage, "say what to run: a spec such as agent.yaml, or a command after '--'. See 'runner run --help'")
        }
    }

    func run(on bench: Workbench) throws(CommandFault) -> Ending {
        let spec = try bench.readSpec(source).spec
        let store = try bench.createStore()
        try lookAhead(spec, in: store, on: bench)
        if !inBackground { bench.warnOfEmptyVersions(of: spec) }
        do { try store.addAgent(spec.name) } catch { throw CommandFault(error) }
        let origin = try from.map { (word) throws(CommandFault) in try bench.origin(word, of: spec.name, in: store) }
        return detach && !inBackground ? try start(spec, in: store, on: bench) : try supervise(spec, from: origin, in: store, on: bench)
    }

    /// nil, too, where it is the store's own.
    private func specFile(on bench: Workbench) -> String? { bench.isStored(source) ? nil : file }

    private var source: SpecSource {
        SpecSource(file: file, flags: SpecFlags(flags: flags, variables: variables, command: command.isEmpty ? nil : command))
    }

    /// What cannot work however often it is tried is told here, before the agent is known to the store.
    private func lookAhead(_ spec: AgentSpec, in store: CheckpointStore, on bench: Workbench) throws(CommandFault) {
        if case .missing(let why) = bench.machine.facts.sandboxInit {
            throw CommandFault(.launchSetUp, "could not start '\(spec.name)': \(why)")
        }
        let place = bench.launchPlace(
            of: spec.name, storeID: store.identity, specFile: specFile(on: bench), at: bench.place(of: spec.name, in: store))
        let plan: LaunchPlan
        do { plan = try LaunchPlanner(spec: spec, facts: bench.machine.facts, place: place).plan(from: .clean, incarnation: 1) } catch {
            throw CommandFault(foreign: error.code.rawValue, error.sentence)
        }
        try bench.makeWorkspace(of: spec, for: plan)
    }

    // MARK: In the background

    private func start(_ spec: AgentSpec, in store: CheckpointStore, on bench: Workbench) throws(CommandFault) -> Ending {
        var arguments = bench.machine.arguments
        arguments.insert("--in-background", at: bench.commandIndex + 1)
        try bench.startInBackground(spec.name, arguments, holder: "'runner run -d'", in: store)
        bench.answer("\(spec.name)\n")
        let suspended = try? bench.status(of: spec.name, in: store)  // told as any other where that cannot be asked
        if suspended?.state == .suspended, let reason = suspended?.reason {
            bench.talk("waits in the background: \(reason). 'runner resume \(spec.name)' brings it back before")
        } else {
            bench.talk("runs in the background; 'runner logs -f \(spec.name)' follows it, 'runner stop \(spec.name)' stops it")
        }
        return .ok
    }

    // MARK: Here

    private func supervise(
        _ spec: AgentSpec, from origin: Origin?, in store: CheckpointStore, on bench: Workbench
    ) throws(CommandFault) -> Ending {
        let wish: WantedFile?
        let world: any World
        let place = bench.place(of: spec.name, in: store, noEarlierThan: try bench.lastMoment(of: spec.name, in: store))
        do {
            wish = try WantedFile.read(from: store.disk, below: store.directory(of: spec.name))
            world = try bench.machine.world(for: place) { bench.disk(over: $0, as: store.disk) }
        } catch { throw CommandFault(error) }
        guard !terminal || world.connectTerminal() else {
            throw CommandFault(
                .usage, "could not connect a terminal: standard input and output are none. Leave out '-it', or run it where you type")
        }
        var request = SupervisorRequest(
            spec: spec, facts: bench.machine.facts, place: place,
            launchPlace: bench.launchPlace(of: spec.name, storeID: store.identity, specFile: specFile(on: bench), at: place),
            startFrom: origin ?? wish?.startFrom,
            echo: !quiet && !inBackground, processID: bench.machine.processID
        ) {
            // A wish is granted once. Should it not go away, the next start repeats it, which loses work but breaks nothing.
            try? WantedFile.remove(from: store.disk, below: store.directory(of: spec.name))
            bench.machine.sayReady()
        }
        request.findCriu = {
            CriuProbe(bench.machine, kernelRelease: bench.machine.facts.kernelRelease, memory: bench.places.runtimeBase).find()
        }
        request.notStarted = { code, sentence in bench.machine.sayNotStarted(code, sentence) }
        request.givesTerminal = terminal
        request.rollsBackWorkspace = origin != nil || wish?.rollsBackWorkspace ?? true
        do { return .agents(try bench.supervise(request, world).exitStatus) } catch { throw CommandFault(error) }
    }
}

internal import AgentModel
internal import Checkpoints
internal import ControlSocket
internal import CriuDriver
internal import LaunchPlans
internal import OutsideWorld
internal import StatusViews

struct DoctorCommand: Command {
    var agent: AgentName?
    var json = false
    var timeout = Duration.seconds(60)

    static var manual: Manual {
        Manual(
            name: "doctor", group: .explain, summary: "check what this machine allows, or a living agent's next version",
            examples: [
                .init("runner doctor", "what works here as the user you are, and what to do or install for more"),
                .init(
                    "runner doctor agent-7",
                    "what its next version would hold, and what in its processes keeps images of them from being made"),
                .init("runner doctor --json", "the same as JSON, with the facts it was concluded from"),
            ],
            notes: [
                "Changes nothing. What is limited still runs: the runner says what an agent goes without when it starts.",
                "RUNNER_CRIU names a CRIU that is tried before all others. What was found out about one is remembered until the machine "
                    + "restarts; see docs/criu.md.",
            ],
            exits: [
                (.ok, "agents can run here; of an agent: what it is doing is kept in versions"),
                (.failed, "something essential is missing; of an agent: only its files are kept"),
                (.noInput, "no such agent"), (.noSupervisor, "the agent is not supervised"),
                (.tryAgain, "no answer within '--timeout', or it is not running"),
                (.usage, "the command line is wrong"),
            ])
    }
    static var options: [Option<Self>] { [.json(\.json), .timeout(\.timeout)] }
    static var operands: [Operand<Self>] { [.optional("AGENT", \.agent, "A living agent; this machine when none is named.")] }

    func run(on bench: Workbench) throws(CommandFault) -> Ending {
        if let agent { return try look(at: agent, on: bench) }
        let facts = bench.machine.facts
        let probe = CriuProbe(bench.machine, kernelRelease: facts.kernelRelease, memory: bench.places.runtimeBase)
        let report = DoctorReport(
            facts, images: ImageFacts(criu: probe.find(), support: bench.machine.imageSupport), store: storeFinding(on: bench),
            sockets: socketsFinding(on: bench), hasSystemd: hasSystemd(bench.machine))
        if json { try bench.answer(json: report) } else { bench.answer(report.text(on: bench.paper)) }
        return report.canRun ? .ok : .failed
    }

    private func look(at agent: AgentName, on bench: Workbench) throws(CommandFault) -> Ending {
        let store = try bench.openStore()
        try bench.require(agent, in: store)
        guard case .preflight(let preflight) = try bench.ask(agent, in: store, .preflight, to: "look at", within: timeout) else {
            throw CommandFault(.controlBad, "could not look at '\(agent)': its supervisor is of another release. See 'runner version'")
        }
        let report = PreflightReport(preflight, of: agent)
        if json { try bench.answer(json: report) } else { bench.answer(report.text(on: bench.paper)) }
        return preflight.keepsWork ? .ok : .failed
    }

    private func storeFinding(on bench: Workbench) -> DoctorReport.Finding {
        let path = bench.places.store
        let named = "'\(path)' (\(bench.places.storeOrigin.rawValue))"
        let another = "Choose another store with '--store DIR' or RUNNER_STORE."
        let store: CheckpointStore
        do { store = try bench.openStore() } catch {
            guard error.code == ErrorCode.storeMissing.rawValue else { return .init("store", .missing, error.sentence, remedy: another) }
            guard bench.machine.mayMake(path) else {
                return .init("store", .missing, "\(named) is not there, and this user may not make it", remedy: another)
            }
            return .init("store", .works, "\(named), made by the first 'runner run'")
        }
        guard bench.machine.mayMake(path) else {
            return .init("store", .missing, "\(named) may not be written by this user", remedy: another)
        }
        guard let free = try? store.disk.freeSpace() else { return .init("store", .works, named) }
        let low = free < .mebibytes(256)
        return .init(
            "store", low ? .limited : .works, "\(named), \(free) free",
            remedy: low ? "Free space: checkpoints need room for the whole workspace." : nil)
    }

    /// Where commands and agents find a supervisor.
    private func socketsFinding(on bench: Workbench) -> DoctorReport.Finding {
        let path = bench.places.runtimeBase
        if bench.machine.mayMake(path) { return .init("sockets", .works, "in '\(path)'") }
        return .init(
            "sockets", .missing, "'\(path)' may not be written by this user",
            remedy: bench.machine.userID == 0
                ? "Make '\(path)' writable: supervisors have their sockets there."
                : "Set XDG_RUNTIME_DIR to a directory of your own: supervisors have their sockets there.")
    }

    /// See sd_booted(3).
    private func hasSystemd(_ machine: any Machine) -> Bool { (try? machine.disk(at: "/run/systemd/system", create: false)) != nil }
}

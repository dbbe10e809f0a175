import AgentModel
import AgentSpecs
import ControlSocket
import OutsideWorld
import Recovery
import Retention
import SimulatedWorld

/// A fault that is tried alone at every place of one short reference story, which must then end as it does without it.
public enum NamedFault: String, CaseIterable, Sendable {
    // At every call of the supervisor to the outside.
    case supervisorKilled, powerCut, agentKilled, connectionBroken, calendarSetForward, calendarSetBack
    /// The supervisor dies there, and the next one a little later, at the start of its work.
    case supervisorKilledTwice
    // At every operation of the store. Of a write to a full disk, half arrives.
    case storeFull, storeReadOnly, storeDenied, storeBroken, powerCutAfterOperation
    /// The power is cut just after a line was written to the journal or the ledger: of what is not synced, all, nothing or a part is there.
    case journalTorn, ledgerTorn
    // At every operation of the agent's workspace.
    case workspaceBroken
    // At every message of the protocol.
    case connectionLostAfterMessage, frameTorn, connectionLostBeforeHearing

    private var file: DiskPath? {
        switch self {
        case .journalTorn: "agents/sim/journal/current.jsonl"
        case .ledgerTorn: "agents/sim/effects/ledger"
        default: nil
        }
    }

    /// The places there are in a story without the fault.
    func places(in machine: SimulatedMachine) -> Int {
        switch self {
        case .supervisorKilled, .powerCut, .agentKilled, .connectionBroken, .calendarSetForward, .calendarSetBack, .supervisorKilledTwice:
            machine.operations
        case .storeFull, .storeReadOnly, .storeDenied, .storeBroken, .powerCutAfterOperation: machine.store.operationCount
        case .journalTorn, .ledgerTorn: file.flatMap { machine.writes[$0] } ?? 0
        case .workspaceBroken: machine.workspace.operationCount
        case .connectionLostAfterMessage, .frameTorn: machine.messagesFromAgents
        case .connectionLostBeforeHearing: machine.messagesToAgents
        }
    }

    /// Plans it at that place, counted from 1.
    func plan(at place: Int, in simulation: Simulation) {
        let machine = simulation.machine
        switch self {
        case .supervisorKilled: machine.plan(at: place) { $0.killSupervisor(because: "kill -9") }
        case .supervisorKilledTwice:
            machine.plan(at: place) { $0.killSupervisor(because: "kill -9") }
            machine.plan(at: place + 1 + place % 120) { $0.killSupervisor(because: "kill -9 again") }
        case .powerCut: machine.plan(at: place) { $0.cutPower() }
        case .agentKilled: machine.plan(at: place) { $0.killAgent() }
        case .connectionBroken: machine.plan(at: place) { $0.breakConnection() }
        case .calendarSetForward: machine.plan(at: place) { $0.calendarOffset += .seconds(86_400) }
        case .calendarSetBack: machine.plan(at: place) { $0.calendarOffset -= .seconds(86_400) }
        case .storeFull: simulation.storeFails(at: place, with: .full)
        case .storeReadOnly: simulation.storeFails(at: place, with: .readOnly)
        case .storeDenied: simulation.storeFails(at: place, with: .denied)
        case .storeBroken: simulation.storeFails(at: place, with: .io)
        case .powerCutAfterOperation:
            simulation.storeFails(at: place, with: .powerCutAfter)
            machine.powerFollowsStore = true
        case .journalTorn, .ledgerTorn:
            machine.afterWrite = { [unowned machine] in if $0 == file, machine.writes[$0] == place { machine.cutPower() } }
        case .workspaceBroken: machine.workspace.fail(at: place, with: .io)
        case .connectionLostAfterMessage: machine.script.losesConnectionAfterMessage = place
        case .frameTorn: machine.script.tearsMessage = place
        case .connectionLostBeforeHearing: machine.script.losesConnectionInsteadOfHearing = place
        }
    }
}

public struct Sweep: Sendable {
    public let fault: NamedFault
    public let places: Int
    private let images: Bool

    /// - Parameter images: the reference story of an agent whose processes are put into images.
    /// - Throws: when the reference story itself fails.
    public init(_ fault: NamedFault, images: Bool = false) throws {
        self.fault = fault
        self.images = images
        let simulation = Self.reference(name: "reference", images)
        try Self.tell(simulation)
        places = fault.places(in: simulation.machine)
    }

    /// The reference story with the fault at one place, counted from 1.
    public func tell(at place: Int) throws {
        let simulation = Self.reference(name: "\(fault.rawValue) at \(place)", images)
        fault.plan(at: place, in: simulation)
        try Self.tell(simulation, losesNothing: fault != .storeBroken)
    }

    /// Checkpoints by schedule, by the agent's wish and by an operator's; two deaths, each followed by a restore that rolls files back.
    private static func reference(name: String, _ images: Bool) -> Simulation {
        var script = AgentScript(steps: 12)
        script.savesEvery = 5
        script.beatsEvery = 3000...4000
        var spec = Story.quickSpec()
        spec.checkpoint.every = .seconds(4)
        spec.checkpoint.keep = .onlyLast(3)
        spec.recovery.whenExhausted = .retry
        let simulation = Simulation(name, seed: 7, script: script, spec: spec)
        simulation.machine.plan(after: .milliseconds(6500)) { $0.killAgent() }
        simulation.machine.plan(after: .seconds(12)) { $0.killAgent(outOfMemory: true) }
        simulation.asks(.checkpoint(wait: true), after: .seconds(9))
        if images { addImages(to: simulation) }
        return simulation
    }

    /// Every version is rehearsed; restored are the first with its memory following, and one in which the agent was suspended.
    private static func addImages(to simulation: Simulation) {
        simulation.hasCriu = true
        simulation.spec.checkpoint.rehearsal.when = .always
        simulation.spec.restore.memory = .lazy
        simulation.desk.patience = .seconds(400)
        simulation.asks(.checkpoint(wait: true, mode: .process), after: .seconds(10))
        simulation.asks(.suspend(until: WallTime(nanoseconds: simulation.machine.now) + .seconds(18)), after: .seconds(14))
    }

    /// - Parameter losesNothing: false: a version that could not be read is passed over, and what only it held is done again.
    private static func tell(_ simulation: Simulation, losesNothing: Bool = true) throws {
        guard try simulation.run(for: .seconds(2 * 86_400)) else { throw simulation.failure("the task was not finished in two days") }
        try simulation.checkEnd(finished: true)
        if losesNothing { try simulation.checkNothingLost() }
    }
}

public import AgentModel
public import CriuImages
internal import CriuRequests
internal import LaunchPlans
public import OutsideWorld

/// What is to be rehearsed: restored stopped beside the living agent, compared with its images, thrown away.
public struct RehearsalRequest: Hashable, Sendable {
    /// Into a sandbox for a rehearsal (`LaunchPlan.Purpose`). The restored tree never runs an instruction.
    public var restore: RestoreRequest
    /// What the images say that there must be.
    public var shape: SetShape
    public init(restore: RestoreRequest, shape: SetShape) {
        self.restore = restore
        (self.restore.leavesStopped, self.restore.isLazy) = (true, false)
        // Where there is no network nothing is at the other end.
        self.restore.tree.tcp = .close
        self.shape = shape
    }
}

/// Comes once, when nothing of the sandbox is left.
public enum RehearsalNews: Hashable, Sendable {
    /// It was restored and is what was dumped.
    case rehearsed(Rehearsed)
    /// It was restored and is not what was dumped; a clause each.
    case differs([String])
    case failed(CriuFault)
}

public struct Rehearsed: Hashable, Sendable {
    /// From the request until nothing is left of it.
    public var took: Duration
    public var processes: Int
    /// What the restored tree held.
    public var memory: ByteCount
    public init(took: Duration, processes: Int, memory: ByteCount) {
        self.took = took
        self.processes = processes
        self.memory = memory
    }
}

/// One rehearsal under way. It has the time limit of its restore; what follows is a look and a kill.
public final class RehearsalJob {
    private enum Stage {
        case restoring
        case clearing(RehearsalNews)
        case over
    }
    public let request: RehearsalRequest
    private let world: any World
    private let restore: RestoreJob
    private let began: Moment
    private var stage = Stage.restoring

    init(_ request: RehearsalRequest, driver: CriuDriver) throws(CriuFault) {
        precondition(request.restore.plan.purpose == .rehearsal, "a rehearsal in a sandbox for \(request.restore.plan.purpose)")
        self.request = request
        world = driver.world
        began = world.now()
        restore = try driver.restore(request.restore)
    }

    public var sandbox: SandboxID { restore.sandbox }

    /// When `timePassed` wants to be called; nil: never.
    public var deadline: Moment? { if case .restoring = stage { restore.deadline } else { nil } }
    public func timePassed() { restore.timePassed() }

    /// It is in the way; `failed` follows.
    public func callOff() {
        switch stage {
        case .restoring: restore.callOff()
        case .clearing, .over: break  // it is about to be gone
        }
    }

    /// Looks at an event of the loop.
    public func take(_ event: WorldEvent) -> RehearsalNews? {
        switch stage {
        case .restoring:
            switch restore.take(event) {
            case .restored: look()
            case .failed(let fault):
                stage = .over
                return .failed(fault)
            case .complete, nil: break
            }
        case .clearing(let news):
            guard event == .sandbox(sandbox, .vanished) else { return nil }
            stage = .over
            guard case .rehearsed(var rehearsed) = news else { return news }
            rehearsed.took = world.now() - began
            return .rehearsed(rehearsed)
        case .over: break
        }
        return nil
    }

    private func look() {
        let sight = world.look(into: sandbox, for: .shape) ?? TreeSight()
        let found = differences(between: request.shape, and: sight)
        let memory = sight.processes.reduce(0) { $0 &+ $1.memoryBytes }
        stage = .clearing(
            found.isEmpty
                ? .rehearsed(Rehearsed(took: .zero, processes: sight.processes.count, memory: ByteCount(memory))) : .differs(found))
        world.kill(sandbox)
    }
}

extension CriuDriver {
    /// Begins a rehearsal.
    /// - Throws: when the sandbox cannot be made.
    public func rehearse(_ request: RehearsalRequest) throws(CriuFault) -> RehearsalJob { try RehearsalJob(request, driver: self) }
}

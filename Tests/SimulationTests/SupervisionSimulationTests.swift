import AgentModel
import AgentSpecs
import OutsideWorld
import SimulatedWorld
import Testing

/// The whole supervisor in a machine made from a seed. More seeds: `make simulate SEEDS=1000`.
@Suite struct SupervisionSimulationTests {
    static func spec() -> AgentSpec {
        var spec = AgentSpec(name: AgentName("sim") ?? fallback, command: ["agent"], workdir: "/workspace", workspace: "/workspace")
        spec.checkpoint.every = .seconds(20)
        spec.checkpoint.deadline = .seconds(10)
        spec.health.heartbeat = .seconds(30)
        spec.effects.unknown = .retryIfIdempotent
        return spec
    }
    private static var fallback: AgentName { preconditionFailure("a constant name") }

    @Test(arguments: 1...UInt64(seedCount))
    func anAgentKilledAgainAndAgainFinishesEveryStepOnce(seed: UInt64) throws {
        var script = AgentScript(steps: 40)
        script.dies = 30_000
        var simulation = Simulation(seed: seed, script: script, spec: Self.spec())
        simulation.troubles.agentKilled = 4000
        #expect(try simulation.run(for: .seconds(86_400)))
        try simulation.checkFinishedTask()
        try simulation.checkNothingLost()
    }

    @Test(arguments: 1...UInt64(seedCount))
    func supervisorsThatAreKilledLoseNothing(seed: UInt64) throws {
        var script = AgentScript(steps: 40)
        script.tearsFrame = 2000
        var simulation = Simulation(seed: seed, script: script, spec: Self.spec())
        simulation.troubles.agentKilled = 1000
        simulation.troubles.supervisorKilled = 6000
        simulation.troubles.strangers = 2000
        #expect(try simulation.run(for: .seconds(86_400)))
        try simulation.checkFinishedTask()
        try simulation.checkNothingLost()
    }

    @Test(arguments: 1...UInt64(seedCount))
    func powerCutsAndFullDisksNeverMixVersions(seed: UInt64) throws {
        var script = AgentScript(steps: 40)
        script.savesEvery = 7
        var simulation = Simulation(seed: seed, script: script, spec: Self.spec())
        simulation.troubles.powerCut = 2000
        simulation.troubles.agentKilled = 1000
        simulation.troubles.supervisorKilled = 1000
        simulation.troubles.diskFull = 1000
        simulation.troubles.diskReadOnly = 500
        #expect(try simulation.run(for: .seconds(2 * 86_400)))
        try simulation.checkFinishedTask()
    }
}

/// From the environment, which only tests may read.
let seedCount = Int(environment("SIMULATION_SEEDS") ?? "") ?? 25

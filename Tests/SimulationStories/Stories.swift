import AgentModel
import AgentSpecs
import ControlSocket
import Recovery
import SimulatedWorld

extension Story {
    /// A quick agent: steps of a second, so that much happens in little time.
    static func quickSpec() -> AgentSpec {
        guard let name = AgentName("sim") else { preconditionFailure("a constant name") }
        var spec = AgentSpec(name: name, command: ["agent"], workdir: "/workspace", workspace: "/workspace")
        spec.checkpoint.every = .seconds(20)
        spec.checkpoint.deadline = .seconds(10)
        spec.health.heartbeat = .seconds(30)
        spec.effects.unknown = .retryIfIdempotent
        spec.hooks = "/hooks"
        return spec
    }

    /// An agent as they are: steps of minutes, a checkpoint an hour, a heartbeat every ten minutes.
    static func slowSpec() -> AgentSpec {
        var spec = quickSpec()
        spec.checkpoint.every = .seconds(3600)
        spec.checkpoint.deadline = .seconds(1800)
        spec.health.heartbeat = .seconds(1800)
        return spec
    }

    static func slowScript(days: Int) -> AgentScript {
        var script = AgentScript(steps: days * 96)
        script.stepTime = 300_000...1_500_000
        script.beatsEvery = 500_000...700_000
        return script
    }

    static func script(_ steps: Int, _ change: (inout AgentScript) -> Void = { _ in }) -> AgentScript {
        var script = AgentScript(steps: steps)
        change(&script)
        return script
    }

    static func spec(_ change: (inout AgentSpec) -> Void) -> AgentSpec {
        var spec = quickSpec()
        change(&spec)
        return spec
    }

    // MARK: The catalogue

    /// Every kind, each short enough for a test.
    public static var all: [Story] { ordinary + processes }

    /// Of agents of which there are no images.
    static var ordinary: [Story] { deaths + doubts + peers + operators + disks }

    private static var deaths: [Story] {
        [
            Story("killed agent", script(40) { $0.dies = 30_000 }, quickSpec(), within: .seconds(86_400), losesNothing: true) {
                $0.troubles = [RecurringTrouble(.agentKilled, every: .seconds(60))]
            }.ending(setAside),
            Story("leaking agent", script(40) { $0.diesOfMemory = 40_000 }, quickSpec(), within: .seconds(86_400), losesNothing: true) {
                $0.troubles = [RecurringTrouble(.agentKilledForMemory, every: .seconds(60))]
            }.ending(setAside),
            Story("killed supervisor", script(40) { $0.tearsFrame = 2000 }, quickSpec(), within: .seconds(86_400), losesNothing: true) {
                $0.troubles = [
                    RecurringTrouble(.supervisorKilled, every: .seconds(15)), RecurringTrouble(.agentKilled, every: .seconds(120)),
                    RecurringTrouble(.stranger, every: .seconds(30)), RecurringTrouble(.connectionLost, every: .seconds(40)),
                ]
            },
            Story(
                "killed while standing still", script(40) { $0.savesEvery = 2 }, spec { $0.checkpoint.every = .seconds(3) },
                within: .seconds(86_400), losesNothing: true
            ) {
                $0.troubles = [
                    RecurringTrouble(.supervisorKilled, every: .seconds(9)), RecurringTrouble(.agentKilled, every: .seconds(40)),
                ]
            },
            Story("roll-back cut off", script(30), spec { $0.checkpoint.every = .seconds(4) }, within: .seconds(86_400)) {
                $0.startsCleanAgain = true
                $0.killsSupervisorInRollBack()
                $0.troubles = [RecurringTrouble(.agentKilled, every: .seconds(15))]
            },
            Story("news late and twice", script(40) { $0.dies = 20_000 }, quickSpec(), within: .seconds(86_400), losesNothing: true) {
                $0.machine.repeatsNews = 300_000
                $0.troubles = [RecurringTrouble(.agentKilled, every: .seconds(40)), RecurringTrouble(.connectionLost, every: .seconds(40))]
            },
            Story(
                "launch refused", script(40) { $0.dies = 30_000 }, spec { $0.recovery.whenExhausted = .retry },
                within: .seconds(43_200)
            ) {
                $0.machine.refusesLaunch = 200_000
                $0.machine.failsStart = 200_000
            },
            Story(
                "without the protocol",
                script(40) {
                    $0.cooperative = false; $0.dies = 10_000
                }, quickSpec(), within: .seconds(86_400)
            ) {
                $0.troubles = [
                    RecurringTrouble(.agentKilled, every: .seconds(30)), RecurringTrouble(.supervisorKilled, every: .seconds(30)),
                ]
            },
            Story(
                "restart always", script(15) { $0.exitsWithError = 50_000 }, spec { $0.recovery.restart = .always }, within: .seconds(3600),
                finishes: false, scene: { $0.machine.repeatsNews = 100_000 }),
            Story(
                "restart never", script(400) { $0.exitsWithError = 50_000 }, spec { $0.recovery.restart = .never }, within: .seconds(3600),
                finishes: false
            )
            // The supervisor ends with the agent's first end; the harness starts it again each time, as a person would.
            .ending { $0.ended.isEmpty ? "no supervisor ended with its agent" : nil },
        ]
    }

    private static var doubts: [Story] {
        [
            Story(
                "hanging agent",
                script(60) {
                    $0.hangs = 10_000; $0.beatsEvery = 2000...4000
                }, spec { $0.recovery.whenExhausted = .retry }, within: .seconds(43_200)),
            Story(
                "hangs while nobody looks",
                script(60) {
                    $0.hangs = 30_000; $0.beatsEvery = 2000...4000
                }, spec { $0.recovery.whenExhausted = .retry }, within: .seconds(43_200)
            ) {
                $0.killsSupervisorAtHang()
            },
            Story(
                "failure reported", script(60) { $0.reportsFailure = 10_000 }, spec { $0.recovery.whenExhausted = .retry },
                within: .seconds(43_200)),
            Story("poisoned state", script(300), quickSpec(), within: .seconds(6 * 3600), finishes: false) { simulation in
                // Healthy for two minutes, with versions; from then on nothing lives.
                simulation.machine.plan(after: .seconds(120)) { machine in
                    machine.script.diesAfterRestore = .milliseconds(30)
                    machine.script.diesAfterCleanStart = .milliseconds(30)
                    machine.killAgent()
                }
            }.ending(calledOnce),
            Story(
                "dies whatever it is given",
                script(60) {
                    $0.diesAfterRestore = .milliseconds(30); $0.diesAfterCleanStart = .milliseconds(30)
                },
                quickSpec(), within: .seconds(6 * 3600), finishes: false
            ).ending(calledOnce),
            Story(
                "versions damaged", script(60) { $0.savesEvery = 5 }, spec { $0.recovery.whenExhausted = .retry },
                within: .seconds(43_200)
            ) {
                $0.troubles = [
                    RecurringTrouble(.versionDamaged, every: .seconds(20)), RecurringTrouble(.agentKilled, every: .seconds(30)),
                    RecurringTrouble(.supervisorKilled, every: .seconds(60)),
                ]
            },
        ]
    }

    private static var peers: [Story] {
        [
            Story(
                "deaf agent",
                script(40) {
                    $0.deaf = 1_000_000; $0.dies = 5000; $0.beatsEvery = 2000...4000
                }, spec { $0.recovery.whenExhausted = .retry }, within: .seconds(43_200)
            ).ending(neverFromForced),
            Story(
                "hard of hearing",
                script(40) {
                    $0.deaf = 300_000; $0.savesEvery = 9; $0.beatsEvery = 2000...4000
                }, quickSpec(), within: .seconds(86_400)
            ) {
                $0.troubles = [RecurringTrouble(.agentKilled, every: .seconds(60))]
            }.ending(neverFromForced),
            Story(
                "large state", script(16) { $0.stateSize = 3 << 20 }, spec { $0.checkpoint.every = .seconds(5) }, within: .seconds(86_400),
                losesNothing: true
            ) {
                $0.troubles = [
                    RecurringTrouble(.agentKilled, every: .seconds(12)), RecurringTrouble(.supervisorKilled, every: .seconds(20)),
                    RecurringTrouble(.connectionLost, every: .seconds(20)),
                ]
            },
            Story(
                "torn frames",
                script(40) {
                    $0.tearsFrame = 50_000; $0.savesEvery = 5
                }, quickSpec(), within: .seconds(86_400), losesNothing: true
            ) {
                $0.troubles = [
                    RecurringTrouble(.connectionLost, every: .seconds(8)), RecurringTrouble(.agentKilled, every: .seconds(60)),
                    RecurringTrouble(.impostor, every: .seconds(10)),
                ]
            },
            Story(
                "stopped and started", script(400) { $0.stepTime = 1...20 }, spec { $0.checkpoint.every = .seconds(600) },
                within: .seconds(86_400)
            ) {
                for turn in 0..<20 {
                    $0.asks(.stop(checkpoint: true), after: .seconds(6 * turn + 2))
                    $0.asks(.restart(from: nil), after: .seconds(6 * turn + 4))
                    $0.signals(15, after: .seconds(6 * turn + 6))
                }
            }.ending(keepsEveryStep),
            // To disk and back, by its time, an operator or the next supervisor: it goes on from exactly where it was.
            Story(
                "suspended and resumed", script(1500) { $0.stepTime = 1...20 }, spec { $0.checkpoint.every = .seconds(600) },
                within: .seconds(86_400)
            ) {
                for turn in 0..<20 {
                    let until = WallTime(nanoseconds: $0.machine.now) + .seconds(5 * turn + 4)
                    $0.asks(.suspend(until: turn % 4 == 3 ? nil : until), after: .seconds(5 * turn + 2))
                    if turn % 4 == 1 { $0.asks(.resume, after: .seconds(5 * turn + 3)) }
                    if turn % 4 == 2 { $0.signals(15, after: .seconds(5 * turn + 3)) }
                    if turn % 4 == 3 { $0.asks(.restart(from: nil), after: .seconds(5 * turn + 4)) }
                }
            }.ending(keepsEveryStep),
            Story("ignores stop", script(40) { $0.ignoresStop = true }, quickSpec(), within: .seconds(86_400)) {
                $0.operatorEvery = .seconds(30)
                $0.wishes = [.restart, .stop, .checkpointAndWait]
            },
        ]
    }

    private static var operators: [Story] {
        [
            Story("busy operator", script(60) { $0.savesEvery = 8 }, quickSpec(), within: .seconds(10 * 86_400)) {
                $0.operatorEvery = .seconds(6)
                $0.wishes = OperatorDesk.Wish.ordinary + [.status, .checkpointAndWait, .restart, .restore]
                $0.troubles = [
                    RecurringTrouble(.agentKilled, every: .seconds(60)), RecurringTrouble(.supervisorKilled, every: .seconds(60)),
                    RecurringTrouble(.versionDamaged, every: .seconds(300)),
                ]
            },
            Story(
                "unknown effects held", script(40) { $0.idempotent = false }, spec { $0.effects.unknown = .hold },
                within: .seconds(10 * 86_400)
            ) {
                $0.operatorEvery = .seconds(120)
                $0.wishes = [.status]
                $0.troubles = [
                    RecurringTrouble(.agentKilled, every: .seconds(20)), RecurringTrouble(.supervisorKilled, every: .seconds(60)),
                    RecurringTrouble(.powerCut, every: .seconds(40)),
                ]
            },
            Story(
                "clock set",
                script(60) {
                    $0.dies = 20_000; $0.savesEvery = 6
                }, quickSpec(), within: .seconds(10 * 86_400), losesNothing: true
            ) {
                $0.troubles = [RecurringTrouble(.clockSet, every: .seconds(30)), RecurringTrouble(.supervisorKilled, every: .seconds(30))]
            },
        ]
    }

    private static var disks: [Story] {
        [
            Story("power cut", script(40) { $0.savesEvery = 7 }, quickSpec(), within: .seconds(2 * 86_400)) {
                $0.troubles = [RecurringTrouble(.powerCut, every: .seconds(30)), RecurringTrouble(.agentKilled, every: .seconds(60))]
            },
            Story("full and read-only", script(200) { $0.savesEvery = 7 }, quickSpec(), within: .seconds(20 * 86_400)) {
                $0.troubles = [
                    RecurringTrouble(.storeFull, every: .seconds(600)), RecurringTrouble(.storeReadOnly, every: .seconds(900)),
                    RecurringTrouble(.agentKilled, every: .seconds(90)), RecurringTrouble(.supervisorKilled, every: .seconds(200)),
                ]
            },
            // Full, then with room for something small and not for a second ledger.
            Story(
                "nearly full", script(200) { $0.beatsEvery = 2000...4000 }, spec { $0.checkpoint.every = .seconds(3600) },
                within: .seconds(86_400)
            ) {
                $0.machine.plan(after: .seconds(150)) { $0.store.setCapacity($0.store.used) }
                $0.machine.plan(after: .seconds(165)) { $0.store.setCapacity(ByteCount($0.store.used.bytes + (16 << 10))) }
                $0.machine.plan(after: .seconds(225)) { $0.store.setCapacity(nil) }
            }.ending(warnedOnce),
            Story(
                "troubled disk", script(60) { $0.savesEvery = 7 }, spec { $0.recovery.whenExhausted = .retry },
                within: .seconds(20 * 86_400)
            ) {
                $0.troubles = [
                    RecurringTrouble(.storeTrouble, every: .seconds(10)), RecurringTrouble(.agentKilled, every: .seconds(60)),
                    RecurringTrouble(.supervisorKilled, every: .seconds(100)), RecurringTrouble(.powerCut, every: .seconds(200)),
                ]
            },
            Story(
                "everything at once",
                script(80) {
                    $0.savesEvery = 7; $0.dies = 5000; $0.deaf = 50_000; $0.tearsFrame = 3000; $0.hangs = 1000; $0.beatsEvery = 2000...4000
                }, spec { $0.recovery.whenExhausted = .retry }, within: .seconds(60 * 86_400)
            ) {
                $0.machine.repeatsNews = 50_000
                $0.desk.patience = .seconds(900)
                $0.operatorEvery = .seconds(60)
                $0.wishes = OperatorDesk.Wish.ordinary
                $0.troubles = Trouble.ordinary.map { RecurringTrouble($0, every: .seconds(200)) }
            },
        ]
    }

    /// Fifty days of a slow agent in which everything happens now and then.
    public static func long(days: Int = 50) -> Story { long(days: days, named: "long") { _ in } }

    static func long(days: Int, named name: String, _ more: @escaping @Sendable (Simulation) -> Void) -> Story {
        var script = slowScript(days: days)
        script.savesEvery = 11
        script.dies = 3000
        script.diesOfMemory = 1000
        script.hangs = 500
        script.reportsFailure = 500
        script.deaf = 5000
        script.tearsFrame = 1000
        var spec = slowSpec()
        spec.recovery.whenExhausted = .retry
        return Story(name, script, spec, within: .seconds(days * 4 * 86_400)) {
            $0.machine.repeatsNews = 20_000
            $0.desk.patience = .seconds(900)
            $0.operatorEvery = .seconds(43_200)
            // Any version would at times be one of weeks ago: a task of months that is begun anew every week is never finished.
            $0.goesBackAtMost = 4
            $0.wishes = [.status, .checkpoint, .checkpointAndWait, .restart, .pin, .stop, .restart, .status, .checkpointAndWait, .restore]
            $0.troubles = Trouble.ordinary.map { RecurringTrouble($0, every: .seconds(86_400)) }
            more($0)
        }.ending(losesLittle)
    }
}

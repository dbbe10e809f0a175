import AgentModel
import AgentSpecs
import ControlSocket
import Recovery
import SimulatedWorld

extension Simulation {
    /// There is a CRIU, and what is made of it is drawn from the seed, apart from all else that is drawn of it: the mode, rehearsals, when
    /// memory comes, and, where the story leaves that open, whether the agent speaks the protocol.
    func makesImages(plainAsWell: Bool = false) {
        var drawn = SeededRandom(seed: seed ^ 0xc21_0c21)
        hasCriu = true
        spec.checkpoint.mode = drawn.number(below: 3) == 0 ? .process : .auto
        spec.checkpoint.rehearsal.when = AgentSpec.Rehearsal.When.allCases[drawn.number(below: 3)]
        spec.checkpoint.rehearsal.every = .seconds(60)
        spec.restore.memory = drawn.coin() ? .lazy : .eager
        if plainAsWell { machine.script.cooperative = drawn.coin() }
        // A dump that hangs and is called off comes before the answer, and so does the next one.
        desk.patience = .seconds(400)
    }

    /// Every CRIU fails with this chance in a million, each in one of its ways.
    func criuFails(_ chance: Int) { for trouble in SimulatedCriuTrouble.allCases { machine.criuTroubles[trouble] = chance / 9 } }

    /// To disk and back, or stopped after a last cut and started again, every few seconds.
    func comesAndGoes(turns: Int, every: Int, _ wishes: (WallTime) -> [ControlRequest]) {
        for turn in 0..<turns {
            let soon = WallTime(nanoseconds: machine.now) + .seconds(every * turn + every / 2 + 2)
            let possible = wishes(soon)
            asks(possible[random.number(below: possible.count)], after: .seconds(every * turn + every / 2))
            switch random.number(below: 4) {
            case 0: asks(.resume, after: .seconds(every * turn + every / 2 + 1))
            case 1: asks(.restart(from: nil), after: .seconds(every * turn + every - 1))
            case 2: signals(15, after: .seconds(every * turn + every / 2 + 1))
            default: break
            }
        }
    }
}

/// Agents whose processes are put into images.
extension Story {
    public static var processes: [Story] { imagesOfDeaths + imagesOfDoubts + imagesOfOperators }

    private static var imagesOfDeaths: [Story] {
        [
            Story("images: killed agent", script(60) { $0.dies = 20_000 }, quickSpec(), within: .seconds(86_400), losesNothing: true) {
                $0.makesImages()
                $0.troubles = [RecurringTrouble(.agentKilled, every: .seconds(30))]
            }.ending(setAside),
            Story(
                "images: killed supervisor", script(60) { $0.tearsFrame = 2000 }, quickSpec(), within: .seconds(86_400), losesNothing: true
            ) {
                $0.makesImages()
                $0.troubles = [
                    RecurringTrouble(.supervisorKilled, every: .seconds(12)), RecurringTrouble(.agentKilled, every: .seconds(120)),
                    RecurringTrouble(.connectionLost, every: .seconds(40)),
                ]
            },
            Story(
                "images: killed in a cut", script(60) { $0.savesEvery = 4 }, spec { $0.checkpoint.every = .seconds(3) },
                within: .seconds(86_400), losesNothing: true
            ) {
                $0.makesImages()
                $0.troubles = [
                    RecurringTrouble(.supervisorKilled, every: .seconds(9)), RecurringTrouble(.agentKilled, every: .seconds(20)),
                ]
            },
            Story("images: cut before it speaks", script(60), quickSpec(), within: .seconds(86_400), losesNothing: true) {
                $0.makesImages()
                $0.cutsAtOnce = true
                $0.troubles = [RecurringTrouble(.agentKilled, every: .seconds(15))]
            },
            Story("images: plain program", script(80) { $0.cooperative = false }, quickSpec(), within: .seconds(86_400), losesNothing: true)
            {
                $0.makesImages()
                $0.troubles = [
                    RecurringTrouble(.agentKilled, every: .seconds(60)), RecurringTrouble(.supervisorKilled, every: .seconds(30)),
                ]
            },
            Story("images: power cut", script(60) { $0.savesEvery = 7 }, quickSpec(), within: .seconds(2 * 86_400)) {
                $0.makesImages(plainAsWell: true)
                $0.troubles = [RecurringTrouble(.powerCut, every: .seconds(30)), RecurringTrouble(.agentKilled, every: .seconds(60))]
            },
            Story("images: news late and twice", script(60) { $0.dies = 20_000 }, quickSpec(), within: .seconds(86_400), losesNothing: true)
            {
                $0.makesImages()
                $0.machine.repeatsNews = 300_000
                $0.troubles = [RecurringTrouble(.agentKilled, every: .seconds(40)), RecurringTrouble(.connectionLost, every: .seconds(40))]
            },
            Story(
                "images: launch refused", script(60) { $0.dies = 30_000 }, spec { $0.recovery.whenExhausted = .retry },
                within: .seconds(43_200)
            ) {
                $0.makesImages(plainAsWell: true)
                $0.machine.refusesLaunch = 200_000
                $0.machine.failsStart = 200_000
            },
            Story(
                "images: roll-back cut off", script(40), spec { $0.checkpoint.every = .seconds(4) }, within: .seconds(86_400)
            ) {
                $0.makesImages()
                $0.startsCleanAgain = true
                $0.killsSupervisorInRollBack()
                $0.troubles = [RecurringTrouble(.agentKilled, every: .seconds(15))]
            },
        ]
    }

    private static var imagesOfDoubts: [Story] {
        [
            Story(
                "images: CRIU fails", script(80) { $0.savesEvery = 9 }, spec { $0.recovery.whenExhausted = .retry },
                within: .seconds(43_200)
            ) {
                $0.makesImages(plainAsWell: true)
                $0.criuFails(300_000)
                $0.troubles = [
                    RecurringTrouble(.agentKilled, every: .seconds(40)), RecurringTrouble(.supervisorKilled, every: .seconds(120)),
                    RecurringTrouble(.pagesLost, every: .seconds(60)),
                ]
            },
            Story(
                "images: versions damaged", script(60) { $0.savesEvery = 5 }, spec { $0.recovery.whenExhausted = .retry },
                within: .seconds(43_200)
            ) {
                $0.makesImages(plainAsWell: true)
                $0.troubles = [
                    RecurringTrouble(.imageDamaged, every: .seconds(15)), RecurringTrouble(.versionDamaged, every: .seconds(60)),
                    RecurringTrouble(.agentKilled, every: .seconds(30)), RecurringTrouble(.supervisorKilled, every: .seconds(60)),
                ]
            },
            Story(
                "images: hanging agent",
                script(60) {
                    $0.hangs = 10_000; $0.beatsEvery = 2000...4000
                }, spec { $0.recovery.whenExhausted = .retry }, within: .seconds(43_200)
            ) {
                $0.makesImages()
            },
            Story(
                "images: hard of hearing",
                script(60) {
                    $0.deaf = 300_000; $0.savesEvery = 9; $0.beatsEvery = 2000...4000
                }, spec { $0.recovery.whenExhausted = .retry }, within: .seconds(43_200)
            ) {
                $0.makesImages()
                $0.troubles = [RecurringTrouble(.agentKilled, every: .seconds(60))]
            }.ending(neverFromForced),
            Story("images: full and read-only", script(200) { $0.savesEvery = 7 }, quickSpec(), within: .seconds(20 * 86_400)) {
                $0.makesImages(plainAsWell: true)
                $0.troubles = [
                    RecurringTrouble(.storeFull, every: .seconds(600)), RecurringTrouble(.storeReadOnly, every: .seconds(900)),
                    RecurringTrouble(.agentKilled, every: .seconds(90)), RecurringTrouble(.supervisorKilled, every: .seconds(200)),
                ]
            },
            Story(
                "images: troubled disk", script(60) { $0.savesEvery = 7 }, spec { $0.recovery.whenExhausted = .retry },
                within: .seconds(20 * 86_400)
            ) {
                $0.makesImages(plainAsWell: true)
                $0.troubles = [
                    RecurringTrouble(.storeTrouble, every: .seconds(10)), RecurringTrouble(.agentKilled, every: .seconds(60)),
                    RecurringTrouble(.supervisorKilled, every: .seconds(100)), RecurringTrouble(.powerCut, every: .seconds(200)),
                ]
            },
        ]
    }

    private static var imagesOfOperators: [Story] {
        [
            // It stands from its last cut on until it is killed, and goes on from there.
            Story(
                "images: suspended and resumed", script(1500) { $0.stepTime = 1...20 }, spec { $0.checkpoint.every = .seconds(600) },
                within: .seconds(86_400)
            ) {
                $0.makesImages(plainAsWell: true)
                $0.comesAndGoes(turns: 20, every: 6) { [.suspend(until: $0), .suspend(until: $0), .suspend(until: nil)] }
            }.ending(comesBackAsItWas),
            Story(
                "images: last cuts", script(1500) { $0.stepTime = 1...20 }, spec { $0.checkpoint.every = .seconds(600) },
                within: .seconds(86_400)
            ) {
                $0.makesImages(plainAsWell: true)
                $0.comesAndGoes(turns: 20, every: 4) { until in
                    [
                        .checkpoint(wait: true, mode: .process, stop: true), .checkpoint(wait: true, stop: true), .suspend(until: until),
                        .stop(checkpoint: true),
                    ]
                }
            }.ending(comesBackAsItWas),
            Story(
                "images: suspended while CRIU fails", script(300) { $0.stepTime = 100...400 }, spec { $0.recovery.whenExhausted = .retry },
                within: .seconds(5 * 86_400)
            ) {
                $0.makesImages(plainAsWell: true)
                $0.criuFails(300_000)
                $0.operatorEvery = .seconds(10)
                $0.wishes = [.suspend, .suspend, .suspendForGood, .resume, .checkpointAndStop, .checkpointInMode, .status]
                $0.troubles = [
                    RecurringTrouble(.supervisorKilled, every: .seconds(30)), RecurringTrouble(.agentKilled, every: .seconds(60)),
                    RecurringTrouble(.powerCut, every: .seconds(120)), RecurringTrouble(.pagesLost, every: .seconds(60)),
                ]
            },
            Story("images: busy operator", script(80) { $0.savesEvery = 8 }, quickSpec(), within: .seconds(10 * 86_400)) {
                $0.makesImages(plainAsWell: true)
                $0.operatorEvery = .seconds(6)
                $0.wishes = OperatorDesk.Wish.allCases + [.status, .checkpointInMode, .checkpointAndStop, .restore, .restore]
                $0.troubles = [
                    RecurringTrouble(.agentKilled, every: .seconds(60)), RecurringTrouble(.supervisorKilled, every: .seconds(60)),
                    RecurringTrouble(.imageDamaged, every: .seconds(300)),
                ]
            },
            Story(
                "images: everything at once",
                script(80) {
                    $0.savesEvery = 7; $0.dies = 5000; $0.deaf = 50_000; $0.tearsFrame = 3000; $0.hangs = 1000; $0.beatsEvery = 2000...4000
                }, spec { $0.recovery.whenExhausted = .retry }, within: .seconds(60 * 86_400)
            ) {
                $0.makesImages()
                $0.criuFails(100_000)
                $0.machine.repeatsNews = 50_000
                $0.desk.patience = .seconds(900)
                $0.operatorEvery = .seconds(60)
                $0.wishes = OperatorDesk.Wish.allCases
                $0.troubles = Trouble.allCases.map { RecurringTrouble($0, every: .seconds(200)) }
            },
        ]
    }

    /// As `long`, of an agent whose processes are put into images.
    public static func longWithImages(days: Int = 50) -> Story {
        long(days: days, named: "long with images") {
            $0.makesImages()
            $0.desk.patience = .seconds(900)
            $0.criuFails(20_000)
            $0.wishes += [.suspend, .resume, .checkpointInMode, .checkpointAndStop, .preflight]
            $0.troubles += [Trouble.criuFails, .pagesLost, .imageDamaged].map { RecurringTrouble($0, every: .seconds(86_400)) }
        }
    }
}

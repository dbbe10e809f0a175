import SimulationStories
import Testing

/// The whole supervisor in a machine made from a seed. The long form: `make simulate SEEDS=1000`, `make soak`.
@Suite struct SupervisionSimulationTests {
    struct Telling: CustomTestStringConvertible, Sendable {
        let story: Story
        let seed: UInt64
        var testDescription: String { "\(story), seed \(seed)" }
    }

    private static let seeds = UInt64(environment("SIMULATION_SEEDS") ?? "") ?? 3

    /// Seeds that once found something. Each stays.
    private static let kept: [(String, UInt64)] = [
        ("hanging agent", 1),  // a cut without a state stopped the watch over the heartbeat for good
        ("killed supervisor", 4),  // killed between deciding that the task is done and saying so: it was begun anew
        ("troubled disk", 2),  // an entry of the journal stood there twice
        ("roll-back cut off", 7),  // started from somewhere while its end was decided and not yet seen: it was waited for for ever
        ("restart never", 19),  // the oracle took two moments of two supervisors for one long one
        ("troubled disk", 5), ("everything at once", 4),  // two troubles of one moment were one incident
        // restored from an image in which it hung, it was not watched; and what was cut of it meanwhile was preferred to all else
        ("images: hanging agent", 3),
        // what went down while nobody looked was taken to have lived until somebody did, and its version for proven
        ("images: killed in a cut", 6), ("images: troubled disk", 5),
        ("images: suspended while CRIU fails", 12), ("images: suspended while CRIU fails", 19),  // finished unseen, and rolled back
        ("images: power cut", 30),  // the oracle took a plain program's torn file for the runner's doing
    ]

    static var tellings: [Telling] {
        Story.all.flatMap { story in
            let more = kept.filter { $0.0 == story.name && $0.1 > seeds }.map(\.1)
            return ((seeds == 0 ? [] : Array(1...seeds)) + more).map { Telling(story: story, seed: $0) }
        }
    }

    @Test(arguments: tellings)
    func everyStoryEndsWell(_ telling: Telling) throws { try telling.story.tell(seed: telling.seed) }

    @Test(arguments: 1...UInt64(2))
    func slowAgentsLiveThroughEverything(seed: UInt64) throws { try Story.long(days: 4).tell(seed: seed) }

    @Test(arguments: 1...UInt64(2))
    func slowAgentsWithImagesLiveThroughEverything(seed: UInt64) throws { try Story.longWithImages(days: 3).tell(seed: seed) }

    /// The same of an agent whose processes are put into images.
    @Test(arguments: NamedFault.allCases)
    func aFaultAtAnyPlaceChangesNothingForImages(_ fault: NamedFault) throws {
        let sweep = try Sweep(fault, images: true)
        #expect(sweep.places > 20)
        for sample in 0..<8 { try sweep.tell(at: 1 + (sample * sweep.places + sample * sample) / 8 % sweep.places) }
    }

    /// Every named fault alone, at places spread over the reference story. All of them: `simulate sweep`.
    @Test(arguments: NamedFault.allCases)
    func aFaultAtAnyPlaceChangesNothingInTheEnd(_ fault: NamedFault) throws {
        let sweep = try Sweep(fault)
        #expect(sweep.places > 20)
        for sample in 0..<12 { try sweep.tell(at: 1 + (sample * sweep.places + sample * sample) / 12 % sweep.places) }
        for place in keptPlaces[fault] ?? [] { try sweep.tell(at: min(place, sweep.places)) }
    }

    /// Between the agent's end and the supervisor's last word: a task that is done is not begun anew. Places are counted from the end, for
    /// their number changes with all that comes before.
    @Test(arguments: [NamedFault.supervisorKilled, .powerCut])
    func aFinishedTaskStaysFinished(_ fault: NamedFault) throws {
        let sweep = try Sweep(fault)
        for fromEnd in 0..<15 { try sweep.tell(at: sweep.places - 2 * fromEnd) }
    }

    private let keptPlaces: [NamedFault: [Int]] = [
        // 37: the agent's directory was in place and not synced: the next supervisor stored versions in it, and a power cut took all away
        .supervisorKilled: [37, 2052, 2066], .powerCut: [2052, 2059], .supervisorKilledTwice: [456],
        .storeFull: [41],  // a folder that a full disk refused at the beginning was never made: no effect could be written for ever
        .workspaceBroken: [65],  // a roll-back that failed at its very end kept its mark, and was done again over later work
        .storeDenied: [233, 639],  // a list of versions that could not be read hid the newest one for good
    ]
}

import SimulationStories
import Testing

/// The whole supervisor in a machine made from a seed: the short form. The long one is `make soak`; more seeds: `make simulate SEEDS=1000`.
@Suite struct SupervisionSimulationTests {
    @Test(arguments: Story.all)
    func everyStoryEndsAsItMust(story: Story) throws {
        for seed in 1...UInt64(seedCount) { try story.tell(seed: seed) }
    }

    @Test(arguments: 1...UInt64(seedCount))
    func slowAgentsLiveThroughDays(seed: UInt64) throws {
        try Story.long(days: 3).tell(seed: seed)
    }

    @Test(arguments: NamedFault.allCases)
    func aFaultAtAnyPlaceHarmsNothing(fault: NamedFault) throws {
        let sweep = try Sweep(fault)
        try #require(sweep.places > 0)
        // Every place in the long form; here an uneven stride, so that another part of the story is hit with each fault.
        for place in stride(from: 1 + fault.rawValue.utf8.count % 7, through: sweep.places, by: max(1, sweep.places / placeCount)) {
            try sweep.tell(at: place)
        }
    }
}

/// From the environment, which only tests may read.
let seedCount = max(1, Int(environment("SIMULATION_SEEDS") ?? "") ?? 2)
let placeCount = max(1, Int(environment("SIMULATION_PLACES") ?? "") ?? 20)

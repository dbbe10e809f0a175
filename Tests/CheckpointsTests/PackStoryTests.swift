import Checkpoints
import Foundation
import Testing

/// Sequences of commits, packs, removals, collections and crashes, decided by a seed, against a plain record of what must be there.
@Suite struct PackStoryTests {
    /// Seeds that failed once stay: [].
    @Test(arguments: 1...200)
    func whatIsListedIsWhatWasStored(seed: UInt64) throws {
        let story = try Story(seed: seed)
        for deed in 1...14 {
            try story.deed()
            if deed % 5 == 0 { try story.takeStock("seed \(seed), after deed \(deed)") }
        }
        try story.takeStock("seed \(seed), at the end")
        try story.checkGarbage("seed \(seed)")
    }

    @Test(arguments: 1...300)
    func aCrashAnywhereHarmsNoVersion(seed: UInt64) throws {
        let story = try Story(seed: seed &+ 10_000)
        for deed in 1...10 {
            if deed % 2 == 0 { try story.troubledDeed("seed \(seed), deed \(deed)") } else { try story.deed() }
        }
        try story.takeStock("seed \(seed), at the end")
        try story.checkGarbage("seed \(seed)")
        try story.takeStock("seed \(seed), after the last collection")
    }
}

/// The same in a store that is encrypted. STORY_SEEDS makes it the long form.
@Suite struct SealedStoryTests {
    private static let count = ProcessInfo.processInfo.environment["STORY_SEEDS"].flatMap { UInt64($0) } ?? 40

    @Test(arguments: 1...count)
    func aCrashAnywhereHarmsNoVersion(seed: UInt64) throws {
        let story = try Story(seed: seed &+ 30_000, sealed: true)
        for deed in 1...10 {
            if deed % 2 == 0 { try story.troubledDeed("seed \(seed), deed \(deed)") } else { try story.deed() }
        }
        try story.takeStock("seed \(seed), at the end")
        try story.checkGarbage("seed \(seed)")
        try story.takeStock("seed \(seed), after the last collection")
    }

    @Test(arguments: 1...count)
    func whateverHappensWhatIsListedIsWhatWasStored(seed: UInt64) throws {
        try tellLifeStory(seed: seed, from: 40_000, sealed: true)
    }
}

/// The same with all else that happens to an agent and its versions. STORY_SEEDS makes it the long form, STORY_FIRST begins elsewhere.
@Suite struct LifeStoryTests {
    private static let first = setting("STORY_FIRST") ?? 1
    /// Those that failed once: what is new was taken to be the same as what is in a delta whose base was gone; an agent that could not be added was there,
    /// and not for good; it was removed in the middle of a restore; a version that was taken back came back without its standing.
    private static let failed: [UInt64] = [4497, 4932, 2310, 2145, 1035, 2587]
    private static let seeds = failed + Array(first..<(first + (setting("STORY_SEEDS") ?? 60)))

    private static func setting(_ name: String) -> UInt64? { ProcessInfo.processInfo.environment[name].flatMap { UInt64($0) } }

    @Test(arguments: seeds)
    func whateverHappensWhatIsListedIsWhatWasStored(seed: UInt64) throws {
        try tellLifeStory(seed: seed, from: 20_000, sealed: false)
    }
}

private func tellLifeStory(seed: UInt64, from first: UInt64, sealed: Bool) throws {
    let story = try LifeStory(seed: seed &+ first, sealed: sealed)
    do {
        for deed in 1...24 {
            let context = "seed \(seed), deed \(deed)"
            switch deed % 8 {
            case 3, 6: try story.troubledDeed(context)
            case 7 where deed % 3 == 0: try story.cutPower(context)
            default: try story.deed()
            }
        }
        try story.cutPower("seed \(seed), at the end")
        try story.bringAllBack("seed \(seed), brought back")
    } catch {
        Issue.record("seed \(seed): \((error as? StoreFault)?.sentence ?? "\(error)")\n\(story.log.joined(separator: "\n"))")
    }
}

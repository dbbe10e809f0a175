import Glibc
import SimulationStories

/// Tells stories from seeds and prints one line each. Documentation: docs/simulation.md
///
///     simulate stories [SEEDS] [FIRST]     every kind of story, with seeds FIRST … FIRST+SEEDS-1
///     simulate images [SEEDS] [FIRST]      those of agents whose processes are put into images
///     simulate long [SEEDS] [FIRST] [DAYS] slow agents, DAYS agent-days a story
///     simulate long-images [SEEDS] [FIRST] [DAYS]  the same with images
///     simulate sweep [EVERY] [FAULT…]      every named fault (or these) at every (EVERYth) place of the reference story
///     simulate sweep-images [EVERY] [FAULT…]       the same of the reference story with images
///     simulate one NAME SEED               one story of the catalogue; prints what happened when it fails
///     simulate place FAULT PLACE           the reference story with one fault at one place; the same
///     simulate place-images FAULT PLACE    of the one with images
struct Teller {
    private let words: [String]
    private var total = Figures()
    private var failures: [String] = []

    init(_ words: [String]) { self.words = words }

    /// - Returns: the exit status: 0, 1 when a story failed, 64 when it is not known what to tell.
    consuming func run() -> Int32 {
        switch words.first {
        case "stories":
            for seed in seeds(10) { for story in Story.all { tell(story, seed) } }
        case "images":
            for seed in seeds(10) { for story in Story.processes { tell(story, seed) } }
        case "long":
            for seed in seeds(200) { tell(.long(days: number(3, 50)), seed) }
        case "long-images":
            for seed in seeds(50) { tell(.longWithImages(days: number(3, 50)), seed) }
        case "sweep", "sweep-images":
            let named = NamedFault.allCases.filter { words.dropFirst(2).contains($0.rawValue) }
            guard named.count == max(0, words.count - 2) else {
                say("these are the faults: \(NamedFault.allCases.map(\.rawValue).joined(separator: ", "))")
                return 64
            }
            sweep(named.isEmpty ? NamedFault.allCases : named, every: max(1, number(1, 1)), images: words[0] == "sweep-images")
        case "one" where words.count >= 3:
            let known = Story.all + [.long(days: number(3, 50)), .longWithImages(days: number(3, 50))]
            guard let story = known.first(where: { $0.name == words[1] }) else {
                say("there is no story '\(words[1])'. There are: \(known.map(\.name).joined(separator: ", "))")
                return 64
            }
            tell(story, UInt64(number(2, 1)), whole: true)
        case "place" where words.count >= 3, "place-images" where words.count >= 3:
            guard let fault = NamedFault(rawValue: words[1]) else {
                say("there is no fault '\(words[1])'. There are: \(NamedFault.allCases.map(\.rawValue).joined(separator: ", "))")
                return 64
            }
            do { try Sweep(fault, images: words[0] == "place-images").tell(at: number(2, 1)) } catch { fail(error, whole: true) }
        default:
            say(
                "usage: simulate stories|images [SEEDS] [FIRST] | long|long-images [SEEDS] [FIRST] [DAYS] | sweep|sweep-images [EVERY] [FAULT…] | one NAME SEED | "
                    + "place|place-images FAULT PLACE")
            return 64
        }
        return conclude()
    }

    // MARK: Telling

    private mutating func tell(_ story: Story, _ seed: UInt64, whole: Bool = false) {
        do {
            let figures = try story.tell(seed: seed)
            total += figures
            say("ok   \(story.name), seed \(seed): \(figures.line)")
        } catch { fail(error, whole: whole) }
    }

    private mutating func sweep(_ faults: [NamedFault], every: Int, images: Bool) {
        for fault in faults {
            do {
                let sweep = try Sweep(fault, images: images)
                var told = 0
                for place in stride(from: 1, through: sweep.places, by: every) {
                    do { try sweep.tell(at: place) } catch { fail(error) }
                    told += 1
                }
                say("told \(fault.rawValue) at \(told) of \(sweep.places) places")
            } catch { fail(error) }
        }
    }

    private mutating func fail(_ error: any Error, whole: Bool = false) {
        let headline = (error as? Simulation.Failure)?.headline ?? "\(error)"
        failures.append(headline)
        say("FAIL \(whole ? "\(error)" : headline)")
    }

    private func conclude() -> Int32 {
        if total.stories > 0 { say("told \(total.stories) stories: \(total.line)") }
        guard !failures.isEmpty else { return 0 }
        say("\(failures.count) failed:")
        for failure in failures { say("  \(failure.prefix { $0 != "\n" })") }
        return 1
    }

    // MARK: Words

    private func number(_ index: Int, _ fallback: Int) -> Int { index < words.count ? Int(words[index]) ?? fallback : fallback }

    private func seeds(_ fallback: Int) -> Range<UInt64> {
        let first = UInt64(max(1, number(2, 1)))
        return first..<(first + UInt64(max(0, number(1, fallback))))
    }

    /// At once: whoever waits for hours wants to see where it is.
    private func say(_ line: String) {
        print(line)
        fflush(nil)
    }
}

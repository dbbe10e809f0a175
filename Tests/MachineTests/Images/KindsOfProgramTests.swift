import AgentModel
import CriuDriver
import CriuRequests
import Glibc
import LaunchPlans
import OutsideWorld
import Testing

@testable import LinuxWorld

/// Every kind of program resumes mid-task: it is dumped while it runs, goes on, is killed with all it has started, and is restored in a fresh
/// sandbox, again and again. `KINDS_REPEAT=20` is the long form; `KINDS_ONLY=NAME,NAME` takes some kinds.
@Suite(.serialized, .enabled(if: hasCriu, "needs criu"))
struct KindsOfProgramTests {
    private static let repetitions = getenv("KINDS_REPEAT").flatMap { Int(String(cString: $0)) } ?? 2

    private static let only = getenv("KINDS_ONLY").map { String(cString: $0).split(separator: ",").map(String.init) }
    private static let here = KindOfProgram.all.filter { $0.missing == nil && (only?.contains($0.name) != false) }

    @Test(arguments: here) func itGoesOnFromTheCut(kind: KindOfProgram) throws {
        try onOwnThread {
            let life = try LifeOfProgram(kind)
            for round in 1...Self.repetitions { try life.repeatAll(round) }
            try life.end()
            print("\(kind.name): \(Self.repetitions) of \(Self.repetitions), \(life.summary)")
        }
    }

    @Test(.enabled(if: Node.path != nil, "needs criu and node 18 or newer")) func thereAreTwentyKinds() {
        #expect(KindOfProgram.all.filter { $0.missing == nil }.count == 20)
    }
}

/// Without crit the images of all kinds are only decoded and encoded again. That they were not compared is told here.
@Suite(.enabled(if: hasCriu && Crit.isHere, "needs criu and its crit, which 'dev/install-crit' provides"))
struct CritTests {
    /// The kept page maps of an older CRIU are left out: there crit names a field otherwise, see CodecTests.
    @Test(arguments: ["many", "namespaces"]) func keptImagesAreDecodedAsCritDecodesThem(set: String) throws {
        let scratch = try ScratchDirectory()
        _ = try Shell.output("cp -a \"$0/.\" '\(scratch.path)/images'", KindOfProgram.directory + "/../Corpora/criu/" + set)
        #expect(try ImagesOracle.compare(scratch.path + "/images", "\(set)") > 20)
    }
}

/// One program through its checkpoints, deaths and restores.
private final class LifeOfProgram {
    let kind: KindOfProgram
    let stage: CriuStage
    let plan: LaunchPlan
    private let server: SlowServer?
    private var agent: (id: SandboxID, pid: Int32)
    private var frozen: [Duration] = []
    private var restoring: [Duration] = []
    private var compared = 0

    init(_ kind: KindOfProgram) throws {
        self.kind = kind
        stage = try CriuStage()
        plan = stage.fixture.plan(.namespaces, kind.arguments, groups: hasGroups ? hostGroups : nil)
        server = kind.asksOutside ? try SlowServer(stage.fixture) : nil
        agent = try stage.launch(plan)
    }

    var summary: String {
        "\(compared) files as crit decodes them, frozen \(Self.range(frozen)), restored in \(Self.range(restoring))"
    }

    private static func range(_ durations: [Duration]) -> String {
        let sorted = durations.map { $0.components.seconds * 1000 + $0.components.attoseconds / 1_000_000_000_000_000 }.sorted()
        return "\(sorted.first ?? 0) to \(sorted.last ?? 0) ms"
    }

    func repeatAll(_ round: Int) throws {
        let why: Comment = "\(kind.name), round \(round)"
        // 1. It is at work, and nothing that can be seen keeps it from being dumped.
        try stage.hear(5)
        #expect(stage.blockers(in: agent.id) == [], why)
        let heard = try lastNumber()

        // 2. The cut. It goes on past it.
        let images = stage.newImages()
        var before: KernelView?
        try server?.hold()
        let dump = try stage.dump(agent, into: images) { _ in
            before = KernelView(below: try stage.fixture.initPid())
            try keepFiles(beside: images)
            return true
        }
        server?.letGo()
        frozen.append(dump.statistics.frozen)
        if let processes = kind.processes { #expect(before?.processCount == processes, why) }
        try stage.hear(3)
        #expect(stage.errors == "", why)

        // 3. Everything is killed.
        try stage.crash(agent.id)
        let last = try lastNumber()
        compared += try ImagesOracle.compare(images, why)

        // 4. Restored and left standing, it is what it was, as the kernel sees it.
        try rollBackFiles(beside: images)
        let standing = try stage.restore(plan, from: images, dump.tree, leavesStopped: true)
        let after = KernelView(below: try stage.fixture.initPid())
        let difference = after.difference(from: try #require(before))
        #expect(difference.isEmpty, "\(why): \(difference.prefix(20).joined(separator: "\n"))")
        try stage.crash(standing.sandbox)

        // 5. Restored, it goes on at the cut.
        try rollBackFiles(beside: images)
        stage.forgetOutput()
        let restored = try stage.restore(plan, from: images, dump.tree)
        restoring.append(restored.took)
        agent = (restored.sandbox, restored.pid)
        try stage.hear(5)
        let numbers = stage.lines.compactMap { Int($0) }
        #expect(numbers.count == stage.lines.count, why)
        #expect(numbers.first.map { $0 > heard && $0 <= last } == true, "\(why) \(heard) \(numbers.prefix(2)) \(last)")
        #expect(zip(numbers, numbers.dropFirst()).allSatisfy { $1 == $0 + 1 }, why)
        #expect(stage.errors == "", why)
        try stage.fixture.run(["/bin/rm", "-rf", images, images + ".files"])
    }

    /// What was restored last can be dumped and killed as well.
    func end() throws {
        _ = try stage.dump(agent, into: stage.newImages())
        try stage.hear(2)
        try stage.crash(agent.id)
    }

    private func lastNumber() throws -> Int { try #require(stage.lines.last.flatMap { Int($0) }) }

    // MARK: Its files

    private var work: String { stage.fixture.root + "/work" }

    private func keepFiles(beside images: String) throws {
        let kept = images + ".files"
        try stage.fixture.run(["/bin/cp", "-a", work, kept])
    }

    private func rollBackFiles(beside images: String) throws {
        try stage.fixture.run(["/bin/sh", "-c", "rm -rf '\(work)' && cp -a '\(images).files' '\(work)'"])
    }
}

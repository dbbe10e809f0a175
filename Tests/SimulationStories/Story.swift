import AgentModel
import AgentSpecs
import Recovery
import SimulatedWorld

/// A kind of story: what the agent is like, what goes wrong, and what must come of it. A seed makes it one story.
public struct Story: Sendable, CustomStringConvertible {
    public let name: String
    /// Sets the scene before anything happens.
    let scene: @Sendable (Simulation) -> Void
    /// The longest it may take.
    let limit: Duration
    /// Whether the task must be finished within the limit.
    let finishes: Bool
    /// Only deaths happen, so nothing durable may be lost.
    let losesNothing: Bool
    /// What else must hold at its end. - Returns: what is wrong.
    private(set) var end: @Sendable (Simulation) -> String? = { _ in nil }
    let script: AgentScript
    let spec: AgentSpec

    init(
        _ name: String, _ script: AgentScript, _ spec: AgentSpec, within limit: Duration, finishes: Bool = true, losesNothing: Bool = false,
        scene: @escaping @Sendable (Simulation) -> Void = { _ in }
    ) {
        self.name = name
        self.script = script
        self.spec = spec
        self.limit = limit
        self.finishes = finishes
        self.losesNothing = losesNothing
        self.scene = scene
    }

    func ending(_ end: @escaping @Sendable (Simulation) -> String?) -> Story {
        var story = self
        story.end = end
        return story
    }

    public var description: String { name }

    /// Tells it. - Throws: `Simulation.Failure` with the seed, the step and what happened before.
    @discardableResult
    public func tell(seed: UInt64) throws -> Figures {
        let simulation = Simulation(name, seed: seed, script: script, spec: spec)
        scene(simulation)
        let finished = try simulation.run(for: limit)
        if finishes, !finished { throw simulation.failure("the task was not finished in \(limit)") }
        try simulation.checkEnd(finished: finished && finishes)
        if losesNothing { try simulation.checkNothingLost() }
        if let wrong = end(simulation) { throw simulation.failure(wrong) }
        return Figures(simulation)
    }
}

/// What a number of stories amounted to.
public struct Figures: Sendable {
    public var stories = 0
    public var days = 0.0
    public var supervisors = 0
    public var lives = 0
    public var versions = 0
    public var restores = 0
    /// Lives that went on where an image was made, and images that were restored in a rehearsal.
    public var fromImages = 0
    public var rehearsed = 0
    public var steps = 0
    public var questions = 0
    /// The most steps that were to be done again after one death.
    public var mostLost: UInt64 = 0
    public var troubles: [Trouble: Int] = [:]

    public init() {}
    init(_ simulation: Simulation) {
        stories = 1
        days = simulation.virtualDays
        supervisors = simulation.supervisors
        lives = simulation.machine.lives.count
        versions = simulation.oracle.stored
        restores = simulation.machine.lives.count { $0.from != nil }
        fromImages = simulation.machine.lives.count { $0.image != nil }
        rehearsed = simulation.machine.rehearsedImages.count
        steps = simulation.steps
        questions = simulation.questions
        mostLost = simulation.mostLost
        troubles = simulation.struck
    }

    public static func += (sum: inout Figures, more: Figures) {
        sum.stories += more.stories
        sum.days += more.days
        sum.supervisors += more.supervisors
        sum.lives += more.lives
        sum.versions += more.versions
        sum.restores += more.restores
        sum.fromImages += more.fromImages
        sum.rehearsed += more.rehearsed
        sum.steps += more.steps
        sum.questions += more.questions
        sum.mostLost = max(sum.mostLost, more.mostLost)
        sum.troubles.merge(more.troubles, uniquingKeysWith: +)
    }

    /// "12.3 days, 40 supervisors, …".
    public var line: String {
        let struck = Trouble.allCases.compactMap { trouble in troubles[trouble].map { "\(trouble.rawValue) \($0)" } }
        let images = fromImages + rehearsed > 0 ? ", \(fromImages) lives from images, \(rehearsed) images rehearsed" : ""
        let tenths = Int((days * 10).rounded())
        return
            "\(tenths / 10).\(tenths % 10) agent-days, \(supervisors) supervisors, \(lives) lives (\(restores) restored, at most \(mostLost) steps "
            + "lost at once), \(versions) versions, \(questions) requests, \(steps) events" + images
            + (struck.isEmpty ? "" : "; " + struck.joined(separator: ", "))
    }
}

// Recovery: what happens next to an agent, and why. Decides. No clock, file or process; time and versions are handed in.

internal import AgentModel

/// Every number of the ladder. Defaults: docs/recovery.md.
public struct RecoverySettings: Hashable, Sendable, Codable {
    public enum Restart: String, Hashable, Sendable, Codable, CaseIterable {
        /// Whatever the status.
        case always
        /// Not after status 0 or `done`.
        case onFailure = "on-failure"
        case never
    }
    public enum Exhausted: String, Hashable, Sendable, Codable, CaseIterable {
        /// The agent stays down until a person says otherwise.
        case park
        /// A start every `retryEvery`: of the same version again when it was the launch that failed, else of the newest known-good one that
        /// has not failed in this trouble, else a clean one.
        case retry
    }
    /// Of whom a first sign of life is asked within `startWithin` of a launch.
    public enum SignOfLife: String, Hashable, Sendable, Codable, CaseIterable {
        /// Of an agent restored from cooperative state, and of a clean start when the newest checkpoint holds such state.
        case auto
        case always
        /// For a program that was cooperative once and no longer is.
        case never
    }
    public var restart: Restart = .onFailure
    public var signOfLife: SignOfLife = .auto
    /// An incarnation that lives this long, or makes progress, is healthy.
    public var probation: Duration = .seconds(120)
    /// After a launch, how long until the first sign of life of a cooperative agent or of one that restores; later is a start failure.
    public var startWithin: Duration = .seconds(60)
    /// Restores tried within `window` before the ladder goes on to clean starts.
    public var restoreAttempts: Int = 3
    public var window: Duration = .seconds(300)
    public var backOffInitial: Duration = .seconds(1)
    public var backOffFactor: Double = 2
    public var backOffMaximum: Duration = .seconds(3600)
    /// A part of the wait, drawn at random and added: 0.1 is up to a tenth more.
    public var backOffJitter: Double = 0.1
    /// Healthy this long: the back-off begins anew.
    public var backOffResetAfter: Duration = .seconds(120)
    /// This many deaths without progress …
    public var flappingDeaths: Int = 5
    /// … within this time are flapping, answered by …
    public var flappingWithin: Duration = .seconds(300)
    /// … this long a pause.
    public var coolDown: Duration = .seconds(600)
    /// Cool-downs before a person is called. The first death after the last of them exhausts the ladder.
    public var coolDownsBeforeEscalation: Int = 1
    /// Starts after a back-off before a person is called, for an agent that dies without progress but too slowly to be flapping.
    public var cleanStartsBeforeEscalation: Int = 10
    /// Trouble that lasts this long calls a person whatever the rung. nil: only an exhausted ladder does.
    public var escalateAfter: Duration?
    public var whenExhausted: Exhausted = .park
    public var retryEvery: Duration = .seconds(3600)
    /// From asking the agent to stop to killing it.
    public var stopWithin: Duration = .seconds(10)
    public init() {}
}

// What an older runner wrote is read by a newer one: a field that was not there yet has its default. Without this an update would make every
// journal, and with it the memory of the ladder, unreadable.
extension RecoverySettings {
    public init(from decoder: any Decoder) throws {
        let values = try decoder.container(keyedBy: CodingKeys.self)
        self.init()
        restart = try values.decodeIfPresent(Restart.self, forKey: .restart) ?? restart
        signOfLife = try values.decodeIfPresent(SignOfLife.self, forKey: .signOfLife) ?? signOfLife
        probation = try values.decodeIfPresent(Duration.self, forKey: .probation) ?? probation
        startWithin = try values.decodeIfPresent(Duration.self, forKey: .startWithin) ?? startWithin
        restoreAttempts = try values.decodeIfPresent(Int.self, forKey: .restoreAttempts) ?? restoreAttempts
        window = try values.decodeIfPresent(Duration.self, forKey: .window) ?? window
        backOffInitial = try values.decodeIfPresent(Duration.self, forKey: .backOffInitial) ?? backOffInitial
        backOffFactor = try values.decodeIfPresent(Double.self, forKey: .backOffFactor) ?? backOffFactor
        backOffMaximum = try values.decodeIfPresent(Duration.self, forKey: .backOffMaximum) ?? backOffMaximum
        backOffJitter = try values.decodeIfPresent(Double.self, forKey: .backOffJitter) ?? backOffJitter
        backOffResetAfter = try values.decodeIfPresent(Duration.self, forKey: .backOffResetAfter) ?? backOffResetAfter
        flappingDeaths = try values.decodeIfPresent(Int.self, forKey: .flappingDeaths) ?? flappingDeaths
        flappingWithin = try values.decodeIfPresent(Duration.self, forKey: .flappingWithin) ?? flappingWithin
        coolDown = try values.decodeIfPresent(Duration.self, forKey: .coolDown) ?? coolDown
        coolDownsBeforeEscalation = try values.decodeIfPresent(Int.self, forKey: .coolDownsBeforeEscalation) ?? coolDownsBeforeEscalation
        cleanStartsBeforeEscalation =
            try values.decodeIfPresent(Int.self, forKey: .cleanStartsBeforeEscalation) ?? cleanStartsBeforeEscalation
        escalateAfter = try values.decodeIfPresent(Duration.self, forKey: .escalateAfter)
        whenExhausted = try values.decodeIfPresent(Exhausted.self, forKey: .whenExhausted) ?? whenExhausted
        retryEvery = try values.decodeIfPresent(Duration.self, forKey: .retryEvery) ?? retryEvery
        stopWithin = try values.decodeIfPresent(Duration.self, forKey: .stopWithin) ?? stopWithin
    }
}

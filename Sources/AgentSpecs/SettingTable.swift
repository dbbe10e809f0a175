internal import AgentModel
internal import Recovery
internal import Retention

/// All settings of a spec, in the order in which they are shown. Documentation: docs/agent.yaml.md
struct SettingTable: Sendable {
    let settings: [Setting]
    private let places: [String: Int]
    private let sections: Set<String>

    init() {
        self.init(Self.agent + Self.checkpoints + Self.recovery + Self.rest + Self.planned)
    }

    /// For lists of mappings, which have a small table each.
    init(_ settings: [Setting]) {
        self.settings = settings
        places = Dictionary(uniqueKeysWithValues: settings.enumerated().map { ($1.path, $0) })
        var sections: Set<String> = []
        for setting in settings {
            var parts = setting.path.split(separator: ".").dropLast()
            while !parts.isEmpty {
                sections.insert(parts.joined(separator: "."))
                parts = parts.dropLast()
            }
        }
        self.sections = sections
    }

    func setting(_ path: String) -> Setting? { places[path].map { settings[$0] } }
    func isSection(_ path: String) -> Bool { sections.contains(path) }

    /// Every setting below `section` is planned: the section as a whole is what cannot be acted on.
    func isPlannedSection(_ section: String) -> Bool {
        isSection(section) && settings.allSatisfy { !$0.path.hasPrefix(section + ".") || $0.isPlanned }
    }

    /// Keys that may stand directly in `section` ("" is the top).
    func keys(in section: String) -> [String] {
        let prefix = section.isEmpty ? "" : section + "."
        var seen: Set<String> = []
        return settings.compactMap { setting in
            guard setting.path.hasPrefix(prefix), let key = setting.path.dropFirst(prefix.count).split(separator: ".").first else {
                return nil
            }
            return seen.insert(String(key)).inserted ? String(key) : nil
        }
    }

    // MARK: What this version acts on

    private static let agent: [Setting] = [
        Setting(
            path: "name", form: .name,
            role: .sets(
                .init(
                    write: { spec, value in if case .text(let text) = value, let name = AgentName(text) { spec.name = name } },
                    read: { .text($0.name.text) }))),
        .field("command", .command, \.command),
        .field("workdir", .path, \.workdir),
        .field("workspace", .path, \.workspace, mayBeNull: true),
        Setting(path: "env_file", form: .paths, role: .reads),
        Setting(
            path: "env", form: .variables,
            role: .sets(
                .init(
                    write: { spec, value in if case .variables(let variables) = value { spec.env = variables } },
                    read: { .variables($0.env) }))),
        .field("user", .text, \.user, mayBeNull: true),
        .field("priority", .count(-1000...1000), \.priority),
        .field("limits.memory", .size(from: 1_000_000), \.limits.memory, mayBeNull: true),
        Setting(
            path: "limits.cpu", form: .processors,
            role: .sets(
                .init(
                    write: { spec, value in
                        if case .processors(let milli) = value { spec.limits.cpuMilli = milli } else { spec.limits.cpuMilli = nil }
                    }, read: { $0.limits.cpuMilli.map { .processors($0) } ?? .none })),
            mayBeNull: true),
        .field("limits.processes", .count(1...4_194_304), \.limits.processes, mayBeNull: true),
        .field("limits.open_files", .count(16...1_073_741_816), \.limits.openFiles, mayBeNull: true),
    ]

    private static let checkpoints: [Setting] = [
        .choice("checkpoint.mode", \.checkpoint.mode),
        .field("checkpoint.every", .duration(from: .seconds(1)), \.checkpoint.every, mayBeNull: true),
        .field("checkpoint.cron", .cron, \.checkpoint.cron, mayBeNull: true),
        Setting(
            path: "checkpoint.utc_offset", form: .offset,
            role: .sets(
                .init(
                    write: { spec, value in if case .offset(let offset) = value { spec.checkpoint.utcOffset = offset } },
                    read: { .offset($0.checkpoint.utcOffset) }))),
        keepLast,
        .field("checkpoint.keep.last", .count(0...100_000), \.checkpoint.keep.last),
        .field("checkpoint.keep.hourly", .count(0...100_000), \.checkpoint.keep.hourly),
        .field("checkpoint.keep.daily", .count(0...100_000), \.checkpoint.keep.daily),
        .field("checkpoint.keep.weekly", .count(0...100_000), \.checkpoint.keep.weekly),
        .field("checkpoint.keep.monthly", .count(0...100_000), \.checkpoint.keep.monthly),
        .field("checkpoint.keep.within", .duration(from: .seconds(1)), \.checkpoint.keep.within, mayBeNull: true),
        .field("checkpoint.keep.quota", .size(from: 1), \.checkpoint.keep.quota, mayBeNull: true),
        .field("checkpoint.keep_asides", .count(0...100_000), \.checkpoint.keepAsides),
        .field("checkpoint.deadline", .duration(from: .milliseconds(100)), \.checkpoint.deadline),
        .field("checkpoint.on_stop", .flag, \.checkpoint.onStop),
        .field("checkpoint.state_limit", .size(from: 1), \.checkpoint.stateLimit),
        .field("checkpoint.size_limit", .size(from: 1), \.checkpoint.sizeLimit),
        .field("checkpoint.exclude", .texts, \.checkpoint.exclude),
        .choice("checkpoint.tcp", \.checkpoint.tcp),
        .field("checkpoint.skip_unchanged", .flag, \.checkpoint.skipUnchanged),
        .field("checkpoint.turn_wait", .duration(from: .zero), \.checkpoint.turnWait),
        .field("checkpoint.scrub_every", .duration(from: .seconds(1)), \.checkpoint.scrubEvery, mayBeNull: true),
        .choice("checkpoint.rehearse", \.checkpoint.rehearsal.when),
        .field("checkpoint.rehearse_every", .duration(from: .zero), \.checkpoint.rehearsal.every),
        .choice("restore.pages", \.restore.memory),
        .field("health.heartbeat", .duration(from: .milliseconds(100)), \.health.heartbeat, mayBeNull: true),
    ]

    /// `keep: 20`: the last 20 and nothing else.
    private static let keepLast = Setting(
        path: "checkpoint.keep", form: .count(1...100_000),
        role: .saysSection { value in
            guard case .count(let count) = value else { return [] }
            let none = SettingValue.count(0)
            return [
                ("last", .count(count)), ("hourly", none), ("daily", none), ("weekly", none), ("monthly", none), ("within", .none),
                ("quota", .none),
            ]
        })

    private static let recovery: [Setting] = [
        .choice("recovery.restart", \.recovery.restart),
        .choice("recovery.sign_of_life", \.recovery.signOfLife),
        .field("recovery.probation", .duration(from: .zero), \.recovery.probation),
        .field("recovery.start_within", .duration(from: .milliseconds(100)), \.recovery.startWithin),
        .field("recovery.restore_attempts", .count(0...1000), \.recovery.restoreAttempts),
        .field("recovery.window", .duration(from: .seconds(1)), \.recovery.window),
        .field("recovery.backoff.initial", .duration(from: .zero), \.recovery.backOffInitial),
        .field("recovery.backoff.factor", .number(1...100), \.recovery.backOffFactor),
        .field("recovery.backoff.max", .duration(from: .zero), \.recovery.backOffMaximum),
        .field("recovery.backoff.jitter", .fraction, \.recovery.backOffJitter),
        .field("recovery.backoff.reset_after", .duration(from: .zero), \.recovery.backOffResetAfter),
        .field("recovery.backoff.starts", .count(1...1000), \.recovery.cleanStartsBeforeEscalation),
        .field("recovery.flapping.deaths", .count(2...10_000), \.recovery.flappingDeaths),
        .field("recovery.flapping.within", .duration(from: .seconds(1)), \.recovery.flappingWithin),
        .field("recovery.flapping.cool_down", .duration(from: .zero), \.recovery.coolDown),
        .field("recovery.flapping.cool_downs", .count(0...10_000), \.recovery.coolDownsBeforeEscalation),
        .field("recovery.escalate_after", .duration(from: .seconds(1)), \.recovery.escalateAfter, mayBeNull: true),
        .choice("recovery.when_exhausted", \.recovery.whenExhausted),
        .field("recovery.retry_every", .duration(from: .seconds(1)), \.recovery.retryEvery),
    ]

    private static let rest: [Setting] = [
        Setting(
            path: "stop.signal", form: .signal,
            role: .sets(
                .init(
                    write: { spec, value in if case .signal(let signal) = value { spec.stop.signal = signal } },
                    read: { .signal($0.stop.signal) }))),
        .field("stop.deadline", .duration(from: .zero), \.stop.deadline),
        .field("stop.adopt_within", .duration(from: .seconds(1)), \.stop.adoptWithin),
        .choice("effects.unknown", \.effects.unknown),
        .choice("effects.new", \.effects.new),
        .choice("network.mode", \.sandbox.network),
        .field("sandbox.workspace_at", .path, \.sandbox.workspaceAt, mayBeNull: true),
        .field("log.size", .size(from: 4096), \.log.size),
        .field("log.keep", .count(0...100_000), \.log.keep),
        .field("hooks", .path, \.hooks, mayBeNull: true),
    ]
}

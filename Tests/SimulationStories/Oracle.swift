import AgentModel
import OutsideWorld
import SimulatedWorld

/// The simulation's own memory of what was. What was once a version stays byte for byte what it was until it is removed; numbers are never
/// used twice; the newest good version never goes; the status file tells what is.
struct Oracle {
    private struct Version {
        var manifest: [UInt8]
        var seal: [UInt8]
        var standing: [UInt8]?
        /// What its manifest says. nil: nothing that can be read.
        var told: Manifest?
        var isGood: Bool
    }
    struct Manifest: Decodable {
        struct Process: Decodable {}
        var kind: String
        var forced: Bool
        var incarnation: UInt64
        var process: Process?
        /// Why it has files only, where there was more to be had.
        var lacksMemory: String?
        /// It holds nothing of what the agent was doing.
        var isOnlyFiles: Bool { forced && process == nil || lacksMemory != nil }
    }
    private struct Standing: Decodable { var standing: String }
    private struct Status: Decodable {
        var pid: Int32?
        var state: String
    }

    let agent: AgentName
    /// Where there are images: who knows what was put into them. nil: nobody looks into versions.
    weak var machine: SimulatedMachine?
    private var versions: [UInt64: Version] = [:]
    private var whole: [UInt64: [DiskPath: [UInt8]]] = [:]
    private var everStored: Set<UInt64> = []
    private var everForced: Set<UInt64> = []
    /// How many steps' results each workspace held that was set aside.
    private(set) var asides: [UInt64] = []
    private var newestGood: UInt64?
    private(set) var excused: Set<UInt64> = []
    /// What each version held when it was first seen.
    var cuts: [UInt64: Cut] = [:]
    /// Versions of processes that had not begun yet.
    var unbegun: Set<UInt64> = []
    var complaint: String?
    private var looked = 0
    private var statusWrongSince: Int64?
    /// As last read, of versions that the story did not damage.
    private(set) var standings: [UInt64: String] = [:]
    /// Whose status file that is: the next supervisor is not behind by what the last one left.
    private var statusOf: UInt64 = 0

    init(agent: AgentName) { self.agent = agent }

    static func home(_ agent: AgentName) -> DiskPath { DiskPath("agents/\(agent)") ?? "agents" }
    static func versions(_ agent: AgentName) -> DiskPath { home(agent) / "versions" }

    /// The story itself damaged it.
    mutating func excuse(_ version: UInt64) {
        excused.insert(version)
        standings[version] = nil
        whole[version] = nil
    }

    mutating func look(at machine: SimulatedMachine, supervised: Bool, storeTroubled: Bool) -> String? {
        if machine.mostAtOnce > 1 { return "\(machine.mostAtOnce) incarnations ran at once" }
        looked += 1
        let isRound = looked % 16 == 0
        if !supervised || storeTroubled || statusOf != machine.supervisorEpoch {
            statusWrongSince = nil
            statusOf = machine.supervisorEpoch
        } else if isRound || statusWrongSince != nil, let wrong = lookAtStatus(machine) {
            // What is wrong is looked at with every step until it is right: wrong twice is not wrong all the time.
            return wrong
        }
        guard isRound else { return nil }
        return lookAtVersions(machine.store)
    }

    // MARK: Versions

    private mutating func lookAtVersions(_ disk: SimulatedDisk) -> String? {
        let directory = Self.versions(agent)
        var present: [UInt64: Version] = [:]
        for name in disk.peekNames(directory) {
            guard let number = UInt64(name), let manifest = disk.peek(directory / name / "manifest.json"),
                let seal = disk.peek(directory / name / "seal")
            else { continue }
            let before = versions[number]
            // Most are as they were the last time: only what changed is taken apart anew.
            let told = before?.manifest == manifest ? before?.told : try? JSONText.decode(Manifest.self, from: manifest)
            let wasStored = everStored.contains(number)
            if everStored.insert(number).inserted, let told {
                if told.isOnlyFiles { everForced.insert(number) }
                if !excused.contains(number) { note(number, told, disk) }
                if told.kind == "aside" { asides.append(steps(in: content("workspace/results", of: number, disk))) }
            }
            if before == nil, wasStored, !excused.contains(number) { return "number \(number) was used twice" }
            let standing = disk.peek(directory / name / "standing")
            if before?.standing != standing, !excused.contains(number) { standings[number] = standing.flatMap(Self.standing) }
            let isGood: Bool
            if let before, before.manifest == manifest, before.standing == standing {
                isGood = before.isGood
            } else {
                isGood = told.map { self.isGood($0, standing) } ?? false
            }
            present[number] = Version(manifest: manifest, seal: seal, standing: standing, told: told, isGood: isGood)
        }
        for (number, version) in present where !excused.contains(number) {
            if let before = versions[number], before.manifest != version.manifest || before.seal != version.seal {
                return "version \(number) is not what it was"
            }
        }
        let good = present.filter { $0.value.isGood && !excused.contains($0.key) }.keys.max()
        if let newestGood, !excused.contains(newestGood), present[newestGood] == nil, (good ?? 0) < newestGood {
            return "the newest good version, \(newestGood), is gone"
        }
        newestGood = good
        versions = present
        return nil
    }

    func steps(in results: [UInt8]?) -> UInt64 { UInt64(results?.count { $0 == UInt8(ascii: "\n") } ?? 0) }

    private func isGood(_ manifest: Manifest, _ line: [UInt8]?) -> Bool {
        guard manifest.kind == "checkpoint", !manifest.isOnlyFiles, let standing = line.flatMap(Self.standing) else { return false }
        return !["suspect", "broken"].contains(standing)
    }

    private static func standing(_ line: [UInt8]) -> String? {
        guard line.count > 18 else { return nil }
        return (try? JSONText.decode(Standing.self, from: Array(line[17..<(line.count - 1)])))?.standing
    }

    /// Checkpoints that can be gone on from, the newest last.
    var goodVersions: [UInt64] { versions.filter { $0.value.isGood && !excused.contains($0.key) }.keys.sorted() }

    /// A forced cut holds no state: nobody is ever started from it.
    func wasForced(_ version: UInt64) -> Bool { everForced.contains(version) }

    var stored: Int { everStored.count }

    /// Every byte of every version, against what it was when this was asked the last time.
    mutating func lookAtEverything(at machine: SimulatedMachine) -> String? {
        let prefix = Self.versions(agent).text + "/"
        var present: [UInt64: [DiskPath: [UInt8]]] = [:]
        for (path, content) in machine.store.contents() where path.text.hasPrefix(prefix) && path.name != "standing" {
            guard case .file(let bytes) = content.kind, path.name != "standing.new",
                let number = UInt64(path.text.dropFirst(prefix.count).prefix { $0 != "/" }), !excused.contains(number)
            else { continue }
            present[number, default: [:]][path] = bytes
        }
        for (number, files) in whole {
            if let now = present[number], now != files { return "the bytes of version \(number) are not what they were" }
        }
        whole = present
        return nil
    }

    // MARK: What is told

    /// The status file follows what is within a few seconds.
    private mutating func lookAtStatus(_ machine: SimulatedMachine) -> String? {
        guard let bytes = machine.store.peek(Self.home(agent) / "status.json") else { return nil }
        guard let status = try? JSONText.decode(Status.self, from: bytes) else { return "the status file cannot be read" }
        let isRight = status.pid == machine.livingPID && (machine.livingPID != nil || status.state != "running")
        guard !isRight else {
            statusWrongSince = nil
            return nil
        }
        let since = statusWrongSince ?? machine.now
        statusWrongSince = since
        guard machine.now - since > 20_000_000_000 else { return nil }
        return
            "for \((machine.now - since) / 1_000_000_000) s the status file says \(status.state), pid \(status.pid.map(String.init) ?? "none"), "
            + "and there is \(machine.livingPID.map(String.init) ?? "none")"
    }

    /// Each moment of each incident is told at most once; by each supervisor, when `forgets` says that its memory could not be stored.
    func tellings(_ runs: [SimulatedHookRun], forgets: Bool) -> String? {
        var told: [String: SimulatedHookRun] = [:]
        for run in runs where run.name == "on-incident" {
            guard let moment = run.value("RUNNER_MOMENT"), let incident = run.value("RUNNER_INCIDENT_ID") else {
                return "the hook 'on-incident' was told no moment or no incident"
            }
            if let before = told.updateValue(run, forKey: "\(incident) \(moment) \(forgets ? run.supervisor : 0)") {
                return "incident '\(incident)' was told as \(moment) twice: by supervisor \(before.supervisor) at \(before.at), "
                    + "by \(run.supervisor) at \(run.at)"
            }
        }
        return nil
    }
}

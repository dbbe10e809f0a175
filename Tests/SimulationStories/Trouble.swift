import AgentModel
import AgentSpecs
import OutsideWorld
import SimulatedWorld

/// What goes wrong around an agent, by name. What goes wrong in it is in its script.
public enum Trouble: String, CaseIterable, Sendable {
    case agentKilled, agentKilledForMemory
    case supervisorKilled, powerCut
    /// For half a minute to ten minutes.
    case storeFull, storeReadOnly
    /// One operation of the store fails.
    case storeTrouble
    /// A bit of a stored version flips, or a file of it is cut off.
    case versionDamaged
    case connectionLost
    /// Somebody unknown knocks at the agents' door and sends noise.
    case stranger
    /// Somebody says that it is the agent, or the operator, and is not.
    case impostor
    /// The calendar is set forward or back.
    case clockSet
    /// The next CRIU fails in one of the ways it can.
    case criuFails
    /// The next page server of a lazy restore dies, or there is none.
    case pagesLost
    /// As `versionDamaged`, in an image of processes.
    case imageDamaged

    /// What may happen to an agent of which there are no images.
    static var ordinary: [Trouble] { allCases.filter { ![.criuFails, .pagesLost, .imageDamaged].contains($0) } }
}

/// A trouble that comes again and again, on average this far apart.
public struct RecurringTrouble: Sendable {
    public var trouble: Trouble
    public var every: Duration
    public init(_ trouble: Trouble, every: Duration) {
        self.trouble = trouble
        self.every = every
    }
}

extension Simulation {
    func planTroubles() { for recurring in troubles { planNext(recurring) } }

    private func planNext(_ recurring: RecurringTrouble) {
        let milliseconds = Int(recurring.every.nanoseconds / 1_000_000)
        machine.plan(after: .milliseconds(1 + random.number(below: 2 * milliseconds))) { [unowned self] _ in
            guard !isOver else { return }
            strike(recurring.trouble)
            planNext(recurring)
        }
    }

    /// Half of what can hit any operation waits for one of the next operations: those come in bursts, when something is being done.
    private func soon(_ body: @escaping (Simulation) -> Void) {
        if random.coin() || isPlanned { return body(self) }
        isPlanned = true
        machine.plan(at: machine.operations + 1 + random.number(below: 500)) { [unowned self] _ in
            isPlanned = false
            if !isOver { body(self) }
        }
    }

    private func strike(_ trouble: Trouble) {
        struck[trouble, default: 0] += 1
        switch trouble {
        case .agentKilled: soon { $0.machine.killAgent() }
        case .agentKilledForMemory: machine.killAgent(outOfMemory: true)
        case .supervisorKilled: soon { $0.machine.killSupervisor(because: "kill -9") }
        case .powerCut: soon { $0.machine.cutPower() }
        case .storeFull: refuse(for: 30...600) { $0.setCapacity($0.used) }
        case .storeReadOnly: refuse(for: 30...600) { $0.setReadOnly(true) }
        case .storeTrouble:
            let kinds: [DiskTrouble] = [.full, .readOnly, .denied, .io]
            let operation = machine.store.operationCount + 1 + random.number(below: 300)
            storeFails(at: operation, with: kinds[random.number(below: kinds.count)])
        case .versionDamaged: damageSomeVersion()
        case .imageDamaged: damageSomeVersion(in: "process/")
        case .criuFails:
            let kinds = SimulatedCriuTrouble.allCases
            machine.plan(criu: kinds[random.number(below: kinds.count)])
        case .pagesLost:
            let kinds = SimulatedPageTrouble.allCases
            machine.plan(pages: kinds[random.number(below: kinds.count)])
        case .connectionLost: machine.breakConnection()
        case .stranger:
            let bytes = (0..<random.number(below: 200)).map { _ in UInt8(truncatingIfNeeded: random.next()) }
            _ = world?.strangerSays(bytes, inside: machine.livingSandbox)
        case .impostor: strikeAsImpostor()
        case .clockSet:
            let seconds = random.number(below: 7200) - 3600
            machine.say("the calendar is set by \(seconds) s")
            machine.calendarOffset += .seconds(seconds)
        }
    }

    /// Every other roll-back is cut off by its supervisor's death, anywhere from its mark to its end.
    func killsSupervisorInRollBack() {
        machine.afterWrite = { [unowned self] path in
            guard path.name == "restoring.new", random.coin() else { return }
            machine.plan(at: machine.operations + 1 + random.number(below: 40)) { $0.killSupervisor(because: "kill -9 in a roll-back") }
        }
    }

    /// The supervisor dies within a second of the agent's hang, so that only the next one can find it.
    func killsSupervisorAtHang() {
        machine.plan(after: .seconds(1)) { [unowned self] machine in
            guard !isOver else { return }
            if let since = machine.hangingSince, machine.now - since <= 1_000_000_000 { machine.killSupervisor(because: "kill -9") }
            killsSupervisorAtHang()
        }
    }

    func storeFails(at operation: Int, with trouble: DiskTrouble) {
        storeMayFail = true
        machine.store.fail(at: operation, with: trouble)
    }

    private func refuse(for seconds: ClosedRange<Int>, _ begin: (SimulatedDisk) -> Void) {
        guard refusedSince == nil else { return }
        machine.say("the store's disk refuses from now on")
        begin(machine.store)
        refusedSince = (machine.now, world?.shown.count ?? 0, machine.supervisorEpoch)
        let length = seconds.lowerBound + random.number(below: seconds.count)
        machine.plan(after: .seconds(length)) { [unowned self] _ in takeAgain() }
    }

    /// The store's disk takes writes again. One refusing disk is one warning of each supervisor, however much it refused.
    func takeAgain() {
        guard let since = refusedSince else { return }
        refusedSince = nil
        machine.say("the store's disk takes writes again")
        machine.store.setCapacity(nil)
        machine.store.setReadOnly(false)
        guard let world, machine.supervisorEpoch == since.epoch else { return }
        let warnings = world.shown.dropFirst(since.shown).count { $0.contains("warning:") && $0.contains("takes writes again") }
        if warnings > 1 { complaints.append("\(warnings) warnings of one full disk") }
    }

    private func damageSomeVersion(in part: String = "") {
        let versions = machine.store.peekNames(Oracle.versions(spec.name)).compactMap(UInt64.init).sorted()
        guard let newest = versions.last else { return }
        let number = random.coin() ? newest : versions[random.number(below: versions.count)]
        let prefix = "\(Oracle.versions(spec.name))/\(number)/\(part)"
        let files = machine.store.contents().filter { $0.key.text.hasPrefix(prefix) }.compactMap { path, content in
            if case .file(let bytes) = content.kind, !bytes.isEmpty { (path, bytes.count) } else { nil }
        }.sorted { $0.0 < $1.0 }
        guard !files.isEmpty else { return }
        let (path, size) = files[random.number(below: files.count)]
        machine.say("'\(path)' is damaged")
        oracle.excuse(number)
        if random.coin() {
            machine.store.damage(path, offset: random.number(below: size), bit: random.number(below: 8))
        } else {
            machine.store.truncate(path, to: random.number(below: size))
        }
    }
}

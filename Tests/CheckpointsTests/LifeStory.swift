import AgentModel
import Checkpoints
import OutsideWorld
import SimulatedWorld
import Testing

/// A story of all that a store does for one name: house is kept a piece at a time, versions are pinned, proven and rolled back to, the agent is removed,
/// brought back and made anew, and terms run out. A fault need not end the process, so what it left is worked on; a power cut may come later.
final class LifeStory: Story {
    private struct Removed {
        var record: Record
        var until: WallTime
    }
    private var isLive = true
    private var removed: [String: Removed] = [:]
    /// Gone for good, as far as was told.
    private var gone: [String: Removed] = [:]
    private var clock = WallTime(seconds: 1_796_000_000)
    private let home: SimulatedDisk
    /// What the workspace may hold.
    private var restored: [[DiskPath: [UInt8]]] = [[:]]
    private var housekeeping: Housekeeping?
    private var isTroubled = false
    /// Nobody knows whether the agent that could not be added is there for good.
    private var isAddedInDoubt = false
    /// The agent was removed, or given up, in the middle of a restore.
    private var isHomeInDoubt = false
    private var scratches = 0
    private(set) var log: [String] = []

    override init(seed: UInt64, sealed: Bool = false) throws {
        home = SimulatedDisk(seed: seed &+ 77, rootName: "/home")
        try super.init(seed: seed, sealed: sealed)
    }

    // MARK: Deeds

    override func deed() throws {
        guard isLive else { return try deedWithoutAgent() }
        // Nothing begins without it.
        if isAddedInDoubt { try add() }
        switch dice.number(below: 26) {
        case 0...6: try told("commit") { try commit() }
        case 7...13: try told("keep house") { try keepHouse() }
        case 14, 15: try told("remove") { try remove() }
        case 16, 17: try told("pin") { try pin() }
        case 18, 19: try told("restore") { try rollBack() }
        case 20: try told("rm") { try removeAgent() }
        case 21: try told("expire") { try expire() }
        case 22: if let some = someVersion { try told("prove \(some)") { try store().mark(agent, some, .proven, because: "it lived") } }
        case 23:
            guard let some = someVersion, versions[some]?.images != nil else { return }
            scratches += 1
            try told("lay out \(some)") { try store().layOutImages(agent, some, stagingID: "l\(scratches)") }
        case 24: try told("abandon") { housekeeping?.abandon() }
        default: clock = clock + .seconds(1 + dice.number(below: 3000))
        }
    }

    private func deedWithoutAgent() throws {
        switch dice.number(below: 6) {
        case 0: try told("add") { try add() }
        case 1: try told("expire") { try expire() }
        case 2: clock = clock + .seconds(1 + dice.number(below: 3000))
        default: try told("undelete") { try bringBack() }
        }
        if !isTroubled { try findAgents("after a deed") }
    }

    private func add() throws {
        isAddedInDoubt = true
        try store().addAgent(agent)
        isAddedInDoubt = false
    }

    private func told(_ what: String, _ body: () throws -> Void) throws {
        log.append("\(step) \(what)")
        do { try body() } catch {
            log.append("  failed: " + ((error as? StoreFault)?.sentence ?? "\(error)"))
            throw error
        }
    }

    /// As a supervisor does: a piece at a time, and nothing else touches packs meanwhile.
    private func keepHouse() throws {
        let house = try housekeeping ?? Housekeeping(of: agent, in: store(), memory)
        housekeeping = house
        var patience = dice.says(40) ? dice.number(below: 12) : Int.max
        let known = versions.keys.sorted()
        let orders = Housekeeping.Orders(versions: known, atHand: Set(known.suffix(1)), collects: dice.says(60))
        let outcome = house.work(orders) {
            patience -= 1
            return patience > 0
        }
        switch outcome {
        case .done, .stopped: return
        case .broken(_, let fault), .failed(let fault), .damagedPack(let fault):
            log.append("  failed: \(fault.sentence)")
            guard isTroubled else { throw fault }
        }
    }

    private func pin() throws {
        guard let some = someVersion else { return }
        let pinned = !record.pinned.contains(some) && record.pinned.count < 3
        record.pinInDoubt.insert(some)
        try store().pin(agent, some, pinned)
        record.pinInDoubt.remove(some)
        if pinned { record.pinned.insert(some) } else { record.pinned.remove(some) }
    }

    private func rollBack() throws {
        guard let some = someVersion, let content = versions[some] else { return }
        if let unfinished = try store().restoreRecord(agent) { return try finish(unfinished) }
        restored.append(content.files)
        try store().restoreWorkspace(agent, some, to: home, excluded: [])
        (restored, now, isHomeInDoubt) = ([content.files], content, false)
        try checkHome("after a restore")
    }

    private func finish(_ unfinished: RestoreRecord) throws {
        log.append("finishes the restore of \(unfinished.version)")
        guard let content = versions[unfinished.version] else { return fail("the version of an unfinished restore is gone", "") }
        try store().restoreWorkspace(agent, unfinished.version, to: home, excluded: [])
        (restored, now, isHomeInDoubt) = ([content.files], content, false)
        try checkHome("after a restore was finished")
    }

    override func remove() throws {
        do { try super.remove() } catch let fault as StoreFault {
            guard case .held = fault.kind else { throw fault }
            record.doubtful = []
        }
    }

    private func removeAgent() throws {
        housekeeping?.abandon()
        housekeeping = nil
        let store = try store()
        let lock = try store.lock(agent, holder: "story")
        defer { lock.release() }
        _ = try store.recover(agent)
        if try store.restoreRecord(agent) != nil { isHomeInDoubt = true }
        terms.insert(clock + .seconds(2000))
        try store.removeAgent(agent, at: clock, keptUntil: clock + .seconds(2000))
        if !isTroubled { try findAgents("after rm") }
    }

    private func bringBack() throws {
        guard let chosen = try store().removedAgents().randomElement(using: &dice) else { return }
        returning.insert(chosen.name)
        try store().bringBack(chosen, holder: "story")
    }

    private func expire() throws {
        for (name, entry) in removed where entry.until <= clock { gone[name] = entry }
        var patience = dice.says(50) ? dice.number(below: 30) : Int.max
        try store().removeExpired(at: clock) {
            patience -= 1
            return patience > 0
        }
        if !isTroubled { try findAgents("after expiry") }
    }

    // MARK: Trouble

    override func troubledDeed(_ context: String) throws {
        isTroubled = true
        let target = dice.says(85) ? disk : home
        let trouble = DiskTrouble.allCases.randomElement(using: &dice) ?? .full
        log.append("\(trouble) is coming")
        target.fail(at: target.operationCount + 1 + dice.number(below: dice.says(50) ? 40 : 400), with: trouble)
        do { try deed() } catch is StoreFault {} catch is FileFault {}
        isTroubled = false
        for disk in [disk, home] { disk.forgetTroubles() }
        if disk.isDown || home.isDown { return try cutPower(context) }
        guard dice.says(50) else { return try takeStock(context, anew: false) }
        processDied()
        try takeStock(context)
    }

    func cutPower(_ context: String) throws {
        log.append("the power is cut")
        for disk in [disk, home] {
            disk.powerCut()
            disk.restart()
        }
        processDied()
        try takeStock(context)
        (gone, record.pinInDoubt) = ([:], [])
    }

    private func processDied() {
        for disk in [disk, home] { disk.processDied() }
        housekeeping = nil
        memory = PageMemory(secret: bytes(PageMemory.secretSize) { UInt8(truncatingIfNeeded: $0 + Int(step)) })
    }

    // MARK: The oracle

    override func fail(_ what: String, _ context: String) { super.fail(what, context + "\n" + log.joined(separator: "\n")) }

    /// Terms that anything may have which was removed or brought back.
    private var terms: Set<WallTime> = []
    /// Those that are being brought back.
    private var returning: Set<String> = []

    override func takeStock(_ context: String, anew: Bool = true) throws {
        try findAgents(context)
        guard isLive else { return }
        try super.takeStock(context, anew: anew)
        if let unfinished = try store().restoreRecord(agent) {
            if anew { try finish(unfinished) }
        } else {
            try checkHome(context)
        }
    }

    /// The agent is in one place: among the living or the removed, with all it had.
    private func findAgents(_ context: String) throws {
        let store = try store()
        let live = try store.agents().contains(agent)
        let listed = try store.removedAgents()
        var current = isLive ? record : nil
        var back: Record?
        for (name, entry) in removed where !listed.contains(where: { $0.name == name }) {
            if live, returning.contains(name), back == nil, current == nil {
                back = entry.record
            } else if gone[name] == nil {
                fail("'\(name)' is lost", context)
            }
            removed[name] = nil
        }
        for entry in listed where removed[entry.name] == nil {
            if let known = gone.removeValue(forKey: entry.name) {
                removed[entry.name] = known
                continue
            }
            guard let record = current, let until = entry.keptUntil, terms.contains(until) else {
                fail("'\(entry.name)' comes from nowhere", context)
                continue
            }
            (removed[entry.name], current) = (Removed(record: record, until: until), nil)
        }
        if !live, isLive, isAddedInDoubt, record.versions.isEmpty { current = nil }
        if !live, current != nil || back != nil { fail("the agent is nowhere", context) }
        if !live { isAddedInDoubt = false }
        if live { record = current ?? back ?? Record() }
        if !live || current == nil { housekeeping = nil }
        (isLive, returning) = (live, [])
    }

    private func checkHome(_ context: String) throws {
        var files: [DiskPath: [UInt8]] = [:]
        for (path, content) in home.contents() { if case .file(let bytes) = content.kind { files[path] = bytes } }
        if !restored.contains(files), !isHomeInDoubt {
            let differing = restored.last.map { last in Set(files.keys).union(last.keys).filter { files[$0] != last[$0] }.sorted() } ?? []
            fail("the workspace is of no version, \(differing) are others", context)
        }
        restored = [files]
    }

    /// Every agent that can be brought back is whole.
    func bringAllBack(_ context: String) throws {
        housekeeping?.abandon()
        for _ in 0...removed.count {
            if isLive {
                try takeStock(context)
                try checkGarbage(context)
            }
            guard let next = removed.filter({ $0.value.until > clock || gone[$0.key] == nil }).keys.min() else { return }
            if isLive { try removeAgent() }
            let all = try store().removedAgents()
            guard let chosen = all.first(where: { $0.name == next }) else { return fail("'\(next)' is not listed", context) }
            returning.insert(next)
            try store().bringBack(chosen, holder: "story")
            try findAgents(context)
        }
    }
}

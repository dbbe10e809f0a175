internal import AgentModel
internal import Checkpoints
internal import OutsideWorld
internal import StatusViews

/// One run of `runner verify`: what it found so far, and what an earlier one found whole before it was stopped.
final class VerificationRound {
    private let store: CheckpointStore
    private let bench: Workbench
    private let passesKnown: Bool
    private(set) var rows: [VerificationRow] = []
    /// By agent; what was found whole, by this run and those before it.
    private var known: [AgentName: VerifiedRecord] = [:]

    /// - Parameters:
    ///   - store: not watched: what was found is written down after somebody stopped it.
    ///   - passesKnown: whether what an earlier run found whole is not read again.
    init(in store: CheckpointStore, on bench: Workbench, passesKnown: Bool) {
        (self.store, self.bench, self.passesKnown) = (store, bench, passesKnown)
    }

    func begin(_ agent: AgentName, _ work: LongWork) throws(CommandFault) {
        guard known[agent] == nil else { return }
        let now = bench.machine.wallTime()
        guard passesKnown, let before = store.verified(agent, at: now) else { return known[agent] = VerifiedRecord(at: now) }
        known[agent] = before
        work.pause()
        bench.talk(
            "going on with '\(agent)' behind what was found whole \(before.at.distance(from: now)): \(Self.words(before)). '--again' reads it once more"
        )
    }

    func version(
        _ agent: AgentName, _ version: VersionNumber, verify: () throws(CommandFault) -> VerificationRow
    ) throws(CommandFault) {
        let name = store.verifiedName(agent, version)
        if let name, let record = known[agent], record.versions.contains(name) {
            let age = record.at.distance(from: bench.machine.wallTime())
            return rows.append(VerificationRow(agent: agent, version: version, result: .whole, what: "as was read \(age)"))
        }
        let row = try verify()
        rows.append(row)
        if row.result == .whole, let name { known[agent]?.versions.insert(name) }
    }

    func packs(of agent: AgentName, in watched: CheckpointStore, _ work: LongWork) throws(CommandFault) {
        let before = known[agent]?.packs ?? []
        do throws(StoreFault) {
            try watched.verifyPacks(
                agent, passing: before,
                passed: { rows.append(VerificationRow(agent: agent, pack: $0, result: .whole, what: "as was read before")) },
                begin: { work.say("\(agent): verifying pack \($0)") },
                each: { pack, damage in
                    if damage == nil { known[agent]?.packs.insert(pack) } else { known[agent]?.packs.remove(pack) }
                    rows.append(VerificationRow(agent: agent, pack: pack, result: damage == nil ? .whole : .damaged, what: damage?.words))
                })
        } catch { throw CommandFault(error) }
    }

    // MARK: Its end

    /// It came to its end: the next one reads everything.
    func forget() { for agent in known.keys { store.forgetVerified(agent) } }

    /// Somebody stopped it. - Returns: what was done, and how to go on.
    func stopped() -> String {
        for row in rows where row.result != .whole { bench.talk("'\(row.quietValue)' is \(row.result.rawValue): \(row.what ?? "")") }
        let found = known.values.reduce(into: VerifiedRecord(at: bench.machine.wallTime())) { all, record in
            all.versions.formUnion(record.versions)
            all.packs.formUnion(record.packs)
        }
        let what = "could not verify all of it: it was stopped"
        guard !found.versions.isEmpty || !found.packs.isEmpty else {
            return "\(what). Nothing was read whole yet; the same command begins anew"
        }
        let isKept = known.map { store.keepVerified($0.key, $0.value) }.allSatisfy(\.self)
        return "\(what). \(Self.words(found)) are whole. The same command \(isKept ? "goes on behind them" : "begins anew")"
    }

    private static func words(_ record: VerifiedRecord) -> String {
        let (versions, packs) = (record.versions.count, record.packs.count)
        return "\(versions) \(versions == 1 ? "version" : "versions") and \(packs) \(packs == 1 ? "pack" : "packs")"
    }
}

internal import AgentModel
internal import AgentSpecs
internal import Checkpoints
internal import OutsideWorld
internal import Recovery
internal import StatusViews

/// What is stored is read and compared once in a while, a little at a time, when nothing else is to be done: what decays unseen is found while there is
/// another version. Documentation: docs/store-format.md#scrub
extension Supervisor {
    /// Between two slices.
    private static var pace: Duration { .milliseconds(250) }
    /// Looked at again when something else was under way.
    private static var patience: Duration { .seconds(5) }
    /// Nothing is read of it before.
    static var settling: Duration { .seconds(60) }

    func scrubWhenDue() {
        guard let period = spec.checkpoint.scrubEvery else { return }
        let now = world.wallTime()
        var record = scrub ?? store.scrubRecord(of: agent) ?? firstRecord(at: now)
        if record.begun == nil {
            let rest = record.since + period - now
            if rest > .zero {
                scrub = record
                // A calendar that is set forward is noticed within the hour.
                return deadlines[.scrub] = world.now() + min(rest, .seconds(3600))
            }
            record.begin(at: now)
        }
        scrub = record
        guard isCalm, houseWish == nil, !houseIsDue, scrubWish == nil, leaving.isEmpty, !isMakingRoom else {
            return deadlines[.scrub] = world.now() + Self.patience
        }
        read(record)
    }

    private func firstRecord(at now: WallTime) -> ScrubRecord {
        let record = ScrubRecord(since: now)
        store.write(record, of: agent)
        return record
    }

    // MARK: A slice

    private func read(_ record: ScrubRecord) {
        let scrubbing = scrubbing ?? Scrubbing(of: agent, in: store)
        self.scrubbing = scrubbing
        let wish = StandingWish()
        let number = record.through?.number ?? 0
        if let next = versions.filter({ $0.standing != .broken && $0.version.number > number }).min(by: { $0.version < $1.version }) {
            slice(wish) {
                scrubbing.work(next.version) { wish.isWanted }
            } then: { [self] outcome in
                heard(outcome, of: next.version)
            }
            return
        }
        // Of no version: what is in packs, be it needed or not.
        let packs = packsToScrub ?? scrubbing.packs()
        packsToScrub = packs
        guard let pack = packs.first else { return endRound() }
        slice(wish) {
            scrubbing.work(pack: pack)
        } then: { [self] outcome in
            heard(outcome, ofPack: pack)
        }
    }

    private func slice(
        _ wish: StandingWish, _ body: @escaping @Sendable () -> Scrubbing.Outcome, then: @escaping (Scrubbing.Outcome) -> Void
    ) {
        aside(in: .background, body) { [self] outcome in
            scrubWish = nil
            guard finished == nil else { return }
            deadlines[.scrub] = world.now() + (wish.isWanted ? Self.pace : Self.patience)
            then(outcome)
        }
        scrubWish = wish
    }

    private func heard(_ outcome: Scrubbing.Outcome, of version: VersionNumber) {
        guard var record = scrub else { return }
        switch outcome {
        case .goesOn: return
        case .whole: record.versions += 1
        case .unknown(let why):
            // One that went in the meantime is nobody's loss.
            if versions.contains(where: { $0.version == version }) { note("scrub", "version \(version) could not be read: \(why)") }
        case .damaged(let part, let how):
            guard versions.contains(where: { $0.version == version }) else { break }
            record.versions += 1
            record.found("version \(version): \(part)")
            warn(
                "scrub \(version)",
                "version \(version) of '\(agent)' is damaged: \(part): \(how). It is not restored any more; 'runner verify \(agent)' "
                    + "tells of all")
            workspaceIndex.forget()
            mark(version, .broken, because: "\(part): \(how)")
        }
        record.through = version
        keep(record)
    }

    private func heard(_ outcome: Scrubbing.Outcome, ofPack pack: String) {
        guard var record = scrub else { return }
        switch outcome {
        case .goesOn: return
        case .whole: record.packs += 1
        case .unknown(let why): note("scrub", "the pack '\(pack)' could not be read: \(why)")
        case .damaged(_, let how):
            record.packs += 1
            record.found("pack \(pack)")
            workspaceIndex.forget()
            warn(
                "scrub \(pack)",
                "the pack '\(pack)' of '\(agent)' is damaged: \(how). Versions that need it are marked when they are read")
        }
        packsToScrub?.removeFirst()
        keep(record)
    }

    private func keep(_ record: ScrubRecord) {
        scrub = record
        statusChanged = true
        store.write(record, of: agent)
    }

    private func endRound() {
        guard var record = scrub else { return }
        packsToScrub = nil
        scrubbing = nil
        record.end(at: world.wallTime())
        keep(record)
        if record.damaged.isEmpty {
            for key in warnings.keys where key.hasPrefix("scrub ") { clearWarning(key) }
            note("scrub", "\(record.versions) versions and \(record.packs) packs are what was stored")
        } else {
            let damaged = record.damaged.joined(separator: ", ")
            note("scrub", "of \(record.versions) versions and \(record.packs) packs these are damaged: \(damaged)")
        }
        scrubWhenDue()
    }

    /// What `runner status` tells of it.
    var scrubReport: ScrubReport? {
        guard let scrub, let period = spec.checkpoint.scrubEvery, scrub.finished != nil || scrub.begun != nil else { return nil }
        return ScrubReport(
            finishedAt: scrub.finished, nextAt: scrub.begun == nil ? scrub.since + period : nil, versions: scrub.versions,
            packs: scrub.packs, damaged: scrub.damaged)
    }
}

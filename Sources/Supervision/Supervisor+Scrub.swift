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
    /// After which what was not as it was stored is read once more: a disk, a cable or memory may fail once.
    private static var secondLook: Duration { .seconds(60) }
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
            scrubMissedSome = false
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
        // One that went in the meantime is nobody's loss.
        let isThere = versions.contains { $0.version == version }
        switch outcome {
        case .goesOn: return
        case .whole: record.versions += 1
        case .unknown(let why):
            guard isThere else { break }
            guard isSure(of: "version \(version)", why) else { return }
            couldNotRead(why)
        case .damaged(let part, let how):
            guard isThere else { break }
            guard isSure(of: "version \(version)", "\(part): \(how)") else { return }
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
        case .unknown(let why):
            guard isSure(of: "pack \(pack)", why) else { return }
            couldNotRead(why)
        case .damaged(_, let how):
            guard isSure(of: "pack \(pack)", how) else { return }
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

    /// - Returns: false: it was the first look.
    private func isSure(of what: String, _ why: String) -> Bool {
        if scrubDoubt == what { return true }
        scrubDoubt = what
        deadlines[.scrub] = world.now() + min(Self.secondLook, spec.checkpoint.scrubEvery ?? Self.secondLook)
        note("scrub", "\(what) is read once more: \(why)")
        return false
    }

    /// What it holds may be good all the same.
    private func couldNotRead(_ why: String) {
        scrubMissedSome = true
        note("scrub", why)
        warn("unread", "what is stored of '\(agent)' could not all be read: \(why). Look at 'dmesg' and at the disk")
    }

    private func keep(_ record: ScrubRecord) {
        scrubDoubt = nil
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
        if !scrubMissedSome { clearWarning("unread") }
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

internal import AgentModel
internal import Checkpoints
internal import OutsideWorld
internal import Recovery

/// What is stored is put into packs when nothing else is to be done. Documentation: docs/store-format.md#packs
extension Supervisor {
    /// After every step: begins when there is something to do and nothing in its way, stops when something is.
    func keepHouse() {
        closeImagesLeft()
        guard isCalm else {
            houseWish?.withdraw()
            scrubWish?.withdraw()
            return
        }
        guard houseIsDue, houseWish == nil, leaving.isEmpty, !isMakingRoom else { return }
        houseIsDue = false
        let wish = StandingWish()
        let orders = Housekeeping.Orders(
            versions: versions.filter { $0.standing != .broken }.map(\.version).sorted(), atHand: versionsAtHand,
            collects: collectionIsDue)
        let housekeeping = housekeeping
        let store = store
        let time = world.wallTime()
        aside(in: .patient) {
            let outcome = housekeeping.work(orders) { wish.isWanted }
            // Of agents nobody has brought back in time. It is tried again after the next version, and by 'runner prune'.
            if case .done = outcome { _ = try? store.removeExpired(at: time) { wish.isWanted } }
            return outcome
        } then: { [self] outcome in
            houseWish = nil
            switch outcome {
            case .done:
                housekeepingFailed = false
                clearWarning("packs")
                if orders.collects { collectionIsDue = false }
            case .stopped: houseIsDue = true
            case .broken(let version, let fault):
                guard case .broken(let part, let how) = fault.kind else { return }
                workspaceIndex.forget()
                mark(version, .broken, because: "\(part): \(how)")
                houseIsDue = true
            case .damagedPack(let fault):
                workspaceIndex.forget()
                warn("packs", fault.sentence)
            case .failed(let fault): failed(fault)
            }
        }
        houseWish = wish
    }

    /// Whatever became of a restore, memory is not kept for it when it is over.
    private func closeImagesLeft() {
        guard let version = versionLaidOut, launchRun == nil, imageRestore == nil else { return }
        versionLaidOut = nil
        store.closeImages(agent, version)
    }

    /// Where the disk refuses everything, the next checkpoint tells. Where it takes checkpoints and no packs, nobody else would.
    private func failed(_ fault: StoreFault) {
        let sentence = "\(fault.sentence). It is tried again after the next version"
        if housekeepingFailed { warn("packs", sentence) } else { note("packs", sentence) }
        housekeepingFailed = true
    }

    /// A cut, a restore and a rehearsal need the worker, and nothing may be taken away that is being read.
    var isCalm: Bool {
        !isBeginning && checkpointRun == nil && checkpointWishes.isEmpty && launchRun == nil && imageRestore == nil && rehearsal == nil
            && uncheckedPages == nil && finished == nil
    }

    /// The versions that a restore would begin with.
    private var versionsAtHand: Set<VersionNumber> {
        let checkpoints = versions.filter { $0.kind == .checkpoint }
        let newest = checkpoints.max { $0.version < $1.version }
        let good = checkpoints.filter(\.isKnownGood).max { $0.version < $1.version }
        return Set([newest?.version, good?.version, recovery.phase.origin?.version].compactMap(\.self))
    }
}

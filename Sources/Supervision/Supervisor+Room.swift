internal import AgentModel
internal import AgentSpecs
internal import Checkpoints
internal import OutsideWorld
internal import Recovery
internal import Retention

/// A disk that runs full: what is missed least of the agent's versions goes; where that does not do, checkpoints that nobody waits for are left out until
/// there is room. The agent runs on, restores go on, and an operator is told by the disk itself. Documentation: docs/recovery.md#room
extension Supervisor {
    /// What a cut will take was known when the last one ended, and may be far less since: a file is gone. After this one tries.
    private static var forecastHolds: Duration { .seconds(300) }

    /// Whether a checkpoint may be begun that nobody waits for. false: room is being made, or there is none and it was said.
    func hasRoom() -> Bool {
        guard let space = lookAtSpace(), space.missing > ByteCount(0) else {
            isPausedForRoom = false
            roomUnfinished = nil
            return true
        }
        if !isMakingRoom { makeRoom(space) }
        return false
    }

    struct Space {
        var free: ByteCount
        var least: ByteCount
        var missing: ByteCount { ByteCount(least.bytes - min(least.bytes, free.bytes)) }
    }

    /// nil: the disk does not tell; who writes will.
    private func lookAtSpace() -> Space? {
        guard let free = try? world.store.freeSpace() else { return nil }
        // Of a workspace only what changed is copied, and what that is nobody knows before the cut has looked: it refuses what does not fit.
        let forecast = max(imagesWritten.bytes + imagesWritten.bytes / 8, neededSpace?.bytes ?? 0)
        let limits = store.limits()
        let space = Space(free: free, least: limits.leastFree(total: world.store.totalSpace, forecast: ByteCount(forecast)))
        guard free.bytes < forecast else {
            shortSince = nil
            return space
        }
        let now = world.now()
        let since = shortSince ?? now
        shortSince = since
        guard now - since >= Self.forecastHolds else { return space }
        forgetForecast()
        return Space(free: free, least: limits.leastFree(total: world.store.totalSpace, forecast: ByteCount(0)))
    }

    private func forgetForecast() { (neededSpace, imagesWritten, shortSince) = (nil, ByteCount(0), nil) }

    /// A cut found room: what it wrote is what is known of the next one.
    func foundRoom(for run: CheckpointRun) {
        forgetForecast()
        imagesWritten = run.imagesWritten
        roomPlan = RoomPlan()
    }

    private func makeRoom(_ space: Space) {
        if let (chosen, since) = roomUnfinished, leaving.isEmpty { return giveBack(chosen, removing: [], since) }
        // The newest good one may have decayed unseen: there is another.
        let held = heldVersions.union(versions.filter { $0.kind == .checkpoint && $0.isKnownGood }.suffix(2).map(\.version))
        let chosen = roomPlan.step(spec.checkpoint.orderForRoom(of: versions).filter { !held.contains($0.version) }, missing: space.missing)
        guard !chosen.isEmpty else { return pauseCheckpoints(space) }
        guard leaving.isEmpty else {
            // What goes already may do.
            checkpointMissed = true
            return lookAtDiskLater()
        }
        let numbers = chosen.map(\.version)
        leaving.formUnion(numbers)
        versions.removeAll { leaving.contains($0.version) }
        giveBack(chosen, removing: numbers, space)
    }

    /// - Parameter chosen: what goes, or went already.
    private func giveBack(_ chosen: [CheckpointSummary], removing numbers: [VersionNumber], _ space: Space) {
        isMakingRoom = true
        roomUnfinished = nil
        let wish = StandingWish()
        let store = store
        let agent = agent
        let housekeeping = housekeeping
        aside(in: .patient) {
            // What it has written and not named yet would be collected.
            housekeeping.abandon()
            do throws(StoreFault) {
                try store.remove(agent, numbers)
                return try store.collect(agent, while: { wish.isWanted }) != nil
            } catch { return true }  // what the disk got back is what counts
        } then: { [self] isDone in
            roomWish = nil
            isMakingRoom = false
            leaving.subtract(numbers)
            guard finished == nil else { return }
            (houseIsDue, collectionIsDue) = (true, true)
            refreshVersions()
            guard isDone else {
                // Something else needed the worker. What they were worth is not known before the rest is collected.
                roomUnfinished = (chosen, space)
                checkpointMissed = true
                return lookAtDiskLater()
            }
            madeRoom(by: chosen, since: space)
        }
        roomWish = wish
    }

    private func madeRoom(by chosen: [CheckpointSummary], since before: Space) {
        let names = chosen.map { "\($0.version)" }.joined(separator: ", ")
        note("room", "versions \(names) were removed: \(before.free) were free, and \(before.least) are needed")
        let free = (try? world.store.freeSpace()) ?? before.free
        let size = chosen.reduce(UInt64(0)) { $0 &+ $1.size.bytes }
        roomPlan.took(ByteCount(size), for: ByteCount(free.bytes - min(free.bytes, before.free.bytes)))
        if hasRoom(), case .running = recovery.phase, checkpointRun == nil { takeDueCheckpoint() }
    }

    /// Said once, and made good by itself.
    private func pauseCheckpoints(_ space: Space) {
        checkpointMissed = true
        isPausedForRoom = true
        lookAtDiskLater()
        warn(
            "disk",
            "the disk of the store at '\(request.place.store)' has \(space.free) free, and \(space.least) must be before a checkpoint is taken; "
                + "the agent runs on, and nothing new is stored until there is room. Free space; 'runner config set keep_free SIZE' "
                + "says how much is kept free")
    }

    // MARK: The store's quota

    /// What the store allows is looked up beside the loop, for it depends on the versions of all its agents.
    func keepStoresQuota() {
        let store = store
        let agent = agent
        aside(in: .patient) {
            Result { () throws(StoreFault) in try store.allowance(of: agent) }
        } then: { [self] result in
            // A store that cannot be read now is asked again after the next version.
            guard case .success(let found) = result else { return }
            guard let allowance = found else { return clearWarning("quota") }
            remove(spec.checkpoint.retention(of: versions, within: allowance))
            let rest = versions.reduce(UInt64(0)) { $0 &+ $1.size.bytes }
            guard rest > allowance.bytes else { return clearWarning("quota") }
            warn(
                "quota",
                "the versions of '\(agent)' take \(ByteCount(rest)), and the store's quota leaves them \(allowance); those that are left always stay. "
                    + "Raise it with 'runner config set quota SIZE', or unpin some")
        }
    }
}

internal import AgentModel
internal import Checkpoints
internal import OutsideWorld

/// The slow part of a restore, run beside the loop: verify every byte, set the present aside, roll the workspace back, read the state.
struct RollBackJob: Sendable {
    enum Outcome: Sendable {
        /// The state to hand over, if the version holds one and it was asked for; the images of its processes; and the aside's number, if
        /// there was something to set aside.
        case ready(StoredState?, MadeImages?, aside: VersionNumber?)
        /// The version is not what was stored. Nothing was changed.
        case broken(String)
        /// The disk did not give the version, or not as it was, and nobody knows whether it is damaged. Nothing is written down of it.
        case unreadable(String)
        /// A whole sentence. The workspace may be rolled back in part; the next restore finishes it.
        case failed(String)
    }

    let store: CheckpointStore
    let agent: AgentName
    let version: CheckpointSummary
    let workspace: (any Disk)?
    let excluded: [String]
    let aside: CutRequest?
    let asideID: String
    let readsState: Bool
    var readsImages = false
    /// The plain files are known to be damaged.
    var isFromPacks = false
    /// It was read wrong once, and was whole when it was looked at again.
    private var isSecondTry = false

    init(
        store: CheckpointStore, agent: AgentName, version: CheckpointSummary, workspace: (any Disk)?, excluded: [String],
        aside: CutRequest?, asideID: String, readsState: Bool
    ) {
        (self.store, self.agent, self.version, self.workspace) = (store, agent, version, workspace)
        (self.excluded, self.aside, self.asideID, self.readsState) = (excluded, aside, asideID, readsState)
    }

    /// Why the present could not be set aside, as far as that can be known before. nil: it seems that it can be, or need not be.
    func obstacle() -> StoreFault? {
        guard let workspace, let aside, version.parts.workspace else { return nil }
        // What else is wrong is found and told when it is done.
        guard let changes = try? store.planRestore(agent, version.version, to: workspace, excluded: excluded),
            changes.steps.contains(where: { $0.change != .time })
        else { return nil }
        do throws(StoreFault) { try store.lookAhead(aside, stagingID: asideID) } catch {
            switch error.kind {
            case .full, .readOnly, .denied, .refused: return error
            default: return nil
            }
        }
        return nil
    }

    func run() -> Outcome {
        do throws(StoreFault) {
            // 1. Every byte, before anything is touched; but memory pages, which are compared while CRIU makes the processes, and before they run.
            try verify()
            // 2. What would be overwritten becomes a version; a full disk stops the restore here, with nothing lost.
            var asideVersion: VersionNumber?
            if let workspace, version.parts.workspace {
                let changes = try store.planRestore(agent, version.version, to: workspace, excluded: excluded)
                // An earlier try may have got as far as the last change and not to the end: then its mark still stands.
                let isUnfinished = try store.unfinishedRestore(agent) != nil
                if !changes.steps.isEmpty || isUnfinished {
                    if let aside, changes.steps.contains(where: { $0.change != .time }) {
                        asideVersion = try store.commit(store.cut(aside, stagingID: asideID)).version
                    }
                    // 3. Roll back; the store marks it, so that a crash in the middle is healed at the next start.
                    _ = try store.restoreWorkspace(agent, version.version, to: workspace, excluded: excluded)
                }
            }
            // 4. The state, from the bytes just verified.
            let state = readsState && version.parts.cooperative ? try store.state(agent, version.version) : nil
            let images = readsImages && version.parts.process ? try store.manifest(agent, version.version).process?.made : nil
            return .ready(state, images, aside: asideVersion)
        } catch {
            guard case .broken(let part, let how) = error.kind else { return .failed(error.sentence) }
            return lookAgain("\(part): \(how)")
        }
    }

    /// What is said of the version stays: that it is broken is said of what was damaged, and not of what could not be read once.
    private func lookAgain(_ what: String) -> Outcome {
        switch store.lookAgain(agent, version.version) {
        case .damaged: return .broken(what)
        case .unreadable: return .unreadable(what)
        case .whole:
            guard !isSecondTry else { return .unreadable(what) }
            var again = self
            again.isSecondTry = true
            return again.run()
        }
    }

    private func verify() throws(StoreFault) {
        if isFromPacks { try leavePlainFiles(insteadOf: nil) }
        do throws(StoreFault) { try verifyOnce() } catch {
            // Its plain files may be damaged, and what is in packs may not.
            guard case .broken = error.kind, try store.isPacked(agent, version.version) else { throw error }
            try leavePlainFiles(insteadOf: error)
            try verifyOnce()
        }
    }

    /// - Parameter fault: what is wrong with them, which is what counts where the packs are no better; nil: the packs count.
    private func leavePlainFiles(insteadOf fault: StoreFault?) throws(StoreFault) {
        do throws(StoreFault) { try store.thin(agent, version.version) } catch {
            guard case .damagedPack(let pack, let how) = error.kind else { throw error }
            throw fault ?? StoreFault(.broken(part: pack, how: how), doing: error.doing, what: error.what)
        }
    }

    private func verifyOnce() throws(StoreFault) {
        guard readsImages, version.parts.process else { return try store.verify(agent, version.version) }
        try store.layOutImages(agent, version.version, stagingID: asideID + "i")
        try store.verifyButPages(agent, version.version)
    }
}

public import AgentModel
internal import OutsideWorld

/// Puts the versions of one agent into packs, thins out their plain files and collects what no version needs. Slow, never urgent: it stops when it is
/// told to and goes on from there. The caller holds the agent's lock and does nothing else to versions or packs while it works.
public final class Housekeeping: Sendable {
    public struct Orders: Sendable {
        /// Those to be put into packs, ascending.
        public var versions: [VersionNumber]
        /// Those that stay as plain files, too: a restore of them begins at once, and people find them without us.
        public var atHand: Set<VersionNumber>
        /// Whether versions were removed since the last time.
        public var collects: Bool
        public init(versions: [VersionNumber], atHand: Set<VersionNumber>, collects: Bool) {
            self.versions = versions
            self.atHand = atHand
            self.collects = collects
        }
    }
    public enum Outcome: Sendable {
        case done
        /// Not wanted any more; there is something left.
        case stopped
        /// This version is not what was stored.
        case broken(VersionNumber, StoreFault)
        case failed(StoreFault)
        /// All else is done. What is in this pack is not what was put there, so versions that need it stay plain files.
        case damagedPack(StoreFault)
    }

    private let store: CheckpointStore
    private let agent: AgentName
    private let pages: PageMemory?
    // `work` is never called by two at once: its jobs are done one after the other.
    nonisolated(unsafe) private var state = State()

    private struct State {
        /// Those that are packed: whether they are plain files, too.
        var settled: [VersionNumber: Bool] = [:]
        var packing: (version: VersionNumber, work: Packing)?
        var checked = CheckedBlocks()
    }

    /// - Parameter pages: as the commits are given them.
    public init(of agent: AgentName, in store: CheckpointStore, _ pages: PageMemory? = nil) {
        self.agent = agent
        self.pages = pages
        self.store = store
    }

    /// - Parameter isWanted: asked every few milliseconds.
    public func work(_ orders: Orders, while isWanted: () -> Bool) -> Outcome {
        forget(allBut: orders)
        var damagedPack: StoreFault?
        var waiting: VersionNumber?
        for version in orders.versions {
            if state.settled[version] == nil {
                let step = attempt(version, &damagedPack) { () throws(StoreFault) in try pack(version, while: isWanted) }
                if case .ended(let outcome) = step { return outcome }
                if case .passedOver = step { continue }
                state.settled[version] = true
            }
            // One is thinned out only when the next one is packed, whose pages are stored as their differences to it.
            if let outcome = thin(waiting, &damagedPack, while: isWanted) { return outcome }
            if orders.atHand.contains(version) { state.settled[version] = true }
            waiting = state.settled[version] == true && !orders.atHand.contains(version) ? version : nil
        }
        if let outcome = thin(waiting, &damagedPack, while: isWanted) { return outcome }
        if let damagedPack { return .damagedPack(damagedPack) }
        guard orders.collects else { return .done }
        do throws(StoreFault) { return try store.collect(agent, while: isWanted) == nil ? .stopped : .done } catch {
            return .failed(error)
        }
    }

    /// Nothing that was begun is gone on with, nor left behind. Not while it works.
    public func abandon() {
        state.packing?.work.abandon()
        state.packing = nil
    }

    /// Looks once more before a version is written off: what a disk does not give now it may give again.
    private func isBroken(_ version: VersionNumber) -> Bool {
        if case .damaged = store.lookAgain(agent, version) { return true }
        return false
    }

    private func forget(allBut orders: Orders) {
        let known = Set(orders.versions)
        state.settled = state.settled.filter { known.contains($0.key) }
        if let packing = state.packing, !known.contains(packing.version) {
            packing.work.abandon()
            state.packing = nil
        }
    }

    // MARK: Parts

    private enum Step {
        case done, passedOver
        case ended(Outcome)
    }

    /// - Parameter work: says whether it came to an end.
    private func attempt(
        _ version: VersionNumber, _ damagedPack: inout StoreFault?, _ work: () throws(StoreFault) -> Bool
    ) -> Step {
        do throws(StoreFault) { return try work() ? .done : .ended(.stopped) } catch {
            state.packing = nil
            switch error.kind {
            case .noSuchVersion: return .passedOver  // a person was faster
            case .damagedPack:
                state.checked = CheckedBlocks()
                damagedPack = error
                // It stays as it is.
                state.settled[version] = false
                return .passedOver
            case .broken:
                guard isBroken(version) else { return .ended(.failed(error)) }
                store.doubtPacks(of: agent, version)
                return .ended(.broken(version, error))
            default: return .ended(.failed(error))
            }
        }
    }

    private func pack(_ version: VersionNumber, while isWanted: () -> Bool) throws(StoreFault) -> Bool {
        guard isWanted() else { return false }
        if state.packing?.version != version {
            state.packing?.work.abandon()
            state.packing = try store.beginPacking(agent, version, pages).map { (version, $0) }
        }
        if let packing = state.packing {
            guard try packing.work.work(while: isWanted) else { return false }
            state.packing = nil
        }
        return true
    }

    private func thin(_ version: VersionNumber?, _ damagedPack: inout StoreFault?, while isWanted: () -> Bool) -> Outcome? {
        guard let version else { return nil }
        let step = attempt(version, &damagedPack) { () throws(StoreFault) in
            // Whoever stopped it may be about to read the plain files.
            guard isWanted() else { return false }
            try store.thin(agent, version, &state.checked)
            state.settled[version] = false
            return true
        }
        if case .ended(let outcome) = step { return outcome }
        return nil
    }
}

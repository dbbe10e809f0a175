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
    // `work` is never called by two at once: its jobs are done one after the other.
    nonisolated(unsafe) private var state = State()

    private struct State {
        /// What need not be looked at again: whether they are plain files, too.
        var settled: [VersionNumber: Bool] = [:]
        var packing: (version: VersionNumber, work: Packing)?
        var checked = CheckedBlocks()
    }

    public init(of agent: AgentName, in store: CheckpointStore) {
        self.agent = agent
        self.store = store
    }

    /// - Parameter isWanted: asked every few milliseconds.
    public func work(_ orders: Orders, while isWanted: () -> Bool) -> Outcome {
        forget(allBut: orders)
        var damagedPack: StoreFault?
        for version in orders.versions {
            let isAtHand = orders.atHand.contains(version)
            if state.settled[version] == isAtHand { continue }
            guard isWanted() else { return .stopped }
            do throws(StoreFault) {
                guard try settle(version, isAtHand, while: isWanted) else { return .stopped }
            } catch {
                state.packing = nil
                switch error.kind {
                case .noSuchVersion: continue  // a person was faster
                case .damagedPack:
                    state.checked = CheckedBlocks()
                    damagedPack = error
                    state.settled[version] = isAtHand
                case .broken:
                    guard isBroken(version) else { return .failed(error) }
                    store.doubtPacks(of: agent, version)
                    return .broken(version, error)
                default: return .failed(error)
                }
            }
        }
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
        do throws(StoreFault) { try store.verify(agent, version) } catch {
            if case .broken = error.kind { return true }
        }
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

    /// - Returns: whether it came to an end.
    private func settle(
        _ version: VersionNumber, _ isAtHand: Bool, while isWanted: () -> Bool
    ) throws(StoreFault) -> Bool {
        if state.packing?.version != version {
            state.packing?.work.abandon()
            state.packing = try store.beginPacking(agent, version).map { (version, $0) }
        }
        if let packing = state.packing {
            guard try packing.work.work(while: isWanted) else { return false }
            state.packing = nil
        }
        // Whoever stopped it may be about to read the plain files.
        guard isWanted() else { return false }
        if !isAtHand { try store.thin(agent, version, &state.checked) }
        state.settled[version] = isAtHand
        return true
    }
}

internal import AgentModel
internal import Checkpoints
internal import OutsideWorld

extension Workbench {
    /// Removes for good the agents that were removed and whose term is over, and tells of each.
    func removeExpired(in store: CheckpointStore, dryRun: Bool, while isWanted: () -> Bool = { true }) throws(CommandFault) {
        let now = machine.wallTime()
        do throws(StoreFault) {
            if dryRun {
                for removed in try store.removedAgents() where removed.keptUntil.map({ $0 <= now }) ?? false {
                    talk("'\(removed.name)', which was removed, would go for good: its term is over")
                }
            } else {
                for removed in try store.removeExpired(at: now, while: isWanted) {
                    talk("'\(removed.name)' is gone for good: its term was over")
                }
            }
        } catch { throw CommandFault(error) }
    }
}

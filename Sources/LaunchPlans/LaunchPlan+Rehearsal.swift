extension LaunchPlan {
    /// The sandbox in which a version of this agent is rehearsed: the same view of the host, but no network, nobody behind the doors, a
    /// control group of its own with the same limits, and an end with its supervisor.
    /// - Parameters:
    ///   - doorsDirectory: an empty one.
    ///   - copy: where the version's workspace lies, and at which path its processes know it; nil: the version has none.
    ///   - covering: directories whose place an empty one takes.
    public func rehearsal(doorsDirectory: String, copy: Bind?, covering: [String] = []) -> LaunchPlan {
        var plan = self
        plan.purpose = .rehearsal
        plan.network = .none
        plan.doorsDirectory = doorsDirectory
        plan.binds = binds.filter { $0.inside != copy?.inside } + (copy.map { [$0] } ?? [])
        plan.hiddenDirectories += covering
        plan.controlGroup?.path += "@rehearsal"  // '@' is in no agent's name
        plan.adoptWithin = .zero
        plan.stopDeadline = .zero
        return plan
    }
}

public import AgentModel
public import LaunchPlans

/// Turns a spec into the plan of one start on this host: what it asks for, what of it can be had, and what is lost, in words.
public struct LaunchPlanner: Sendable {
    private let spec: AgentSpec
    private let facts: HostFacts
    private let place: LaunchPlace

    public init(spec: AgentSpec, facts: HostFacts, place: LaunchPlace) {
        self.spec = spec
        self.facts = facts
        self.place = place
    }

    /// - Throws: `PlanFault` where doing less than the spec says would be worse than not starting.
    public func plan(from origin: Origin, incarnation: UInt64) throws(PlanFault) -> LaunchPlan {
        try checkWorkspace()
        let account = try account()
        let isolation = isolation
        try checkFence(isolation)
        let doors = try doors(isolation)
        let (hidden, visible) = hiddenDirectories(isolation, doorsInside: doors.inside)
        let (group, groupLosses) = controlGroup
        return LaunchPlan(
            agent: spec.name, origin: origin, incarnation: incarnation, arguments: spec.command,
            environment: LaunchEnvironment(spec: spec, place: place, account: account, doors: doors.inside).variables(origin, incarnation),
            workingDirectory: spec.workdir, userID: account?.userID, groupID: account?.groupID, isolation: isolation, controlGroup: group,
            doorsDirectory: doors.outside, doorsInside: doors.inside, hiddenDirectories: hidden, binds: binds,
            network: spec.sandbox.network == .none ? .none : .host, openFileLimit: spec.limits.openFiles,
            adoptWithin: spec.stop.adoptWithin, stopSignal: spec.stop.signal, stopDeadline: spec.stop.deadline,
            losses: groupLosses + excessLosses + visible)
    }

    /// The workspace in the place where the agent knows it.
    private var binds: [LaunchPlan.Bind] {
        guard let workspace = spec.workspace, let inside = spec.sandbox.workspaceAt, inside != workspace else { return [] }
        return [LaunchPlan.Bind(host: workspace, inside: PathResolver.normalized(inside))]
    }

    // MARK: Refusals

    private func checkFence(_ isolation: LaunchPlan.Isolation) throws(PlanFault) {
        guard case .subreaper(let why) = isolation, spec.sandbox.network == .none || !binds.isEmpty else { return }
        let wanted = spec.sandbox.network == .none ? "without a network" : "with its workspace seen at '\(spec.workspaceInside ?? "")'"
        throw PlanFault(
            code: .fence,
            sentence: "could not start '\(spec.name)' \(wanted): that takes namespaces, and \(why). Run as root, or take it out of the spec"
        )
    }

    private func checkWorkspace() throws(PlanFault) {
        guard let workspace = spec.workspace else { return }
        if PathResolver.isInside(place.storeDirectory, workspace) {
            throw PlanFault(
                code: .workspace,
                sentence:
                    "could not start '\(spec.name)': its workspace '\(workspace)' holds the store '\(place.storeDirectory)', so "
                    + "every version would hold all before it. Choose a smaller workspace, or another store with --store"
            )
        }
        if PathResolver.isInside(workspace, place.storeDirectory) {
            throw PlanFault(
                code: .workspace,
                sentence:
                    "could not start '\(spec.name)': its workspace '\(workspace)' lies in the store '\(place.storeDirectory)', "
                    + "which belongs to the runner. Choose another workspace"
            )
        }
    }

    private func account() throws(PlanFault) -> Account? {
        guard let wanted = spec.user else { return nil }
        let known = place.accounts.first { $0.name == wanted || String($0.userID) == wanted }
        let byNumber = UInt32(wanted).map { Account(name: wanted, userID: $0, groupID: $0, home: "/") }
        guard let account = known ?? byNumber else {
            throw PlanFault(
                code: .user,
                sentence:
                    "could not start '\(spec.name)' as user '\(shown(wanted))': /etc/passwd has no such user. Name one it has, or a number")
        }
        guard facts.userID == 0 || facts.userID == account.userID else {
            throw PlanFault(
                code: .user,
                sentence:
                    "could not start '\(spec.name)' as user '\(shown(wanted))': the runner is user \(facts.userID), and only root "
                    + "may become another. Start the runner as root, or remove 'user'"
            )
        }
        return account
    }

    private func doors(_ isolation: LaunchPlan.Isolation) throws(PlanFault) -> (outside: String, inside: String) {
        let outside = place.doors(of: spec.name)
        // See unix(7): sun_path holds 108 bytes with its closing zero.
        let longest = "\(outside)/notify.sock"
        guard longest.utf8.count <= 107 else {
            throw PlanFault(
                code: .path,
                sentence:
                    "could not start '\(spec.name)': the socket's path '\(longest)' has \(longest.utf8.count) bytes and the kernel "
                    + "takes 107. Choose a shorter name, or a shorter XDG_RUNTIME_DIR"
            )
        }
        switch isolation {
        case .namespaces: return (outside, "/run/runner")
        case .subreaper: return (outside, outside)
        }
    }

    // MARK: Isolation

    private var isolation: LaunchPlan.Isolation {
        switch facts.namespaces {
        case .available: .namespaces(hostName: facts.hostName)
        case .missing(let why): .subreaper(because: why)
        }
    }

    /// The store and the runtime directory, unless hiding one would hide what the agent needs; that is then a loss.
    private func hiddenDirectories(_ isolation: LaunchPlan.Isolation, doorsInside: String) -> (hidden: [String], losses: [String]) {
        guard case .namespaces = isolation else { return ([], []) }
        var hidden: [String] = []
        var losses: [String] = []
        for directory in [place.storeDirectory, place.runtimeDirectory] {
            // The doors are mounted over what lies there.
            if PathResolver.isInside(directory, doorsInside) { continue }
            if let needed = needs.first(where: { PathResolver.isInside($0.path, directory) }) {
                losses.append("'\(directory)' cannot be hidden from the agent, because \(needed.what) '\(needed.path)' lies in it")
            } else {
                hidden.append(PathResolver.normalized(directory))
            }
        }
        return (hidden, losses)
    }

    private var needs: [(what: String, path: String)] {
        var needs = [("its working directory", spec.workdir)]
        if let workspace = spec.workspace { needs.append(("its workspace", workspace)) }
        // A fork's spec lies in the store, and is ours and not the agent's.
        if let file = place.specFile, !PathResolver.isInside(file, place.storeDirectory + "/agents") { needs.append(("its spec", file)) }
        if let program = spec.command.first, program.hasPrefix("/") { needs.append(("its program", program)) }
        return needs.map { (what: $0.0, path: $0.1) }
    }

    // MARK: Limits

    private var controlGroup: (LaunchPlan.ControlGroup?, losses: [String]) {
        let asked: [(controller: String, sentence: String)?] = [
            spec.limits.memory.map { ("memory", "the memory limit of \(SizeText.text($0)) is not kept") },
            spec.limits.cpuMilli.map { ("cpu", "the CPU limit of \(ShareText.processorsText($0)) is not kept") },
            spec.limits.processes.map { ("pids", "the limit of \($0) processes is not kept") },
        ]
        let wanted = asked.compactMap(\.self)
        let available: [String]
        switch facts.controlGroups {
        case .none(let why): return (nil, wanted.map { "\($0.sentence): \(why)" })
        case .v1(let mounts): available = Array(mounts.keys)
        case .v2(_, let controllers): available = controllers
        }
        let losses = wanted.filter { !available.contains($0.controller) }.map {
            "\($0.sentence): the control group controller '\($0.controller)' is not available here"
        }
        let group = LaunchPlan.ControlGroup(
            host: facts.controlGroups, path: "runner/\(place.storeIdentity)/\(spec.name)",
            memoryLimit: available.contains("memory") ? spec.limits.memory : nil,
            cpuLimitMilli: available.contains("cpu") ? spec.limits.cpuMilli : nil,
            processLimit: available.contains("pids") ? spec.limits.processes : nil)
        return (group, losses)
    }

    /// Limits that limit nothing on this host.
    private var excessLosses: [String] {
        var losses: [String] = []
        if let memory = spec.limits.memory, memory > facts.memory {
            losses.append("the memory limit of \(SizeText.text(memory)) is more than the \(facts.memory) this host has")
        }
        if let milli = spec.limits.cpuMilli, UInt64(milli) > UInt64(max(facts.processors, 0)) * 1000 {
            losses.append(
                "the CPU limit of \(ShareText.processorsText(milli)) is more than the \(facts.processors) processors this host has")
        }
        return losses
    }
}

/// The environment of one incarnation: complete, nothing else is inherited.
struct LaunchEnvironment {
    let spec: AgentSpec
    let place: LaunchPlace
    let account: Account?
    let doors: String

    func variables(_ origin: Origin, _ incarnation: UInt64) -> [LaunchPlan.Variable] {
        var all = inherited
        all.merge(spec.env) { $1 }
        all["RUNNER_AGENT"] = spec.name.text
        all["RUNNER_INCARNATION"] = String(incarnation)
        all["RUNNER_SOCKET"] = "\(doors)/agent.sock"
        all["RUNNER_STAGING"] = "\(doors)/staging"
        all["NOTIFY_SOCKET"] = "\(doors)/notify.sock"
        if case .version(let version) = origin { all["RUNNER_RESTORED_FROM"] = version.description }
        // See sd_watchdog_enabled(3).
        if let heartbeat = spec.health.heartbeat { all["WATCHDOG_USEC"] = String(heartbeat.nanoseconds / 1000) }
        return all.sorted { $0.key < $1.key }.map { .init(name: $0.key, value: $0.value) }
    }

    private var inherited: [String: String] {
        var result = ["PATH": "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin", "HOME": "/"]
        for name in ["PATH", "HOME", "LANG", "TERM"] {
            if let value = place.environment[name], !value.isEmpty { result[name] = value }
        }
        if let account { result["HOME"] = account.home }
        return result
    }
}

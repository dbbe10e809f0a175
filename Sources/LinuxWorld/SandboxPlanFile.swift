internal import AgentModel
internal import CLinuxShims
internal import Glibc
internal import LaunchPlans
internal import OutsideWorld

/// A launch plan as `runner-init` reads it: `sandbox_plan` and the strings after it (CLinuxShims, sandbox_wire.h).
struct SandboxPlanFile {
    let bytes: [UInt8]

    /// - Parameters:
    ///   - group: the control group that was made for the plan.
    ///   - mark: NAME=value that every process of the sandbox carries in its environment.
    ///   - restoreRoot: the number of the root that will be restored; nil: the agent is started.
    init(_ plan: LaunchPlan, group: ControlGroup?, mark: String, restoreRoot: Int32? = nil) throws(LaunchFault) {
        var head = sandbox_plan()
        head.wire = UInt32(SANDBOX_WIRE)
        head.incarnation = plan.incarnation
        head.adopt_within = plan.adoptWithin.map { max(0, $0.milliseconds) } ?? -1
        head.stop_deadline = max(0, plan.stopDeadline.milliseconds)
        head.open_file_limit = plan.openFileLimit ?? 0
        head.stop_signal = plan.stopSignal
        head.user = plan.userID.map(Int64.init) ?? -1
        head.group = plan.groupID.map(Int64.init) ?? -1
        head.restore_root = restoreRoot ?? 0
        head.terminal = plan.terminal == nil ? 0 : 1
        (head.rows, head.columns) = (plan.terminal?.rows ?? 0, plan.terminal?.columns ?? 0)
        head.has_freezer = group?.freezerFile == nil ? 0 : 1
        head.freezer_version = UInt32(group?.version.rawValue ?? 1)

        var hostName = ""
        if case .namespaces(let name) = plan.isolation {
            head.namespaces = 1
            hostName = name
            head.own_network = plan.network == .none ? 1 : 0
        }
        let hidden = head.namespaces == 1 ? plan.hiddenDirectories : []
        let binds = head.namespaces == 1 ? plan.binds : []
        guard binds.count <= Int(SANDBOX_BIND_LIMIT) else {
            throw LaunchFault(.setUp, "could not bind \(binds.count) directories: at most \(SANDBOX_BIND_LIMIT) are taken")
        }
        let groups = group?.paths ?? []
        let variables = plan.environment.map { $0.name + "=" + $0.value } + [mark]
        head.hidden_count = UInt32(clamping: hidden.count)
        head.bind_count = UInt32(clamping: binds.count)
        head.group_count = UInt32(clamping: groups.count)
        head.argument_count = UInt32(clamping: plan.arguments.count)
        head.variable_count = UInt32(clamping: variables.count)

        var strings: [UInt8] = []
        let places = [plan.workingDirectory, hostName, plan.doorsDirectory, plan.doorsInside]
        let bound = binds.flatMap { [$0.host, $0.inside] }
        for text in places + hidden + bound + groups + plan.arguments + variables {
            guard !text.utf8.contains(0) else {
                throw LaunchFault(.setUp, "could not pass '\(text.prefix { $0 != "\0" })' on: it holds a NUL byte. Remove it")
            }
            strings += text.utf8
            strings.append(0)
        }
        let length = MemoryLayout<sandbox_plan>.size + strings.count
        guard length <= Int(SANDBOX_PLAN_LIMIT) else {
            throw LaunchFault(
                .setUp, "could not pass arguments and environment on: they have \(ByteCount(UInt64(length))), Linux takes 2.0 MB")
        }
        head.length = UInt32(length)
        bytes = withUnsafeBytes(of: &head) { Array($0) } + strings
    }

    /// The plan in memory that has no name, positioned anywhere: init maps it.
    func memory() throws(LaunchFault) -> HeldDescriptor {
        let descriptor = memfd_create("runner-plan", UInt32(MFD_CLOEXEC))
        guard descriptor >= 0 else { throw LaunchFault(.system, "could not hold the plan in memory: \(sentence(errno: errno))") }
        let held = HeldDescriptor(descriptor)
        let written = bytes.withUnsafeBytes { write(descriptor, $0.baseAddress, $0.count) }
        guard written == bytes.count else { throw LaunchFault(.system, "could not hold the plan in memory: \(sentence(errno: errno))") }
        return held
    }
}

internal import CLinuxShims
internal import Glibc
internal import LaunchPlans
internal import OutsideWorld

/// Why an agent could not be started, in words: the step `runner-init` was at and the kernel's errno.
struct SandboxFaults {
    /// nil for a sandbox that was taken over: what it was to start is not known any more.
    let plan: LaunchPlan?
    let groups: [String]

    func fault(step: Int32, error: Int32, index: Int32) -> LaunchFault {
        let why = sentence(errno: error)
        let command = plan?.arguments.first.map { "'\($0)'" } ?? "its command"
        let directory = plan.map { "'\($0.workingDirectory)'" } ?? "its working directory"
        switch sandbox_step(UInt32(bitPattern: step)) {
        case SANDBOX_STEP_SEARCH:
            let isPath = plan?.arguments.first?.contains("/") ?? false
            let place = isPath ? "there is no such file" : "no directory of PATH has it (\(path))"
            return LaunchFault(.commandNotFound, "could not execute \(command): \(place)")
        case SANDBOX_STEP_INTERPRETER:
            return LaunchFault(
                .notExecutable, "could not execute \(command): the interpreter or loader it names is missing")
        case SANDBOX_STEP_EXECUTE: return LaunchFault(.notExecutable, "could not execute \(command): \(executeText(error))")
        case SANDBOX_STEP_DIRECTORY: return setUp("enter the working directory \(directory)", why)
        case SANDBOX_STEP_DIRECTORY_HIDDEN:
            return setUp(
                "keep the working directory \(directory)", "it lies in a directory that is hidden from agents. Move it out of there")
        case SANDBOX_STEP_PRIVATE: return setUp("separate the mounts", why)
        case SANDBOX_STEP_PROC: return setUp("mount a fresh /proc", why)
        case SANDBOX_STEP_DOORS:
            return setUp("show '\(plan?.doorsDirectory ?? "the doors")' as '\(plan?.doorsInside ?? "/run/runner")'", why)
        case SANDBOX_STEP_HIDE: return setUp("hide the directory \(name(index, of: plan?.hiddenDirectories))", why)
        case SANDBOX_STEP_BIND:
            let bind = plan.flatMap { $0.binds.indices.contains(Int(index)) ? $0.binds[Int(index)] : nil }
            return setUp("show " + (bind.map { "'\($0.host)' as '\($0.inside)'" } ?? "directory \(index) in another's place"), why)
        case SANDBOX_STEP_NETWORK: return setUp("set the loopback of its own network up", why)
        case SANDBOX_STEP_HOST_NAME: return setUp("set the host name", why)
        case SANDBOX_STEP_FIRST_PID: return setUp("let process numbers begin at 1000", why)
        case SANDBOX_STEP_GROUP: return setUp("join the control group \(name(index, of: groups))", why)
        case SANDBOX_STEP_OPEN_FILES:
            return setUp("allow \(plan?.openFileLimit.map(String.init) ?? "that many") open files", why + ". Ask for fewer")
        case SANDBOX_STEP_USER: return setUp("become the user \(userText)", why)
        case SANDBOX_STEP_STREAMS: return setUp("connect the standard streams", why)
        case SANDBOX_STEP_TERMINAL: return setUp("make a terminal for the agent", why)
        case SANDBOX_STEP_RESTORED: return LaunchFault(.system, "could not take over the restored agent: \(why)")
        case SANDBOX_STEP_PLAN:
            return LaunchFault(.system, "could not read the launch plan: \(why); 'runner-init' may be of another version")
        default: return LaunchFault(.system, "could not make a process for the agent: \(why)")
        }
    }

    private func setUp(_ what: String, _ why: String) -> LaunchFault { LaunchFault(.setUp, "could not \(what): \(why)") }

    private func name(_ index: Int32, of names: [String]?) -> String {
        guard let names, names.indices.contains(Int(index)) else { return "number \(index)" }
        return "'\(names[Int(index)])'"
    }

    private var path: String { plan?.environment.first { $0.name == "PATH" }?.value ?? "/usr/local/bin:/usr/bin:/bin" }

    private var userText: String {
        guard let plan else { return "of the plan" }
        return "\(plan.userID.map(String.init) ?? "of the runner") with group \(plan.groupID.map(String.init) ?? "of the runner")"
    }

    private func executeText(_ error: Int32) -> String {
        switch error {
        case EACCES: "permission denied"
        case ENOEXEC: "it is neither a program for this machine nor a script with a '#!' line"
        case E2BIG: "its arguments and environment are longer than Linux takes"
        default: sentence(errno: error)
        }
    }
}

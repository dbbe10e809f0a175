internal import CLinuxShims
internal import Glibc
internal import LaunchPlans
internal import OutsideWorld

extension LinuxMachine {
    /// The machine this process runs on, with its own arguments and environment. Made once, before any thread.
    /// - Parameter sandboxInit: path of the `runner-init` executable; nil: where an installation or a build puts it.
    public convenience init(sandboxInit: String? = nil) {
        Self.holdStandardStreams()
        let initPath = sandboxInit ?? findHelper("runner-init")
        // What we know of agents (their environments, their states) is no business of other processes of our user, nor of a core file. A new
        // program begins without it: see prctl(2), PR_SET_DUMPABLE.
        _ = shim_keep_private()
        self.init(
            arguments: Array(CommandLine.arguments.dropFirst()), environment: Self.environmentOfThisProcess(),
            facts: { HostProbe.facts(initPath: initPath) },
            makeSandboxes: { loop, place in LinuxSandboxes(loop: loop, place: place, initPath: initPath) })
    }

    /// A standard stream that was closed is held by a file that refuses: else the first file of the store we open would take its number,
    /// and our talk would go into it.
    private static func holdStandardStreams() {
        for descriptor in Int32(0)...2 where fcntl(descriptor, F_GETFD) < 0 {
            _ = open("/dev/null", descriptor == 0 ? O_WRONLY : O_RDONLY)  // takes the lowest free number, which is this one
        }
    }

    private static func environmentOfThisProcess() -> [String: String] {
        var variables: [String: String] = [:]
        var next = environ
        while let entry = next.pointee {
            let text = String(cString: entry)
            // The first of two with one name counts, as for getenv(3).
            if let equals = text.firstIndex(of: "="), variables[String(text[..<equals])] == nil {
                variables[String(text[..<equals])] = String(text[text.index(after: equals)...])
            }
            next += 1
        }
        return variables
    }
}

/// Path of another executable of ours: beside this one, or in the library directory of the same prefix: `<prefix>/bin/runner`,
/// `<prefix>/lib/runner/runner-init`. The first is named when there is none.
func findHelper(_ name: String) -> String {
    let executable = linkTarget(of: "/proc/self/exe") ?? "/usr/bin/runner"
    let directory = executable.lastIndex(of: "/").map { String(executable[..<$0]) } ?? ""
    let beside = directory + "/" + name
    let inLibrary = directory + "/../lib/runner/" + name
    return [beside, inLibrary].first { access($0, X_OK) == 0 } ?? beside
}

internal import AgentModel
internal import LaunchPlans
internal import StatusViews

/// What the facts of a host mean for agents on it.
struct DoctorReport: Encodable {
    enum Verdict: String, Encodable { case works, limited, missing }
    struct Finding: Encodable {
        var name: String
        var verdict: Verdict
        var what: String
        /// What would change it.
        var remedy: String?
        init(_ name: String, _ verdict: Verdict, _ what: String, remedy: String? = nil) {
            self.name = name
            self.verdict = verdict
            self.what = what
            self.remedy = remedy
        }
    }
    var findings: [Finding]
    var facts: HostFacts
    var images: ImageFacts

    init(_ facts: HostFacts, images: ImageFacts, store: Finding, sockets: Finding, hasSystemd: Bool) {
        self.facts = facts
        self.images = images
        findings = [
            Self.user(facts), Self.kernel(facts), Self.machine(facts), Self.sandboxInit(facts), Self.namespaces(facts),
            Self.limits(facts, hasSystemd: hasSystemd), Self.criu(images.criu, userID: facts.userID),
        ]
        if let more = Self.images(images) { findings.append(more) }
        findings += [Self.archives(facts), store, sockets]
    }

    var canRun: Bool { !findings.contains { $0.verdict == .missing } }

    func text(on paper: Paper) -> String {
        var text = ""
        for finding in findings { text += finding.line(on: paper) }
        // What is missing is to be done first.
        let todo = (findings.filter { $0.verdict == .missing } + findings.filter { $0.verdict != .missing }).compactMap(\.remedy)
        text += "\n" + wrapped(conclusion, width: paper.width ?? 80, indent: 0) + "\n"
        if !todo.isEmpty { text += "\nWhat to do next\n" }
        for (index, remedy) in todo.enumerated() {
            text += "  \(index + 1). \(wrapped(printable(remedy), width: paper.width ?? 80, indent: 5))\n"
        }
        return text
    }

    /// What it comes to, for somebody who reads one line.
    private var conclusion: String {
        if !canRun { return "No agent can run here yet: something is missing." }
        guard findings.contains(where: { $0.verdict == .limited }) else {
            return "All is well, and nothing is left to install. Next: 'runner run agent.yaml', or without a file "
                + "'runner run --name hello -- COMMAND'."
        }
        return "Agents run here as it is, and nothing must be installed for that; what is limited they go without, and are "
            + "told so when they start."
    }

    // MARK: Findings

    private static func user(_ facts: HostFacts) -> Finding {
        guard facts.userID != 0 else { return Finding("user", .works, "root: agents can be kept apart from the host and limited") }
        return Finding(
            "user", .limited,
            "user \(facts.userID), not root: agents run as plain supervised processes; cooperative checkpoints, workspace versions, health "
                + "and recovery work the same",
            remedy: "Run as root to keep agents apart from the host and to limit them: 'sudo runner run agent.yaml'.")
    }

    private static func kernel(_ facts: HostFacts) -> Finding {
        let numbers = facts.kernelRelease.split(whereSeparator: { !$0.isNumber }).prefix(2).compactMap { Int($0) }
        let known = numbers.count == 2 && (numbers[0], numbers[1]) >= (6, 1)
        return Finding(
            "kernel", known ? .works : .limited,
            "Linux \(facts.kernelRelease)" + (known ? "" : ", older than 6.1, which is what is tested"),
            remedy: known ? nil : "Use a kernel of 6.1 or newer (Debian 12, Ubuntu 24.04).")
    }

    private static func machine(_ facts: HostFacts) -> Finding {
        Finding("machine", .works, "\(facts.processors) processors, \(facts.memory) of memory")
    }

    private static func sandboxInit(_ facts: HostFacts) -> Finding {
        switch facts.sandboxInit {
        case .available: Finding("runner-init", .works, "found: nothing an agent starts outlives it")
        case .missing(let why):
            Finding(
                "runner-init", .missing, why,
                remedy: "Install 'runner-init' beside 'runner' ('make install' does it): no agent starts without it.")
        }
    }

    private static func archives(_ facts: HostFacts) -> Finding {
        switch facts.archiveHelper {
        case .available: Finding("archives", .works, "runner-archive found: versions can be exported and imported")
        case .missing(let why):
            Finding(
                "archives", .limited, "no export into an archive, no import: \(why)",
                remedy: "Install 'runner-archive' beside 'runner' ('make install' does it), where versions are to be exported and imported."
            )
        }
    }

    private static func namespaces(_ facts: HostFacts) -> Finding {
        switch facts.namespaces {
        case .available: Finding("namespaces", .works, "each agent has its own pid, mount, ipc and uts namespaces")
        case .missing(let why): Finding("namespaces", .limited, "agents see the host's processes and files: \(why)")
        }
    }

    private static func limits(_ facts: HostFacts, hasSystemd: Bool) -> Finding {
        switch facts.controlGroups {
        case .v1(let mounts): limits("control groups version 1", mounts.keys.sorted(), needed: ["cpu", "freezer", "memory", "pids"])
        case .v2(_, let controllers): limits("control groups version 2", controllers.sorted(), needed: ["cpu", "memory", "pids"])
        case .none(let why):
            Finding(
                "limits", .limited, "memory and processor limits are not enforced: \(why)",
                remedy: remedyForLimits(facts, hasSystemd: hasSystemd))
        }
    }

    /// nil: being root is all it takes, and that has been said.
    private static func remedyForLimits(_ facts: HostFacts, hasSystemd: Bool) -> String? {
        if facts.userID == 0 { return "Mount control groups: 'mount -t cgroup2 none /sys/fs/cgroup'." }
        guard hasSystemd else { return nil }
        return "For limits without root have systemd delegate a group: 'systemd-run --user --scope -p Delegate=yes runner run agent.yaml'."
    }

    private static func limits(_ what: String, _ controllers: [String], needed: [String]) -> Finding {
        let absent = needed.filter { !controllers.contains($0) }
        guard !absent.isEmpty else {
            let list = controllers.joined(separator: ", ")
            return Finding("limits", .works, "memory, processor time and processes can be limited (\(what): \(list))")
        }
        return Finding(
            "limits", .limited, "\(what), without \(absent.joined(separator: ", "))",
            remedy: "Enable the controllers \(absent.joined(separator: ", ")): limits that need them are not enforced.")
    }
}

extension DoctorReport.Finding {
    func line(on paper: Paper) -> String {
        let label = verdict.rawValue
        let blanks = String(repeating: " ", count: 9 - label.count)
        return "\(paper.colour ? painted : label)\(blanks)\(name)\(String(repeating: " ", count: max(1, 14 - name.count)))"
            + wrapped(printable(what), width: paper.width ?? 80, indent: 23) + "\n"
    }

    private var painted: String {
        switch verdict {
        case .works: paint(verdict.rawValue, .good)
        case .limited: paint(verdict.rawValue, .attention)
        case .missing: paint(verdict.rawValue, .bad)
        }
    }
}

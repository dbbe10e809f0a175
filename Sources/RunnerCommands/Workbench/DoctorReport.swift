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

    init(_ facts: HostFacts, images: ImageFacts, store: Finding) {
        self.facts = facts
        self.images = images
        findings = [
            Self.user(facts), Self.kernel(facts), Self.machine(facts), Self.sandboxInit(facts), Self.namespaces(facts), Self.limits(facts),
            Self.criu(images.criu, userID: facts.userID),
        ]
        if let more = Self.images(images) { findings.append(more) }
        findings.append(store)
    }

    var canRun: Bool { !findings.contains { $0.verdict == .missing } }

    func text(on paper: Paper) -> String {
        var text = ""
        for finding in findings {
            let label = finding.verdict.rawValue
            let painted = paper.colour ? paintedVerdict(finding.verdict) : label
            let blanks = String(repeating: " ", count: 9 - label.count)
            text += "\(painted)\(blanks)\(finding.name)\(String(repeating: " ", count: max(1, 14 - finding.name.count)))"
            text += wrapped(printable(finding.what), width: paper.width ?? 80, indent: 23) + "\n"
        }
        let todo = findings.compactMap(\.remedy)
        text += todo.isEmpty ? "\nAll is well. Next: 'runner run agent.yaml'.\n" : "\nWhat to do next\n"
        for (index, remedy) in todo.enumerated() {
            text += "  \(index + 1). \(wrapped(printable(remedy), width: paper.width ?? 80, indent: 5))\n"
        }
        return text
    }

    private func paintedVerdict(_ verdict: Verdict) -> String {
        switch verdict {
        case .works: paint(verdict.rawValue, .good)
        case .limited: paint(verdict.rawValue, .attention)
        case .missing: paint(verdict.rawValue, .bad)
        }
    }

    // MARK: Findings

    private static func user(_ facts: HostFacts) -> Finding {
        guard facts.userID != 0 else { return Finding("user", .works, "root: namespaces and control groups may be used") }
        return Finding(
            "user", .limited,
            "user \(facts.userID), not root: agents run as plain supervised processes; cooperative checkpoints, workspace versions, health "
                + "and recovery work the same",
            remedy: "Run as root for namespaces and hard limits: 'sudo runner run …'.")
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
        case .available: Finding("runner-init", .works, "found: process trees end with their agent")
        case .missing(let why):
            Finding(
                "runner-init", .missing, why,
                remedy: "Put 'runner-init' beside 'runner' ('make install' does it): no agent starts without it.")
        }
    }

    private static func namespaces(_ facts: HostFacts) -> Finding {
        switch facts.namespaces {
        case .available: Finding("namespaces", .works, "each agent has its own pid, mount, ipc and uts namespaces")
        case .missing(let why): Finding("namespaces", .limited, "agents see the host's processes and files: \(why)")
        }
    }

    private static func limits(_ facts: HostFacts) -> Finding {
        switch facts.controlGroups {
        case .v1(let mounts): limits("control groups version 1", mounts.keys.sorted(), needed: ["cpu", "freezer", "memory", "pids"])
        case .v2(_, let controllers): limits("control groups version 2", controllers.sorted(), needed: ["cpu", "memory", "pids"])
        case .none(let why):
            Finding(
                "limits", .limited, "memory and processor limits are not enforced: \(why)",
                remedy: facts.userID == 0
                    ? "Mount control groups: 'mount -t cgroup2 none /sys/fs/cgroup'."
                    : "Run as root, or have systemd delegate a group: 'systemd-run --user -p Delegate=yes …'.")
        }
    }

    private static func limits(_ what: String, _ controllers: [String], needed: [String]) -> Finding {
        let absent = needed.filter { !controllers.contains($0) }
        guard !absent.isEmpty else { return Finding("limits", .works, "\(what): \(controllers.joined(separator: ", "))") }
        return Finding(
            "limits", .limited, "\(what), without \(absent.joined(separator: ", "))",
            remedy: "Enable the controllers \(absent.joined(separator: ", ")): limits that need them are not enforced.")
    }
}

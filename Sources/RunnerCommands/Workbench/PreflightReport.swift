internal import AgentModel
internal import ControlSocket
internal import StatusViews

/// What `runner doctor agent-7` says: what the next version of a living agent would hold, and what keeps the rest out of it.
struct PreflightReport: Encodable {
    var agent: AgentName
    var preflight: Preflight
    var findings: [DoctorReport.Finding]

    init(_ preflight: Preflight, of agent: AgentName) {
        self.agent = agent
        self.preflight = preflight
        findings = [Self.processes(preflight), Self.state(preflight), Self.files(preflight)]
    }

    func text(on paper: Paper) -> String {
        let todo = findings.compactMap(\.remedy)
        var text = findings.map { $0.line(on: paper) }.joined()
        text += "\n" + wrapped(conclusion, width: paper.width ?? 80, indent: 0) + "\n"
        if !todo.isEmpty { text += "\nWhat to do next\n" }
        for (index, remedy) in todo.enumerated() {
            text += "  \(index + 1). \(wrapped(printable(remedy), width: paper.width ?? 80, indent: 5))\n"
        }
        return text
    }

    private var conclusion: String {
        if preflight.hasProcesses { return "'\(agent)' comes back at the very instruction it was cut at." }
        if preflight.keepsWork { return "'\(agent)' comes back with the state it handed over at its last safe point." }
        return "'\(agent)' would come back with its files, and begin its work anew."
    }

    // MARK: Findings

    private static func processes(_ preflight: Preflight) -> DoctorReport.Finding {
        if preflight.mode == .cooperative {
            return .init("processes", .limited, "no images of them: 'checkpoint.mode' of its spec is 'cooperative'")
        }
        if let missing = preflight.missing { return .init("processes", .limited, "no images of them: \(missing)") }
        guard !preflight.blockers.isEmpty else {
            return .init("processes", .works, "CRIU \(preflight.criu ?? "") sees nothing in them that it could not put into an image")
        }
        let remedy = preflight.handsStateOver ? nil : "Do what is said of each, or let the agent hand its state over with an SDK."
        return .init("processes", .limited, preflight.blockers.joined(separator: "; "), remedy: remedy)
    }

    private static func state(_ preflight: Preflight) -> DoctorReport.Finding {
        if preflight.mode == .process {
            return .init("state", .limited, "it is not asked for: 'checkpoint.mode' of its spec is 'process'")
        }
        guard !preflight.handsStateOver else { return .init("state", .works, "it hands its state over at a safe point") }
        return .init("state", preflight.hasProcesses ? .works : .limited, "it hands none over: it does not speak the protocol of the SDKs")
    }

    private static func files(_ preflight: Preflight) -> DoctorReport.Finding {
        if let workspace = preflight.workspace { return .init("files", .works, "those in '\(workspace)'") }
        return .init(
            "files", .limited, "none: it has no workspace",
            remedy: "Give it a 'workspace' in its spec, so that its files go back with it.")
    }
}

internal import AgentModel
internal import CriuDriver
internal import CriuRequests
internal import OutsideWorld

/// What a machine allows with process images.
struct ImageFacts: Encodable {
    var criu: CriuFinding
    var support: ImageSupport
}

extension DoctorReport {
    static func criu(_ criu: CriuFinding, userID: UInt32) -> Finding {
        guard userID == 0 else { return Finding("criu", .limited, "process images need root; checkpoints are cooperative") }
        let passed = criu.tried.compactMap { verdict in verdict.problem.map { "'\(verdict.path)' \($0)" } }
        guard let chosen = criu.chosen else {
            let why = passed.isEmpty ? "there is none" : passed.joined(separator: "; ")
            return Finding(
                "criu", .limited, "no process images, only cooperative checkpoints: \(why)",
                remedy: "Install CRIU 4.2 or newer ('dev/install-criu' unpacks one), or name one with \(CriuProbe.setting).")
        }
        let known = "CRIU \(chosen.version), '\(chosen.path)'"
        guard let verdict = criu.tried.first(where: { $0.program == chosen }), let problem = verdict.problem else {
            return Finding("criu", .works, known + (passed.isEmpty ? "" : " (passed over: \(passed.joined(separator: "; ")))"))
        }
        return Finding(
            "criu", .limited, "'\(chosen.path)' \(problem); agents with network sockets get no process image",
            remedy: "Install CRIU 4.2 or newer: 'dev/install-criu' unpacks one.")
    }

    /// What kernel and rights add, and what follows where they do not. nil: there is no CRIU to use it.
    static func images(_ facts: ImageFacts) -> Finding? {
        guard let features = facts.criu.chosen?.features else { return nil }
        let abilities: [(has: Bool, name: String, otherwise: String)] = [
            (features.dirtyTracking, "dirty tracking", "no dirty tracking: every dump is a whole one"),
            (features.lazyPages, "userfaultfd", "no userfaultfd: a restore brings all memory in before the agent runs"),
            (facts.support.scansPageMaps, "page map scanning", "no page map scanning: large dumps take longer"),
            (facts.support.timeNamespaces, "time namespaces", "no time namespaces: an agent's clocks jump at a restore"),
            (
                facts.support.mayChangeLimits, "CAP_SYS_RESOURCE",
                "no CAP_SYS_RESOURCE: only agents of the runner's own user are dumped and restored"
            ),
        ]
        let has = abilities.filter(\.has).map(\.name)
        let lacks = abilities.filter { !$0.has }.map(\.otherwise)
        // The rest costs time, not agents.
        let mayOthers = facts.support.mayChangeLimits
        return Finding(
            "images", mayOthers && facts.support.timeNamespaces ? .works : .limited,
            (has.isEmpty ? lacks : [has.joined(separator: ", ")] + lacks).joined(separator: "; "),
            remedy: mayOthers ? nil : "Give the runner CAP_SYS_RESOURCE where agents run as users of their own.")
    }
}

internal import AgentModel
internal import Recovery

/// What the hook `on-incident` is told through its environment. Documentation: docs/hooks.md
public struct IncidentNotice: Hashable, Sendable {
    public enum Moment: String, Hashable, Sendable, CaseIterable {
        /// Trouble began. The ladder is at work; nobody has to do anything yet.
        case opened
        /// The ladder needs a person.
        case escalated
        /// The trouble is over.
        case closed
    }
    public var moment: Moment
    public var incident: Incident
    /// Absolute path of the report, written before the hook runs.
    public var reportPath: String
    public init(_ moment: Moment, _ incident: Incident, reportPath: String) {
        self.moment = moment
        self.incident = incident
        self.reportPath = reportPath
    }

    /// The variables, to be added to those of the runner itself. None holds a line feed.
    public var environment: [String: String] {
        var values = [
            "RUNNER_AGENT": incident.agent.text,
            "RUNNER_STORE": incident.store,
            "RUNNER_MOMENT": moment.rawValue,
            "RUNNER_INCIDENT": reportPath,
            "RUNNER_INCIDENT_ID": incident.id,
            "RUNNER_CAUSE": incident.cause.rawValue,
            "RUNNER_REASON": reason,
            "RUNNER_TITLE": incident.title,
            "RUNNER_PARKED": incident.parked ? "1" : "0",
        ]
        if let version = incident.knownGood { values["RUNNER_VERSION"] = version.description }
        return values.mapValues(oneLine)
    }

    private var reason: String {
        switch moment {
        case .opened: incident.fault.sentence
        case .escalated: incident.now
        case .closed: incident.closedBecause ?? incident.now
        }
    }
}

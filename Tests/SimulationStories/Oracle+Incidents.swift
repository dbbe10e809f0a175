import AgentModel
import AgentSpecs
import OutsideWorld
import SimulatedWorld

extension Simulation {
    private struct Report: Decodable { var closedAt: WallTime? }

    /// One trouble is one incident: another is opened only when the one before was closed, which its hook is told or, where the supervisor
    /// died in that moment, its report says. Not seen: a supervisor that died in the moment in which it told of the opening, before it
    /// could note that it had.
    func oneIncidentATime() -> String? {
        var open: (id: String, told: SimulatedHookRun)?
        for run in machine.hookRuns where run.name == "on-incident" {
            guard let id = run.value("RUNNER_INCIDENT_ID") else { continue }
            switch run.value("RUNNER_MOMENT") {
            case "opened":
                if let open, open.id != id, machine.lastMoment[open.told.supervisor]?.at != open.told.at, !diedClosing(open.id) {
                    return "incident '\(id)' was opened while '\(open.id)' was not closed"
                }
                open = (id, run)
            case "closed": if open?.id == id { open = nil }
            default: break
            }
        }
        return nil
    }

    private func diedClosing(_ incident: String) -> Bool {
        let bytes = machine.store.peek(Oracle.home(spec.name) / "incidents/\(incident)/incident.json") ?? []
        guard let closedAt = (try? JSONText.decode(Report.self, from: bytes))?.closedAt else { return false }
        return machine.lastMoment.values.contains { $0.calendar == closedAt }
    }
}

internal import AgentModel
internal import AgentSpecs
internal import Checkpoints
internal import Incidents
internal import OutsideWorld
internal import Recovery

/// The open trouble and what is still to be told of it.
struct IncidentDesk {
    var value: Incident
    /// Moments reached by the decision being performed, told once its step is in the report.
    var toTell: [IncidentNotice.Moment] = []
    /// The trouble before, when one decision ends it and begins this one.
    var closedBefore: Incident?
}

/// Gathers one trouble into an incident, keeps its files current with every decision, and calls the hook when it is opened, escalated, closed.
extension Supervisor {
    private func folder(_ id: String) -> DiskPath { store.directory(of: agent) / "incidents/\(id)" }

    func openIncident(_ fault: Fault) {
        let now = world.wallTime()
        let closedBefore = incident.flatMap { $0.toTell.contains(.closed) ? $0.value : nil }
        guard incident == nil || closedBefore != nil else { return }
        var value = Incident(
            id: newIdentity(openedAt: now, notThatOf: closedBefore), agent: agent, store: request.place.store, command: spec.command,
            openedAt: now, fault: fault, origin: lastOrigin, incarnation: incarnations)
        value.keep(logLines: log.lastLines)
        value.resources = lastFigures
        value.resources.storeFree = try? world.store.freeSpace()
        incident = IncidentDesk(value: value, toTell: [.opened], closedBefore: closedBefore)
        memoryIsBehind = true
    }

    /// Two troubles may begin in one moment, and a calendar that was set back comes by the same moment again.
    private func newIdentity(openedAt time: WallTime, notThatOf former: Incident?) -> String {
        var time = time
        while true {
            let id = Incident.identity(openedAt: time)
            // A disk that cannot be read says nothing of older ones: going on.
            let isTaken = id == former?.id || ((try? world.store.entry(at: folder(id))) ?? nil) != nil
            if !isTaken { return id }
            time = time + .milliseconds(1)
        }
    }

    func escalate() { incident?.toTell.append(.escalated) }
    func closeIncident() { incident?.toTell.append(.closed) }

    /// Takes the decision into the report, then tells what it reached.
    func followIncident(_ event: AgentEvent, _ decision: Decision) {
        guard var desk = incident else { return }
        let now = world.wallTime()
        var own = decision
        if var before = desk.closedBefore {
            // One decision that ends a trouble and begins the next: to each its own part of it, or the new one would pass for closed.
            let opening = decision.actions.firstIndex { if case .openIncident = $0 { true } else { false } } ?? 0
            var last = decision
            last.actions = Array(decision.actions[..<opening])
            own.actions = Array(decision.actions[opening...])
            before.record(event, last, at: now, nextAt: nil)
            write(before)
            tell(.closed, before)
            desk.closedBefore = nil
        }
        let nextAt = deadlines[.recovery].map { now + ($0 - world.now()) }
        desk.value.record(event, own, at: now, nextAt: nextAt)
        desk.value.knownGood = versions.last { $0.isKnownGood }?.version
        let toTell = desk.toTell
        desk.toTell = []
        incident = toTell.contains(.closed) ? nil : desk
        if !toTell.isEmpty || finished != nil { write(desk.value) } else if !decision.doesNothing { reportSoon() }
        for moment in toTell { tell(moment, desk.value) }
        if toTell.contains(.closed) { memoryIsBehind = true }
    }

    /// What is told to nobody yet may wait a moment, so that a restart does not wait for its own report. The journal has it already.
    private func reportSoon() {
        if deadlines[.report] == nil { deadlines[.report] = world.now() + .seconds(1) }
    }

    func writeReport() {
        if let incident { write(incident.value) }
    }

    private func write(_ value: Incident) {
        deadlines[.report] = nil
        do throws(FileFault) {
            if try world.store.entry(at: folder(value.id)) == nil {
                try world.store.makeDirectories(folder(value.id))
                // A power cut must not take the report away: the same trouble would be told as another one.
                try world.store.syncDirectory(folder(value.id).parent)
            }
            if let json = try? JSONText.encode(value, pretty: true) {
                try world.store.replace(folder(value.id) / "incident.json", with: json)
            }
            try world.store.replace(folder(value.id) / "report.md", with: Array(value.report().utf8))
        } catch { diskRefused("the incident's report") }
    }

    private func tell(_ moment: IncidentNotice.Moment, _ value: Incident) {
        let path = placeOfReport(value)
        switch moment {
        case .opened: break  // the decision's own sentence was just said
        case .escalated: say("calling for help: \(value.title). The report is \(path)")
        case .closed: say("the trouble is over (\(value.closedBecause ?? "it runs again")). The report is \(path)")
        }
        runHook("on-incident", IncidentNotice(moment, value, reportPath: path).environment) {}
    }

    /// Where a person and a hook read it: of a store that is encrypted in memory, for as long as this supervisor lives.
    private func placeOfReport(_ value: Incident) -> String {
        guard store.isSealed else { return "\(request.place.store)/\(folder(value.id))/report.md" }
        reportRoom = (try? store.makeRoom(upTo: .mebibytes(4))) ?? nil
        try? reportRoom?.disk.create("report.md", with: Array(value.report().utf8))
        return reportRoom.map { "\($0.path)/report.md" } ?? "not to be read: there is no memory left for it"
    }

    /// A trouble outlives its supervisor: goes on with the report the last one left.
    func readIncident(_ id: String) {
        let path = folder(id) / "incident.json"
        guard let bytes = try? world.store.read(path, limit: .mebibytes(4)), let value = try? JSONText.decode(Incident.self, from: bytes),
            value.closedAt == nil
        else { return }
        incident = IncidentDesk(value: value)
    }
}

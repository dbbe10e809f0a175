import AgentModel
import AgentSpecs
import ControlSocket
import OutsideWorld
import SimulatedWorld

extension Simulation {
    private var home: DiskPath { Oracle.home(spec.name) }

    /// Nothing is launched into a workspace that is between two versions, nor before the decision is written down: there are at least as
    /// many decisions to launch as launches, of which the first few tell.
    func look(beforeLaunch number: UInt64) {
        if cutsAtOnce {
            asks(.checkpoint(wait: true, mode: .process), after: .milliseconds(5 + random.number(below: 20)))
            asks(.checkpoint(wait: true, mode: .process), after: .milliseconds(40 + random.number(below: 160)))
        }
        guard !storeMayFail, !hadRefusal else { return }
        if machine.store.peek(home / "restoring") != nil { complaints.append("an agent is launched into a workspace half rolled back") }
        // Images are tried twice, and with all their memory first, for one decision.
        guard number <= (hasCriu ? 1 : 3) else { return }
        let decided = lines(of: "journal/current.jsonl").count { String(decoding: $0, as: UTF8.self).contains("\"launch\":{") }
        if decided < number { complaints.append("launch \(number) was begun, and the journal holds \(decided) decisions to launch") }
    }

    /// What a power cut tore swallows nothing that is written after it: no entry of the journal is missing, and in the ledger, where nobody
    /// was told of a torn record, only the last line can be torn.
    func lookAtLines(_ numbers: [UInt64]) -> String? {
        guard !storeMayFail, !hadRefusal else { return nil }
        if let (before, after) = zip(numbers, numbers.dropFirst()).first(where: { $0 + 1 != $1 }) {
            return "the journal has no entry between \(before) and \(after)"
        }
        let isWhole = { (line: ArraySlice<UInt8>) in line.count > 18 && !line.contains(0) && line.count { $0 == UInt8(ascii: "{") } == 1 }
        return lines(of: "effects/ledger").dropLast().allSatisfy(isWhole) ? nil : "a record of the ledger was written behind a torn one"
    }

    private func lines(of name: String) -> [ArraySlice<UInt8>] {
        (machine.store.peek(home / name) ?? []).split(separator: UInt8(ascii: "\n"))
    }
}

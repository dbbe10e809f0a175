import AgentModel
import Schedules
import Testing

/// One row: what is asked, and how late the cut may be. nil: it is taken at once.
struct CutMomentRow: Sendable {
    var isAtWork = true
    var patience = 30
    var next: Int?
    var limit: Int?
}

@Test(arguments: [
    CutMomentRow(limit: 30), CutMomentRow(isAtWork: false, limit: nil), CutMomentRow(patience: 0, limit: nil),
    CutMomentRow(next: 300, limit: 30), CutMomentRow(next: 20, limit: 10), CutMomentRow(next: 0, limit: nil),
])
func aCutThatIsDueWaitsForATurnAndForNothingElse(_ row: CutMomentRow) {
    let now = Moment(nanoseconds: 7_000_000_000)
    let moment = CutMoment(
        at: now, isAtWork: row.isAtWork, patience: .seconds(row.patience), next: row.next.map { .seconds($0) })
    #expect(moment == row.limit.map { .atTurn(noLaterThan: now + .seconds($0)) } ?? .now)
}

internal import AgentModel

/// A table without lines: two blanks between columns, none at the end of a line. Cut and thinned to the width of the paper.
func table<Item: Listable>(_ items: [Item], wide: Bool, on paper: Paper) -> String {
    let columns = Item.columns
    let shown = columns.indices.filter { wide || !columns[$0].onlyWide }
    let rows = items.map { $0.row(at: paper.now) }
    let plan = widths(of: columns, shown: shown, rows: rows, limit: wide ? nil : paper.width)
    var text = line(plan.map { ($0, Cell(columns[$0.column].title, .faint)) }, colour: paper.colour)
    for row in rows { text += line(plan.map { ($0, row[$0.column]) }, colour: paper.colour) }
    return text
}

private let gap = 2

private struct Fitted {
    var column: Int
    var width: Int
    var alignsRight: Bool
}

/// How wide each shown column is. First the cuttable ones give way, from the last to the first, then whole columns are left out.
private func widths(of columns: [Column], shown: [Int], rows: [[Cell]], limit: Int?) -> [Fitted] {
    var plan = shown.map { index in
        let widest = rows.map { displayWidth($0[index].text) }.max() ?? 0
        return Fitted(column: index, width: max(widest, displayWidth(columns[index].title)), alignsRight: columns[index].alignsRight)
    }
    guard let limit else { return plan }
    func excess() -> Int { plan.reduce(0) { $0 + $1.width } + gap * (plan.count - 1) - limit }
    for position in plan.indices.reversed() where excess() > 0 {
        guard case .cut(let least) = columns[plan[position].column].narrow else { continue }
        plan[position].width = max(min(least, plan[position].width), plan[position].width - excess())
    }
    while excess() > 0, let victim = plan.indices.max(by: { order(columns, plan[$0]) < order(columns, plan[$1]) }),
        order(columns, plan[victim]) > 0
    {
        plan.remove(at: victim)
    }
    return plan
}

private func order(_ columns: [Column], _ fitted: Fitted) -> Int {
    if case .leftOut(let order) = columns[fitted.column].narrow { return order }
    return 0
}

private func line(_ cells: [(Fitted, Cell)], colour: Bool) -> String {
    var text = ""
    for (position, (fitted, cell)) in cells.enumerated() {
        let content = cut(cell.text, to: fitted.width)
        let padding = String(repeating: " ", count: max(0, fitted.width - displayWidth(content)))
        let last = position == cells.count - 1
        let painted = colour ? paint(content, cell.tint) : content
        text += fitted.alignsRight ? padding + painted : painted + (last ? "" : padding)
        if !last { text += String(repeating: " ", count: gap) }
    }
    return text + "\n"
}

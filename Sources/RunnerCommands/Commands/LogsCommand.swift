internal import AgentModel
internal import Checkpoints
internal import OutsideWorld
internal import StatusViews

struct LogsCommand: Command {
    var agent: AgentName?
    var follow = false
    var lines: Int?
    var since: TimeWord?

    static var manual: Manual {
        Manual(
            name: "logs", group: .look, summary: "show what an agent wrote, with the time of each line",
            examples: [
                .init("runner logs agent-7 -n 50", "the last fifty lines"),
                .init("runner logs agent-7 -f --since 10m", "the last ten minutes, then whatever comes"),
            ],
            notes: [
                "Each line: its time (UTC), 'out', 'err' or 'run' (the runner's own words), and the text. Works without a supervisor; "
                    + "'-f' ends when the agent has none any more."
            ],
            exits: [(.ok, "shown"), (.noInput, "no such agent"), (.usage, "the command line is wrong")])
    }
    static var options: [Option<Self>] {
        [
            .flag("follow", "f", \.follow, "Wait for more."),
            .optional("lines", "n", \.lines, as: "COUNT", "Only the last so many."),
            .optional("since", nil, \.since, as: "TIME", "Only since then: 10m, or 2026-11-21T08:00:00Z."),
        ]
    }
    static var operands: [Operand<Self>] { [.one("AGENT", \.agent, "Which agent.")] }

    func run(on bench: Workbench) throws(CommandFault) -> Ending {
        let store = try bench.openStore()
        let agent = try bench.named(agent, in: store)
        var tail = LogTail(agent, in: store)
        do {
            show(chosen(from: try tail.olderLines() + tail.newLines(), now: bench.machine.wallTime()), on: bench)
            if follow { try self.follow(&tail, agent, in: store, on: bench) }
        } catch { throw CommandFault(inStore: error) }
        return .ok
    }

    private func chosen(from all: [LogLine], now: WallTime) -> ArraySlice<LogLine> {
        var kept = all[...]
        if let earliest = since?.time(now: now) {
            // A line without a time belongs to the one before it.
            kept = all[(all.firstIndex { ($0.time ?? WallTime(nanoseconds: .min)) >= earliest } ?? all.endIndex)...]
        }
        return lines.map { kept.suffix($0) } ?? kept
    }

    private func follow(_ tail: inout LogTail, _ agent: AgentName, in store: CheckpointStore, on bench: Workbench) throws(FileFault) {
        let file = "\(bench.places.store)/\(store.directory(of: agent))/log/current.log"
        while true {
            // Asked before reading: what a supervisor wrote before it went is then still shown.
            let supervised = bench.isSupervised(agent, in: store)
            show(try tail.newLines()[...], on: bench)
            guard supervised, bench.machine.outputLoss == nil else { return }
            bench.machine.waitForChange(file, within: .seconds(5))
        }
    }

    private func show(_ lines: ArraySlice<LogLine>, on bench: Workbench) {
        // On a terminal nothing that it would obey; a pipe gets every byte.
        let isTerminal = bench.machine.isTerminal(.standardOutput)
        bench.answer(lines.map { (isTerminal ? printable($0.text) : $0.text) + "\n" }.joined())
    }
}

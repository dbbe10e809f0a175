internal import AgentModel
internal import Checkpoints
internal import OutsideWorld
internal import StatusViews

struct StoreCheckCommand: Command {
    var place: RemotePlace?
    var targets: [AgentReference] = []
    var format = ListFormat.table

    static var manual: Manual {
        Manual(
            name: "store check", group: .keep, summary: "read a copy back and compare every byte with what was stored",
            examples: [
                .init("runner store check backup:agents", "every version and every pack that is there"),
                .init("runner store check /mnt/backup/agents agent-7@42", "one version, and the packs it needs"),
            ],
            notes: [
                "All of an agent's content comes here for as long as it is looked at, so there must be room for it in the store. "
                    + "Nothing is changed on either side. What is damaged there: remove it there, and sync again."
            ],
            exits: [
                (.ok, "all of it is whole"), (.badData, "something is damaged, or it is no copy"), (.noInput, "it is not listed there"),
                (.noSupervisor, "rclone is needed and not installed"), (.cannotCreate, "the store's disk has no room for it"),
                (.inputOutput, "the place could not be read"),
                (.interrupted, "stopped by ctrl-c, and 143 by SIGTERM; the same command begins anew"),
                (.usage, "the command line is wrong"),
            ])
    }
    static var options: [Option<Self>] { .list(\.format) }
    static var operands: [Operand<Self>] {
        [
            .one("PLACE", \.place, "A directory, or a place as rclone names it: 'backup:agents'."),
            .many("AGENT[@VERSION]", \.targets, "Which; all when none is named."),
        ]
    }

    func run(on bench: Workbench) throws(CommandFault) -> Ending {
        guard let place else { return .ok }
        let store = try bench.createStore()
        let findings = try bench.long(quietly: format.isForPrograms, code: .copyStopped) { work throws(CommandFault) in
            try check(place, with: work.watch(store), work, bench)
        } stopped: {
            "could not check '\(place.shown)': \(CopyFault.stoppedWords)"
        }
        if findings.isEmpty, format == .table || format == .wide {
            bench.talk("there is no version in '\(place.shown)'")
        } else {
            try bench.answer(findings.map { CheckRow($0) }, as: format)
        }
        return findings.allSatisfy { $0.damage == nil } ? .ok : .badData
    }

    private func check(
        _ place: RemotePlace, with store: CheckpointStore, _ work: LongWork, _ bench: Workbench
    ) throws(CommandFault) -> [CopyFinding] {
        let look: Look
        do throws(StoreFault) { look = try store.openLook(for: "store check", bench.draw) } catch { throw CommandFault(error) }
        defer { store.close(look) }
        return try bench.withCarrier(to: place, of: store, making: false, checking: true, for: "check", work) { carrier throws(CopyFault) in
            let listed = try CopyIn(of: store, by: carrier).listed()
            let check = CopyCheck(of: store, by: carrier, isWanted: { work.isWanted }, say: work.say)
            let chosen = targets.isEmpty ? listed.keys.sorted().map { AgentReference($0) } : targets
            var findings: [CopyFinding] = []
            for target in chosen {
                let versions = listed[target.agent] ?? []
                switch target.version {
                case nil where versions.isEmpty: throw .notListed(target.agent.text)
                case nil: findings += try check.check(target.agent, in: look)
                case .number(let number)? where versions.contains(number): findings += try check.check(target.agent, [number], in: look)
                case .latest? where !versions.isEmpty: findings += try check.check(target.agent, Array(versions.suffix(1)), in: look)
                case .some(let word): throw .notListed("\(target.agent)@\(word.text)")
                }
            }
            return findings
        }
    }
}

private struct CheckRow: Listable {
    enum Result: String, Codable { case whole, damaged }
    var agent: AgentName
    var version: VersionNumber?
    var pack: String?
    var result: Result
    var what: String?

    init(_ finding: CopyFinding) {
        (agent, version, pack, what) = (finding.agent, finding.version, finding.pack, finding.damage)
        result = finding.damage == nil ? .whole : .damaged
    }

    static var columns: [Column] { [Column("VERSION"), Column("RESULT"), Column("WHAT", narrow: .cut(to: 20))] }
    func row(at now: WallTime) -> [Cell] {
        [Cell(quietValue), result == .whole ? Cell("whole", .good) : Cell("damaged", .bad), what.map { Cell($0) } ?? .nothing]
    }
    var quietValue: String { version.map { "\(agent)@\($0)" } ?? "\(agent) pack \(pack ?? "")" }
}

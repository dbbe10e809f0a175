internal import AgentModel
internal import AgentSpecs
internal import Checkpoints
internal import OutsideWorld
internal import StatusViews

struct StorePullCommand: Command {
    var place: RemotePlace?
    var targets: [AgentReference] = []
    var name: AgentName?
    var format = ListFormat.table

    static var manual: Manual {
        Manual(
            name: "store pull", group: .keep, summary: "take versions in that 'store sync' copied to another place",
            examples: [
                .init("runner store pull /mnt/backup/agents agent-7", "every version of it that is there"),
                .init("runner store pull backup:agents agent-7@42", "one version, from a place that 'rclone config' knows"),
                .init("runner store pull backup:agents agent-7@latest --as twin", "beside the one of that name, as a version of 'twin'"),
            ],
            notes: [
                "All of it is checked before it counts: names, sizes, lists and every byte. A version keeps its number and its standing, and comes with how "
                    + "the agent was started and what effects it had, where this store knows nothing of the agent yet. Then 'runner run', 'runner restore' and all "
                    + "else work as where it came from.",
                "A version says which programs run, as whom, and where files are put back: pull only from a place that only you can write to.",
            ],
            exits: [
                (.ok, "they are here"), (.badData, "what is there is damaged, hostile, or no copy"),
                (.noInput, "it is not listed there"), (.noSupervisor, "rclone is needed and not installed"),
                (.cannotCreate, "another version has that number here, or the disk is full"),
                (.inputOutput, "the place could not be read"),
                (.tryAgain, "a supervisor holds the agent; the same command goes on"),
                (.interrupted, "stopped by ctrl-c, and 143 by SIGTERM; the same command goes on"),
                (.usage, "the command line is wrong"),
            ])
    }
    static var options: [Option<Self>] {
        [.optional("as", nil, \.name, as: "NAME", "The agent it becomes a version of, under that one's next number.")] + .list(\.format)
    }
    static var operands: [Operand<Self>] {
        [
            .one("PLACE", \.place, "A directory, or a place as rclone names it: 'backup:agents'."),
            .many("AGENT[@VERSION]", \.targets, atLeastOne: true, "Which."),
        ]
    }

    func validate() throws(CommandFault) {
        guard name == nil || targets.count == 1 else {
            throw CommandFault(.usage, "'--as' takes one agent at a time. See 'runner store pull --help'")
        }
    }

    func run(on bench: Workbench) throws(CommandFault) -> Ending {
        guard let place else { return .ok }
        let plain = try bench.createStore()
        let rows = try bench.long(quietly: format.isForPrograms, code: .copyStopped) { work throws(CommandFault) in
            let store = work.watch(plain)
            var rows: [PullRow] = []
            let listed = try bench.withCarrier(to: place, of: store, making: false, for: "pull from", work) { carrier throws(CopyFault) in
                try CopyIn(of: store, by: carrier).listed()
            }
            for target in targets {
                let versions = try versions(of: target, among: listed, place)
                try take(target.agent, versions, from: place, in: store, work, bench, &rows)
            }
            return rows
        } stopped: {
            "could not pull from '\(place.shown)': \(CopyFault.stoppedWords)"
        }
        try bench.answer(rows, as: format)
        return .ok
    }

    private func versions(
        of target: AgentReference, among listed: [AgentName: [VersionNumber]], _ place: RemotePlace
    ) throws(CommandFault) -> [VersionNumber] {
        let versions = listed[target.agent] ?? []
        let wanted: [VersionNumber]
        switch target.version {
        case nil: wanted = versions
        case .number(let number): wanted = versions.filter { $0 == number }
        case .latest: wanted = Array(versions.suffix(1))
        case .knownGood:
            throw CommandFault(
                .usage,
                "say which version by its number, or 'latest': a copy's standings are not known before it is here. See 'runner store pull --help'"
            )
        }
        guard wanted.isEmpty else { return wanted }
        let what = target.version.map { "\(target.agent)@\($0.text)" } ?? target.agent.text
        throw CommandFault(CopyFault.notListed(what), doing: "pull from", place.shown)
    }

    private func take(
        _ agent: AgentName, _ versions: [VersionNumber], from place: RemotePlace, in store: CheckpointStore, _ work: LongWork,
        _ bench: Workbench, _ rows: inout [PullRow]
    ) throws(CommandFault) {
        let target = name ?? agent
        let isNew = try !bench.agents(in: store).contains(target)
        do throws(StoreFault) { try store.addAgent(target) } catch { throw CommandFault(error) }
        let lock: any DiskLock
        do throws(StoreFault) { lock = try store.lock(target, holder: "'runner store pull'") } catch { throw CommandFault(error) }
        defer { lock.release() }
        var taken: [PullRow] = []
        do throws(CommandFault) {
            do throws(StoreFault) { for sentence in try store.putInOrder(target) { bench.talk(sentence) } } catch {
                throw CommandFault(error)
            }
            try bench.withCarrier(to: place, of: store, making: false, for: "pull from", work) { carrier throws(CopyFault) in
                let copy = CopyIn(of: store, by: carrier, isWanted: { work.isWanted }, say: work.say)
                try copy.take(agent, versions, as: name, stagingID: bench.draw()) { taken.append(PullRow($0)) }
            }
            if isNew { try rename(target, in: store, bench) }
        } catch {
            if isNew, taken.isEmpty { try? store.takeBackFork(target) }  // an agent without a version is no harm
            throw error
        }
        rows += taken
    }

    /// The spec that came with it says how it was called there.
    private func rename(_ agent: AgentName, in store: CheckpointStore, _ bench: Workbench) throws(CommandFault) {
        guard name != nil, var spec = try bench.storedSpec(of: agent, in: store), spec.name != agent else { return }
        spec.name = agent
        guard let bytes = try? JSONText.encode(spec) else { return }
        do throws(FileFault) { try store.disk.replace(store.directory(of: agent) / "spec.json", with: bytes) } catch {
            throw CommandFault(inStore: error)
        }
    }
}

private struct PullRow: Listable {
    enum Result: String, Codable { case added, present }
    var agent: AgentName
    var version: VersionNumber
    /// As it is called there.
    var there: VersionNumber
    var result: Result

    init(_ taken: TakenIn) {
        (agent, version, there) = (taken.agent, taken.number, taken.version)
        result = taken.outcome == .added ? .added : .present
    }

    static var columns: [Column] { [Column("VERSION"), Column("RESULT"), Column("NUMBER THERE")] }
    func row(at now: WallTime) -> [Cell] {
        [Cell(quietValue), result == .added ? Cell("taken in", .good) : Cell("was here"), Cell("\(there)")]
    }
    var quietValue: String { "\(agent)@\(version)" }
}

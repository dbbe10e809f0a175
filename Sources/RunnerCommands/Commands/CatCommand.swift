internal import AgentModel
internal import Checkpoints
internal import OutsideWorld
internal import StatusViews

struct CatCommand: Command {
    var place: VersionPath?
    var at: TimeWord?

    static var manual: Manual {
        Manual(
            name: "cat", group: .keep, summary: "print a file as it was in a version",
            examples: [
                .init("runner cat agent-7:notes.md --at 1d", "yesterday's notes.md, from the newest version that is a day old"),
                .init("runner cat agent-7@41:notes.md > old.md", "a copy of it as it was in version 41"),
            ],
            notes: [
                "PATH begins at the agent's workspace, wherever that lies: 'notes.md', not '/home/me/workspace/notes.md'. "
                    + "Without '@VERSION', the newest; 'latest' and 'known-good' work, too. Every byte is compared with what was stored before "
                    + "the first is printed. The workspace is not touched: 'runner restore agent-7@41 --only notes.md' puts it back there. "
                    + "Works beside a living agent, and without a supervisor."
            ],
            exits: [
                (.ok, "printed"), (.badData, "the version is damaged; nothing was printed"), (.noInput, "no such agent, version or file"),
                (.usage, "the command line is wrong"),
            ])
    }
    static var options: [Option<Self>] { [.at(\.at)] }
    static var operands: [Operand<Self>] { [.one("AGENT[@VERSION]:PATH", \.place, "Which file of which version.")] }

    func validate() throws(CommandFault) {
        if place?.path == nil { throw CommandFault(.usage, "say which file: 'agent-7@41:notes.md'. See 'runner cat --help'") }
    }

    func run(on bench: Workbench) throws(CommandFault) -> Ending {
        guard let place, let path = place.path else { throw CommandFault(.usage, "missing PATH. See 'runner cat --help'") }
        let store = try bench.openStore()
        let (agent, summary) = try bench.version(of: place, at: at, in: store, says: true)
        let stored: StoredFile
        do { stored = try store.file(agent, summary.version, path) } catch { throw CommandFault(error) }
        do { try show(stored.file, on: bench) } catch { throw CommandFault(inStore: error) }
        return .ok
    }

    /// A terminal obeys what an agent writes; a file or a pipe gets it as it is.
    private func show(_ file: any DiskFile, on bench: Workbench) throws(FileFault) {
        var line: [UInt8] = []
        while bench.machine.outputLoss == nil {
            let piece = try file.read(1 << 18)
            guard bench.machine.isTerminal(.standardOutput) else {
                if piece.isEmpty { return }
                bench.answer(piece)
                continue
            }
            line += piece
            let end = piece.isEmpty ? line.count : line.lastIndex(of: UInt8(ascii: "\n")).map { $0 + 1 } ?? 0
            let lines = String(decoding: line[..<end], as: UTF8.self).split(separator: "\n", omittingEmptySubsequences: false)
            bench.answer(lines.map { printable(String($0)) }.joined(separator: "\n"))
            line.removeFirst(end)
            if piece.isEmpty { return }
        }
    }
}

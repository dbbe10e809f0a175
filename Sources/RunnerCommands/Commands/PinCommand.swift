internal import AgentModel
internal import Checkpoints
internal import ControlSocket
internal import OutsideWorld

struct PinCommand: Command {
    var target: AgentReference?

    static var manual: Manual {
        Manual(
            name: "pin", group: .keep, summary: "keep a version whatever retention says",
            examples: [
                .init("runner pin agent-7@42", "version 42 is never removed by retention"),
                .init("runner pin agent-7@known-good", "the version that is known-good now"),
            ],
            exits: pinExits)
    }
    static var operands: [Operand<Self>] { [.one("AGENT@VERSION", \.target, "Which version.")] }

    func run(on bench: Workbench) throws(CommandFault) -> Ending { try bench.setPin(of: target, to: true) }
}

struct UnpinCommand: Command {
    var target: AgentReference?

    static var manual: Manual {
        Manual(
            name: "unpin", group: .keep, summary: "let retention remove a version again",
            examples: [
                .init("runner unpin agent-7@42", "version 42 is kept no longer than others"),
                .init("runner versions agent-7", "shows which are pinned"),
            ],
            exits: pinExits)
    }
    static var operands: [Operand<Self>] { [.one("AGENT@VERSION", \.target, "Which version.")] }

    func run(on bench: Workbench) throws(CommandFault) -> Ending { try bench.setPin(of: target, to: false) }
}

private var pinExits: [(status: ExitStatus, meaning: String)] {
    [
        (.ok, "done"), (.noInput, "no such agent or version"), (.tryAgain, "another command holds the agent"),
        (.usage, "the command line is wrong"),
    ]
}

extension Workbench {
    fileprivate func setPin(of target: AgentReference?, to pinned: Bool) throws(CommandFault) -> Ending {
        let store = try openStore()
        let agent = try named(target?.agent, in: store)
        guard let word = target?.version else {
            let help = "See 'runner \(pinned ? "pin" : "unpin") --help'"
            throw CommandFault(.usage, "say which version: '\(agent)@42', '\(agent)@latest' or '\(agent)@known-good'. \(help)")
        }
        let version = try version(word, of: agent, in: store).version
        try write(agent, in: store, asking: .pin(version, pinned: pinned), to: pinned ? "pin a version of" : "unpin a version of") {
            () throws(StoreFault) in try store.pin(agent, version, pinned)
        }
        talk("'\(agent)@\(version)' is \(pinned ? "pinned" : "no longer pinned")")
        return .ok
    }
}

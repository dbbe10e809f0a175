internal import AgentModel
internal import OutsideWorld
internal import StatusViews

/// All that a command works with: the machine, where things are, and the two streams.
struct Workbench {
    let machine: any Machine
    let places: Places
    /// Where among the arguments the command's name stands.
    let commandIndex: Int
    let supervise: Supervise

    init(_ machine: any Machine, _ common: CommonOptions, supervise: @escaping Supervise) {
        self.machine = machine
        self.supervise = supervise
        commandIndex = common.commandIndex
        places = Places(
            environment: machine.environment, userID: machine.userID, workingDirectory: machine.workingDirectory, store: common.store,
            keyFile: common.keyFile)
    }

    // MARK: The two streams

    /// The answer. Nothing at all when there is nothing to say.
    func answer(_ text: String) {
        if !text.isEmpty { machine.write(text, to: .standardOutput) }
    }

    /// An answer that is no text.
    func answer(_ bytes: [UInt8]) { machine.write(bytes, to: .standardOutput) }

    /// Talk for a person: one line beginning with the program's name.
    func talk(_ sentence: String) { machine.write("runner: \(printable(sentence))\n", to: .standardError) }

    /// The paper the answer is written on.
    var paper: Paper {
        let dumb = machine.environment["TERM"] == "dumb"
        let plain = !(machine.environment["NO_COLOR"] ?? "").isEmpty
        let terminal = machine.isTerminal(.standardOutput)
        return Paper(now: machine.wallTime(), width: machine.width(of: .standardOutput), colour: terminal && !dumb && !plain)
    }

    // MARK: Rendering

    func answer<Item: Listable>(_ items: [Item], as format: ListFormat) throws(CommandFault) {
        answer(try rendering { () throws(ViewFault) in try render(items, as: format, on: paper) })
    }

    func answer(json value: some Encodable) throws(CommandFault) {
        answer(try rendering { () throws(ViewFault) in try json(value, pretty: true) })
    }

    private func rendering(_ body: () throws(ViewFault) -> String) throws(CommandFault) -> String {
        do { return try body() } catch {
            throw CommandFault(
                .internal, "could not show the answer: \(error.why). Please report it with 'runner version' and what was typed")
        }
    }

    // MARK: Time

    /// Lets `span` pass, so that a person can think again.
    func pause(_ span: Duration) {
        let end = machine.now() + span
        while machine.now() < end { machine.waitForChange(places.store + "/format", within: end - machine.now()) }
    }
}

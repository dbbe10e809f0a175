internal import AgentModel
public import OutsideWorld
internal import StatusViews
internal import Supervision

/// Every command, in the order the overview shows them.
func allCommands() -> [any Command.Type] {
    [
        RunCommand.self, StopCommand.self, RestartCommand.self, SuspendCommand.self, ResumeCommand.self, ForkCommand.self,
        LsCommand.self, StatusCommand.self, LogsCommand.self, EventsCommand.self,
        CheckpointCommand.self, VersionsCommand.self, ShowCommand.self, DiffCommand.self, FilesCommand.self, CatCommand.self,
        RestoreCommand.self, RollbackCommand.self, VerifyCommand.self,
        PinCommand.self, UnpinCommand.self, PruneCommand.self, RmCommand.self, UndeleteCommand.self, ExportCommand.self, ImportCommand.self,
        StoreSyncCommand.self, StorePullCommand.self, StoreCheckCommand.self, StoreKeyCommand.self,
        WhyCommand.self, PlanCommand.self, ReplayCommand.self, SettleCommand.self, ConfigCommand.self, DoctorCommand.self,
        ImageShowCommand.self, ImageCheckCommand.self, ImageDiffCommand.self, ImageDecodeCommand.self, ImageEncodeCommand.self,
        ImagePagesCommand.self, ImageStringsCommand.self, ImageCatCommand.self,
        ExplainCommand.self, HelpCommand.self, CompletionsCommand.self, VersionCommand.self,
    ]
}

/// Does what the machine's arguments ask for.
/// - Returns: the exit status.
public func main(_ machine: any Machine) -> Int32 { main(machine, supervise: Supervision.supervise) }

/// As `main(_:)`, with another supervisor.
func main(_ machine: any Machine, supervise: @escaping Supervise) -> Int32 {
    do throws(CommandFault) {
        let status = try perform(machine, supervise: supervise)
        guard case .refused(let fault)? = machine.outputLoss else { return status }
        throw CommandFault(fault)
    } catch {
        machine.write("runner: \(printable(error.sentence))\n", to: .standardError)
        if wantsJSON(machine.arguments), let text = try? json(ErrorDocument(error), pretty: true) {
            machine.write(text, to: .standardOutput)
        }
        return (error.status == .interrupted ? .stopped(by: machine.endSignal) : error.status).rawValue
    }
}

/// Does it, and leaves it to the caller to tell why it could not be done.
func perform(_ machine: any Machine, supervise: @escaping Supervise) throws(CommandFault) -> Int32 {
    try CommandLine(machine: machine, supervise: supervise).run()
}

/// Asked of the words, since a command line that is wrong has no values. What stands after `--` is the agent's.
private func wantsJSON(_ arguments: [String]) -> Bool {
    arguments.prefix { $0 != "--" }.contains { ["--json", "-j", "--output=json", "--output=ndjson"].contains($0) }
}

private struct CommandLine {
    let machine: any Machine
    let supervise: Supervise

    func run() throws(CommandFault) -> Int32 {
        let invocation: Invocation
        do { invocation = try ArgumentParser(commands: allCommands()).parse(machine.arguments) } catch { throw CommandFault(error) }
        switch invocation {
        case .version: machine.write(Release.line, to: .standardOutput)
        case .help(nil) where machine.arguments.isEmpty:
            machine.write(overviewText(allCommands().map(describe)), to: .standardError)
            return ExitStatus.usage.rawValue
        case .help(nil): machine.write(overviewText(allCommands().map(describe)), to: .standardOutput)
        case .familyHelp(let word): machine.write(familyText(word, allCommands().map(describe)), to: .standardOutput)
        case .help(let command?): machine.write(helpText(describe(command)), to: .standardOutput)
        case .command(let command, let common):
            try command.validate()
            return try command.run(on: Workbench(machine, common, supervise: supervise)).status
        }
        return ExitStatus.ok.rawValue
    }
}

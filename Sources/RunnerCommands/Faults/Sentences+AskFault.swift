internal import AgentModel
internal import OutsideWorld

extension CommandFault {
    /// A supervisor of `agent` could not be asked to `doing`.
    init(_ fault: AskFault, asking agent: AgentName, to doing: String) {
        let begun = "could not \(doing) '\(agent)': "
        switch fault {
        case .nobody:
            self.init(
                .supervisorNone,
                begun + "no supervisor of it runs. Start it with 'runner run', or see 'runner status \(agent)' for how it ended")
        case .denied:
            self.init(.supervisorDenied, begun + "its supervisor belongs to another user. Run the command as that user, or as root")
        case .noAnswer:
            self.init(.supervisorSilent, begun + "its supervisor did not answer in time. Try again, or with a longer '--timeout'")
        case .system(let number):
            self.init(.supervisorIO, begun + "the connection to its supervisor failed, error \(number) (errno). Try again")
        }
    }
}

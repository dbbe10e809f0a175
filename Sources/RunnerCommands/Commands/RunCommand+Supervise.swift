internal import AgentModel
internal import OutsideWorld

/// Where `runner run` meets the supervisor.
func superviseAgent(_ order: SuperviseOrder, _ world: any World, ready: () -> Void) throws(CommandFault) -> ProcessEnd {
    throw CommandFault(.runFailed, "")
}

internal import AgentModel
internal import OutsideWorld
internal import Supervision

/// Runs the supervisor of one agent until its end. The commands' own tests put another in its place.
typealias Supervise = (SupervisorRequest, any World) throws(SupervisionFault) -> ProcessEnd

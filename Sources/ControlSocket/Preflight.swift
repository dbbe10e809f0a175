public import AgentModel

/// What a supervisor knows of the next version of its agent before it is taken.
public struct Preflight: Hashable, Sendable, Codable {
    /// As its spec says.
    public var mode: CheckpointMode
    /// Release of the CRIU that would make images of its processes; nil: none would.
    public var criu: String?
    /// Why no process of it is put into an image on this machine. A clause; nil: they can be.
    public var missing: String?
    /// What in its processes CRIU cannot dump, each with what to do about it. Empty: nothing that can be seen from outside.
    public var blockers: [String]
    /// It hands its state over at a safe point.
    public var handsStateOver: Bool
    /// Its workspace, if it has one.
    public var workspace: String?

    public init(
        mode: CheckpointMode, criu: String?, missing: String?, blockers: [String], handsStateOver: Bool, workspace: String?
    ) {
        self.mode = mode
        self.criu = criu
        self.missing = missing
        self.blockers = blockers
        self.handsStateOver = handsStateOver
        self.workspace = workspace
    }

    /// Images of its processes would be part of the version, as far as can be seen.
    public var hasProcesses: Bool { mode != .cooperative && missing == nil && blockers.isEmpty }
    /// What it is doing would be part of the version, in one form or another.
    public var keepsWork: Bool { hasProcesses || handsStateOver && mode != .process }
}

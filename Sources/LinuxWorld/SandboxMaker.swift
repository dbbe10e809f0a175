internal import OutsideWorld

/// A table of sandboxes that can also say whose process knocks at a door.
protocol LocatingSandboxTable: SandboxTable {
    /// The sandbox that a process is in, by the host's count; nil: in none of ours, or this host cannot tell.
    func sandbox(of pid: Int32) -> SandboxID?
}

/// Makes the sandboxes of one world over its loop.
typealias SandboxMaker = (EventLoop, SupervisorPlace) -> any LocatingSandboxTable

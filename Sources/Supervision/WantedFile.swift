public import AgentModel
public import OutsideWorld

/// What an operator's command left for the next supervisor while none ran: from where to start. `agents/<name>/wanted`, one JSON object.
/// The supervisor that starts from it removes it, once that start is in the journal.
public struct WantedFile: Hashable, Sendable, Codable {
    public var startFrom: Origin
    /// false: the workspace already is as it should be; only the state is taken from the version.
    public var rollsBackWorkspace: Bool
    public init(startFrom: Origin, rollsBackWorkspace: Bool) {
        self.startFrom = startFrom
        self.rollsBackWorkspace = rollsBackWorkspace
    }

    private static let limit = ByteCount.kibibytes(4)
    private static func path(below directory: DiskPath) -> DiskPath { directory / "wanted" }

    /// nil: nothing was left, or what was left cannot be read (then the newest known-good version is as good a guess as any).
    public static func read(from disk: any Disk, below directory: DiskPath) throws(FileFault) -> WantedFile? {
        guard try disk.entry(at: path(below: directory)) != nil else { return nil }
        let bytes = try disk.read(path(below: directory), limit: limit)
        return try? JSONText.decode(WantedFile.self, from: bytes)
    }

    /// Durable on return.
    public func write(to disk: any Disk, below directory: DiskPath) throws(FileFault) {
        guard let bytes = try? JSONText.encode(self) else { preconditionFailure("\(self) has no JSON form") }
        try disk.replace(Self.path(below: directory), with: bytes)
    }

    public static func remove(from disk: any Disk, below directory: DiskPath) throws(FileFault) {
        guard try disk.entry(at: path(below: directory)) != nil else { return }
        try disk.removeFile(path(below: directory))
        try disk.syncDirectory(directory)
    }
}

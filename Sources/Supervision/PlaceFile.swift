internal import AgentModel
public import OutsideWorld

/// Where the agent's last supervisor lived: its runtime directory, written before it starts anything. `agents/<name>/place`, one line.
///
/// The runtime directory follows from the environment, which another login, cron or sudo has otherwise: whoever comes next must look where the
/// sandbox really is.
public enum PlaceFile {
    private static let limit = ByteCount.kibibytes(4)
    private static func path(below directory: DiskPath) -> DiskPath { directory / "place" }

    /// nil: none was written, or it cannot be read.
    public static func read(from disk: any Disk, below directory: DiskPath) -> String? {
        guard let bytes = try? disk.read(path(below: directory), limit: limit), bytes.first == UInt8(ascii: "/"),
            bytes.last == UInt8(ascii: "\n")
        else { return nil }
        return String(decoding: bytes.dropLast(), as: UTF8.self)
    }

    /// Durable on return.
    public static func write(_ runtime: String, to disk: any Disk, below directory: DiskPath) throws(FileFault) {
        try disk.replace(path(below: directory), with: Array((runtime + "\n").utf8))
    }
}

internal import AgentModel
internal import OutsideWorld

/// Verdicts of earlier probes by kernel, path and file, in one small file. What cannot be kept is found out again.
struct VerdictMemory {
    let machine: any Machine
    let directory: String?

    /// Beyond so many, old kernels and files are forgotten with all others.
    private static let most = 64
    private static let limit = ByteCount.kibibytes(256)
    private static let file: DiskPath = "criu-verdicts.json"

    func recall() -> [String: CriuVerdict] {
        guard let directory, let disk = try? machine.disk(at: directory, create: false),
            let bytes = try? disk.read(Self.file, limit: Self.limit),
            let known = try? JSONText.decode([String: CriuVerdict].self, from: bytes), known.count <= Self.most
        else { return [:] }
        return known
    }

    func keep(_ verdicts: [String: CriuVerdict]) {
        guard let directory, machine.userID == 0, let disk = try? machine.disk(at: directory, create: true),
            let bytes = try? JSONText.encode(verdicts, pretty: true)
        else { return }
        try? disk.replace(Self.file, with: bytes)
    }
}

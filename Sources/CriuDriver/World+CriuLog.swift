internal import AgentModel
internal import CriuRequests
internal import OutsideWorld

extension World {
    /// The errors of a log that CRIU left in `directory`; nil: it left none.
    func criuLog(_ name: String, in directory: String) -> CriuLog? {
        // A tree of ten thousand processes leaves some tens of megabytes.
        guard let disk = try? disk(at: directory), let path = DiskPath(name), let bytes = try? disk.read(path, limit: .mebibytes(64)) else {
            return nil
        }
        return CriuLog(String(decoding: bytes, as: UTF8.self))
    }
}

extension CriuCause {
    /// What refuses its options has no log yet and speaks on its standard error.
    init?(options output: String) {
        guard let line = output.split(separator: "\n").last else { return nil }
        self = CriuLog(output).cause ?? .other(String(line))
    }
}

internal import AgentModel
internal import Checkpoints
internal import OutsideWorld

/// rclone carries: S3, SFTP, WebDAV and all else it knows. Its credentials are its own configuration's. Every start costs, so each does as much as it can.
final class RcloneCarrier: Carrier {
    /// Without what may be a secret.
    let name: String
    private let place: RemotePlace
    private let machine: any Machine
    private let program: String
    private let progress: (UInt64, UInt64) -> Void
    /// The last error it told, in its own words.
    private var lastError = ""

    /// - Parameters:
    ///   - place: as rclone reads it: "backup:agents".
    ///   - progress: bytes that were carried, and those there are to carry.
    init(_ place: RemotePlace, on machine: any Machine, progress: @escaping (UInt64, UInt64) -> Void) throws(CarrierFault) {
        guard let program = machine.find("rclone") else { throw .missing("rclone") }
        (name, self.place) = (place.shown, place)
        (self.machine, self.program, self.progress) = (machine, program, progress)
    }

    /// A list of a million files.
    private static let longestList = ByteCount.mebibytes(256)

    // See rclone's "Global Flags". A file is whole under its name or is seen by its size: no file is written by several streams at once.
    private static let common = ["--ask-password=false", "--use-json-log", "--log-level", "NOTICE", "--stats-log-level", "NOTICE"]
    private static let copies = [
        "--files-from-raw", "-", "--no-traverse", "--ignore-times", "--multi-thread-streams", "0", "--stats", "1s", "--no-update-modtime",
    ]

    // MARK: What it does

    func list(_ directory: DiskPath?) throws(CarrierFault) -> [RemoteFile] {
        let arguments = ["lsjson", "--recursive", "--files-only", "--no-modtime", "--no-mimetype", place(directory)]
        let output = try run(arguments, mayFind: [3])
        guard !output.isEmpty else { return [] }
        guard let items = try? JSONText.decode([Listed].self, from: output) else { throw .failed("rclone's list is not JSON") }
        let prefix = directory.map { $0.text + "/" } ?? ""
        return try items.filter { $0.IsDir != true }.map { item throws(CarrierFault) in
            guard item.Size >= 0 else { throw .failed("it does not tell how long '\(item.Path)' is") }
            return RemoteFile(path: prefix + item.Path, size: UInt64(item.Size))
        }
    }

    func send(_ files: [DiskPath], below directory: DiskPath?, of disk: any Disk) throws(CarrierFault) {
        let source = directory.map { "\(disk.rootName)/\($0)" } ?? disk.rootName
        try run(["copy", source, place(nil)] + Self.copies, input: files.map(\.text))
    }

    func fetch(_ files: [RemoteFile], into directory: DiskPath, of disk: any Disk) throws(CarrierFault) {
        let announced = files.reduce(UInt64(0)) { sum, file in sum.addingReportingOverflow(file.size).partialValue }
        // Room for what is begun once more; beyond it somebody sends what was not announced.
        let most = min(announced, 1 << 60) * 3 + 64 << 20
        try run(
            ["copy", place(nil), "\(disk.rootName)/\(directory)"] + Self.copies + ["--max-transfer", "\(most)B", "--cutoff-mode", "HARD"],
            input: files.map(\.path))
    }

    func remove(_ files: [DiskPath]) throws(CarrierFault) {
        try run(["delete", place(nil), "--files-from-raw", "-"], input: files.map(\.text), mayFind: [3, 4])
    }

    // MARK: Running it

    /// "backup:" and "backup:agents" with a directory below.
    private func place(_ directory: DiskPath?) -> String {
        let root = place.text
        guard let directory else { return root }
        return root.hasSuffix(":") || root.hasSuffix("/") ? root + directory.text : "\(root)/\(directory)"
    }

    /// - Parameter mayFind: exit statuses that mean that nothing is there. See rclone's "List of exit codes".
    @discardableResult
    private func run(_ arguments: [String], input: [String] = [], mayFind: Set<Int32> = []) throws(CarrierFault) -> [UInt8] {
        lastError = ""
        let tool = Tool(
            program, arguments + Self.common, input: Array(input.map { $0 + "\n" }.joined().utf8), outputLimit: Self.longestList)
        switch machine.run(tool, eachLine: hear) {
        case .ended(.exited(0), let output): return output
        case .ended(.exited(8), _): throw .tooMuch
        case .ended(.exited(let status), _) where mayFind.contains(status): return []
        case .ended(let end, _):
            throw .failed(lastError.isEmpty ? "rclone ended with \(end.exitStatus) and did not say why" : "rclone says: \(lastError)")
        case .tooMuchOutput: throw .failed("it lists more than \(Self.longestList)")
        case .stopped: throw .stopped
        case .couldNotStart(let why): throw .failed(why)
        }
    }

    private func hear(_ line: String) {
        guard let said = try? JSONText.decode(Said.self, from: Array(line.utf8)) else {
            if !line.isEmpty { lastError = withoutSecrets(line) }
            return
        }
        if let stats = said.stats, let bytes = stats.bytes { progress(bytes, stats.totalBytes ?? bytes) }
        if said.level == "error" || said.level == "fatal" || said.level == "critical", let message = said.msg {
            lastError = withoutSecrets((said.object.map { "\($0): " } ?? "") + message)
        }
    }

    /// rclone repeats what it was given, some of it quoted as Go does.
    private func withoutSecrets(_ text: String) -> String {
        guard let secrets = place.secrets else { return text }
        let quoted = secrets.replacing("\\", with: "\\\\").replacing("\"", with: "\\\"")
        return text.replacing(quoted, with: "").replacing(secrets, with: "")
    }

    /// As rclone names its keys.
    private struct Listed: Decodable {
        var Path: String
        var Size: Int64
        var IsDir: Bool?
    }
    private struct Said: Decodable {
        struct Stats: Decodable {
            var bytes: UInt64?
            var totalBytes: UInt64?
        }
        var level: String?
        var msg: String?
        var object: String?
        var stats: Stats?
    }
}

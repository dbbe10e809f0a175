internal import Glibc

/// What is kept in the runtime directory about a living sandbox, so that its rest can be found even when its init is dead or silent.
///
/// A first line with the format, then lines of words: `boot ID`, `namespaces`, `group 1|2 DIRECTORY CONTROLLER`, and, once it runs,
/// `init PID STARTTIME` (clock ticks since boot, as in /proc/PID/stat: a number and a start time name a process for good).
struct SandboxRecord: Equatable {
    struct Process: Equatable {
        var pid: Int32
        var startTime: UInt64
    }
    var bootID: String
    var hasNamespaces: Bool
    var groupVersion: Int?
    /// Directory by controller.
    var groupDirectories: [String: String]
    var initProcess: Process?

    var group: ControlGroup? {
        groupVersion.flatMap(ControlGroup.Version.init(rawValue:)).map { ControlGroup(version: $0, directories: groupDirectories) }
    }

    var text: String {
        var lines = ["runner-sandbox 1", "boot \(bootID)"]
        if hasNamespaces { lines.append("namespaces") }
        if let groupVersion {
            for (controller, directory) in groupDirectories.sorted(by: { $0.key < $1.key }) {
                lines.append("group \(groupVersion) \(directory) \(controller)")
            }
        }
        if let initProcess { lines.append("init \(initProcess.pid) \(initProcess.startTime)") }
        return lines.joined(separator: "\n") + "\n"
    }

    init(bootID: String, hasNamespaces: Bool, group: ControlGroup?) {
        self.bootID = bootID
        self.hasNamespaces = hasNamespaces
        groupVersion = group?.version.rawValue
        groupDirectories = group?.directories ?? [:]
    }

    /// nil when the text is not a record. A torn last line is as if it were not there.
    init?(_ text: String) {
        var lines = text.split(separator: "\n", omittingEmptySubsequences: false).dropLast()[...]
        guard lines.popFirst() == "runner-sandbox 1" else { return nil }
        self.init(bootID: "", hasNamespaces: false, group: nil)
        for line in lines {
            let words = line.split(separator: " ", maxSplits: 3, omittingEmptySubsequences: false).map(String.init)
            switch (words[0], words.count) {
            case ("boot", 2): bootID = words[1]
            case ("namespaces", 1): hasNamespaces = true
            case ("group", 4):
                groupVersion = Int(words[1])
                groupDirectories[words[3]] = words[2]
            case ("init", 3):
                if let pid = Int32(words[1]), let time = UInt64(words[2]) { initProcess = Process(pid: pid, startTime: time) }
            default: return nil
            }
        }
    }

    // MARK: In the file system

    static func read(_ path: String) -> SandboxRecord? { KernelFiles.text(path).flatMap { SandboxRecord($0) } }

    /// Replaces the record. What is lost with the machine need not be kept: the sandbox is gone then, too. - Returns: 0 or errno.
    func write(to path: String) -> Int32 {
        let temporary = path + ".new"
        let descriptor = open(temporary, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0o600)
        guard descriptor >= 0 else { return errno }
        defer { close(descriptor) }
        var text = text
        let written = text.withUTF8 { Glibc.write(descriptor, $0.baseAddress, $0.count) }
        guard written == text.utf8.count, rename(temporary, path) == 0 else { return errno }
        return 0
    }
}

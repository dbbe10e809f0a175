internal import AgentModel
internal import OutsideWorld

/// Where everything lies below the store's root. Documentation: docs/store-format.md
enum StoreLayout {
    static let format: DiskPath = "format"
    static let formatText = "runner-store 2\n"
    /// Without packs. Read as it is, and raised by the first pack.
    static let olderFormatText = "runner-store 1\n"
    /// Sealed: nobody reads it without its key.
    static let sealedFormatText = "runner-store 3\n"
    static let identity: DiskPath = "id"
    /// What the store may take. Made with the first setting.
    static let limits: DiskPath = "limits"
    /// With which key all else is sealed. In a store of that format alone.
    static let encryption: DiskPath = "encryption"
    /// Held by who copies versions elsewhere. Made with the first copy.
    static let copying: DiskPath = "copying"
    static let agents: DiskPath = "agents"
    static let staging: DiskPath = "staging"
    static let trash: DiskPath = "trash"
    /// Agents that were removed as a whole. Made with the first.
    static let removed: DiskPath = "removed"
    static let latest = "latest"
    static let knownGood = "known-good"
    static let lockName = "lock"
    /// In the directory of an agent that is removed: when, and for how long it is kept.
    static let removal = "removed"
    /// Ends the name of what is removed for good.
    static let goneEnding = ".gone"

    static func agent(_ name: AgentName) -> DiskPath { agents / name.text }
    static func versions(_ agent: AgentName) -> DiskPath { Self.agent(agent) / "versions" }
    static func packs(_ agent: AgentName) -> DiskPath { Self.agent(agent) / "packs" }
    static func numbers(_ agent: AgentName) -> DiskPath { Self.agent(agent) / "numbers" }
    static func lock(_ agent: AgentName) -> DiskPath { Self.agent(agent) / lockName }
    static func scrub(_ agent: AgentName) -> DiskPath { Self.agent(agent) / "scrub" }
    static func verified(_ agent: AgentName) -> DiskPath { Self.agent(agent) / "verified" }
    static func restoring(_ agent: AgentName) -> DiskPath { Self.agent(agent) / "restoring" }
    static func version(_ agent: AgentName, _ version: VersionNumber) -> DiskPath { versions(agent) / version.description }
    static func linkTarget(_ version: VersionNumber) -> String { "versions/\(version)" }

    /// What the agent owns in `staging` and `trash` begins with this: '@' is in no agent's name.
    static func prefix(_ agent: AgentName) -> String { agent.text + "@" }

    /// Begins, in `staging`, what is of no agent yet.
    static let look = "@"

    /// Begins what is behind the prefix while the agent itself is made.
    static let newAgent = "new"

    /// Behind the prefix of a removed agent: when, in nanoseconds.
    static func digits(_ time: WallTime) -> String {
        let digits = String(UInt64(bitPattern: time.nanoseconds), radix: 16)
        return String(repeating: "0", count: 16 - digits.count) + digits
    }

    /// nil: no name of a removed agent.
    static func removal(of name: String) -> (agent: AgentName, at: WallTime)? {
        let parts = name.split(separator: "@", omittingEmptySubsequences: false)
        guard parts.count == 2, let agent = AgentName(String(parts[0])), let number = UInt64(parts[1], radix: 16) else { return nil }
        let time = WallTime(nanoseconds: Int64(bitPattern: number))
        return digits(time) == parts[1] ? (agent, time) : nil
    }

    /// A canonical number from 1 up; the bound keeps sums far from overflow.
    static func number(_ name: Substring) -> VersionNumber? {
        guard let first = name.utf8.first, first != UInt8(ascii: "0"), name.utf8.count <= 15,
            name.utf8.allSatisfy({ (48...57).contains($0) }), let number = UInt64(name)
        else { return nil }
        return VersionNumber(number)
    }
}

/// The files of one version or staging directory.
struct VersionLayout {
    let directory: DiskPath
    var manifest: DiskPath { directory / "manifest.json" }
    var seal: DiskPath { directory / "seal" }
    var standing: DiskPath { directory / "standing" }
    var state: DiskPath { directory / "state" }
    var tree: DiskPath { directory / "tree" }
    var workspace: DiskPath { directory / "workspace" }
    var images: DiskPath { directory / "images" }
    var process: DiskPath { directory / "process" }
    var chunks: DiskPath { directory / "chunks" }
    var newChunks: DiskPath { directory / "chunks.new" }
    /// In the place of `workspace` where it is large, or most of it was in packs from the beginning.
    var files: DiskPath { directory / "files" }
    func image(_ path: DiskPath) -> DiskPath { process.joined(path) }
    func content(_ path: DiskPath) -> DiskPath { workspace.joined(path) }
}

extension DiskPath {
    /// `path` below this one.
    func joined(_ path: DiskPath) -> DiskPath {
        guard let joined = DiskPath(text + "/" + path.text) else { preconditionFailure("'\(path)' is not a path") }
        return joined
    }
}

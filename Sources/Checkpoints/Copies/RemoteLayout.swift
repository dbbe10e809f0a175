internal import AgentModel
internal import OutsideWorld

/// Where everything lies in a remote. Names tell what must be known to plan: nothing has to be read for that.
/// Documentation: docs/store-format.md#remote
enum RemoteLayout {
    /// Begins the name of the file that makes a directory a copy; behind it comes its format.
    static let markerBeginning = "runner-copy-"
    static let marker: DiskPath = "runner-copy-1"
    static let markerText = Array("A copy of versions of agents, made by 'runner store sync'. See docs/copies-elsewhere.md\n".utf8)

    /// Begins the name of a list of packs; behind it come 16 digits of the version's seal, '-', and the size of its manifest: a manifest of which a half
    /// arrived lists nothing.
    static let packList = "packs-"
    static let standing = "standing-"
    static let spec = "spec-"
    static let ledger = "ledger-"

    static func pack(_ agent: AgentName, _ name: PackName) -> DiskPath { StoreLayout.packs(agent) / name.text }
    static func version(_ agent: AgentName, _ version: VersionNumber) -> DiskPath { StoreLayout.version(agent, version) }

    /// 16 hexadecimal digits behind `beginning`; nil: it is no such name.
    static func digits(_ name: Substring, behind beginning: String) -> String? {
        guard name.utf8.starts(with: beginning.utf8) else { return nil }
        let digits = name.dropFirst(beginning.count)
        return digits.utf8.count == 16 && digits.utf8.allSatisfy { "0123456789abcdef".utf8.contains($0) } ? String(digits) : nil
    }
}

/// "packs-0123456789abcdef-512": whose packs are listed.
struct PackListName: Hashable, Comparable {
    /// First 16 digits of the version's seal.
    var seal: String
    /// Bytes of its manifest.
    var manifest: UInt64

    var text: String { "\(RemoteLayout.packList)\(seal)-\(manifest)" }

    init(seal: String, manifest: UInt64) { (self.seal, self.manifest) = (seal, manifest) }

    init?(_ name: Substring) {
        guard let dash = name.utf8.lastIndex(of: UInt8(ascii: "-")), let size = StoreLayout.number(name[name.index(after: dash)...]),
            let digits = RemoteLayout.digits(name[..<dash], behind: RemoteLayout.packList)
        else { return nil }
        self.init(seal: digits, manifest: size.number)
    }

    static func < (a: PackListName, b: PackListName) -> Bool { (a.seal, a.manifest) < (b.seal, b.manifest) }
}

/// What a remote says that it has. Only names and sizes.
struct RemoteListing: Hashable {
    struct Version: Hashable {
        var chunks: UInt64?
        var seal: UInt64?
        var manifest: UInt64?
        /// By the version whose packs they list.
        var packLists: [PackListName: UInt64] = [:]
        /// By the 16 digits they begin with.
        var standings: [String: UInt64] = [:]
        /// What no copy has; a store does. By the path below the version's directory.
        var plain: [DiskPath: UInt64] = [:]

        /// In a store nothing tells how long it has to be.
        var isListed: Bool { manifest != nil && (packLists.isEmpty || packLists.keys.contains { $0.manifest == manifest }) }
    }
    struct Agent: Hashable {
        var packs: [PackName: UInt64] = [:]
        var versions: [VersionNumber: Version] = [:]
        /// By the first 16 digits of the SHA-256 of the content.
        var specs: [String: UInt64] = [:]
        var ledgers: [String: UInt64] = [:]
        /// Of all its files.
        var sizes: [DiskPath: UInt64] = [:]

        /// Those that are there, ascending.
        var listed: [VersionNumber] { versions.filter(\.value.isListed).keys.sorted() }
    }
    private(set) var agents: [AgentName: Agent] = [:]
    private(set) var isCopy = false
    /// The number of a format that is not ours.
    private(set) var otherFormat: String?
    private(set) var isEmpty = true

    init() {}

    /// - Throws: when a name leads out of the remote, or two files have one.
    init(_ files: [RemoteFile]) throws(Damage) {
        // An encrypted copy begins with that.
        isEmpty = files.allSatisfy { $0.path == StoreLayout.encryption.text }
        var seen: Set<String> = []
        for file in files {
            guard let path = DiskPath(file.path), !file.path.utf8.contains(where: { $0 < 32 }) else {
                throw Damage("'\(file.path)' leads out of it, or is no name")
            }
            guard seen.insert(file.path).inserted else { throw Damage("'\(path)' is there twice") }
            take(path, file.size)
        }
    }

    private mutating func take(_ path: DiskPath, _ size: UInt64) {
        let parts = path.text.split(separator: "/", omittingEmptySubsequences: false)
        if parts.count == 1, parts[0].utf8.starts(with: RemoteLayout.markerBeginning.utf8) {
            if path == RemoteLayout.marker {
                isCopy = true
            } else {
                otherFormat = String(parts[0].dropFirst(RemoteLayout.markerBeginning.count))
            }
        }
        guard parts.count >= 3, parts[0] == "agents", let agent = AgentName(String(parts[1])) else { return }
        var entry = agents[agent] ?? Agent()
        entry.sizes[path] = size
        defer { agents[agent] = entry }
        switch (parts[2], parts.count) {
        case ("packs", 4): if let name = PackName(String(parts[3])) { entry.packs[name] = size }
        case ("versions", 5...):
            guard let number = StoreLayout.number(parts[3]) else { return }
            var version = entry.versions[number] ?? Version()
            version.take(parts[4...], size)
            entry.versions[number] = version
        case (_, 3):
            if let digits = RemoteLayout.digits(parts[2], behind: RemoteLayout.spec) { entry.specs[digits] = size }
            if let digits = RemoteLayout.digits(parts[2], behind: RemoteLayout.ledger) { entry.ledgers[digits] = size }
        default: return
        }
    }
}

extension RemoteListing.Version {
    fileprivate mutating func take(_ names: ArraySlice<Substring>, _ size: UInt64) {
        guard let name = names.first else { return }
        if names.count == 1 {
            switch name {
            case "chunks": return chunks = size
            case "seal": return seal = size
            case "manifest.json": return manifest = size
            default: break
            }
            if let list = PackListName(name) { return packLists[list] = size }
            if let digits = RemoteLayout.digits(name, behind: RemoteLayout.standing) { return standings[digits] = size }
        }
        guard ["state", "tree", "images", "workspace", "files", "process"].contains(name), let path = DiskPath(names.joined(separator: "/"))
        else {
            return
        }
        plain[path] = size
    }
}

public import AgentModel
public import OutsideWorld
internal import Synchronization

/// The versions of all agents on one disk. Holds no state of its own but a lock: every answer is read anew, so that any number of readers may look
/// while the one writer of an agent, who holds its lock, writes. Documentation: docs/store-format.md
public final class CheckpointStore: Sendable {
    public let disk: any Disk
    /// 16 hexadecimal digits, made once with the store.
    public let identity: String
    /// A commit and a removal may be done at the same time, and both move them.
    let links = Mutex(())

    private init(disk: any Disk, identity: String) {
        self.disk = disk
        self.identity = identity
    }

    /// The same store on a disk that stands in for its own: one that watches it.
    public func on(_ disk: any Disk) -> CheckpointStore { CheckpointStore(disk: disk, identity: identity) }

    // MARK: Opening

    /// Opens the store at the root of `disk`; with `create`, makes one in an empty directory.
    /// - Parameter identity: gives 16 hexadecimal digits for a new store.
    public static func open(_ disk: any Disk, create: Bool, identity: () -> String) throws(StoreFault) -> CheckpointStore {
        let errand = Errand("open the store", disk.rootName)
        try checkSafety(disk, errand)
        if try errand.inStore({ () throws(FileFault) in try disk.entry(at: StoreLayout.format) }) == nil {
            guard create else { throw errand.fault(.format("there is no store")) }
            try make(on: disk, errand, identity: identity)
        }
        try checkFormat(disk, errand)
        return CheckpointStore(disk: disk, identity: try readIdentity(disk, errand))
    }

    /// What others may write into proves nothing, and hooks, states and specs come out of it.
    private static func checkSafety(_ disk: any Disk, _ errand: Errand) throws(StoreFault) {
        let root = try errand.inStore { () throws(FileFault) in try disk.rootEntry() }
        guard root.isOurs else {
            throw errand.fault(.unsafe("it belongs to user \(root.owner.user). Run as that user"))
        }
        guard root.mode & 0o022 == 0 else {
            let mode = String(root.mode, radix: 8)
            throw errand.fault(.unsafe("others may write into it (mode \(mode)). Run 'chmod go-w \(disk.rootName)'"))
        }
        if let above = root.openDirectoryAbove {
            throw errand.fault(
                .unsafe("'\(above)' above it is open to all, who could put another in its place. Run 'chmod o-w \(above)'"))
        }
    }

    /// - Throws: when a store cannot be made there, for it holds what is not ours.
    public static func requireEmpty(_ disk: any Disk) throws(StoreFault) {
        let errand = Errand("open the store", disk.rootName)
        try checkSafety(disk, errand)
        try requireEmpty(disk, errand)
    }

    /// Writes `format` last: before that there is no store, and the next attempt begins again.
    private static func make(on disk: any Disk, _ errand: Errand, identity: () -> String) throws(StoreFault) {
        try requireEmpty(disk, errand)
        try errand.inStore { () throws(FileFault) in
            for directory in [StoreLayout.agents, StoreLayout.staging, StoreLayout.trash] { try disk.makeDirectories(directory) }
            try disk.replace(StoreLayout.identity, with: Array((identity() + "\n").utf8))
            let text = disk is any SealingDisk ? StoreLayout.sealedFormatText : StoreLayout.formatText
            try disk.replace(StoreLayout.format, with: Array(text.utf8))
        }
    }

    private static func requireEmpty(_ disk: any Disk, _ errand: Errand) throws(StoreFault) {
        let ours = ["id", "id.new", "format.new", "encryption", "encryption.new", "agents", "staging", "trash", "removed", "lost+found"]
        let strangers = try errand.inStore { () throws(FileFault) in try disk.names(in: nil) }
            .filter { !ours.contains($0) && !($0.hasPrefix("encryption.") && $0.hasSuffix(".new")) }.sorted()
        if let stranger = strangers.first {
            throw errand.fault(.format("the directory is not empty and not a store: it holds '\(stranger)'"))
        }
    }

    private static func checkFormat(_ disk: any Disk, _ errand: Errand) throws(StoreFault) {
        let bytes: [UInt8]
        do throws(FileFault) { bytes = try disk.read(StoreLayout.format, limit: .kibibytes(1)) } catch {
            if error.kind == .denied { throw errand.fault(.denied) }
            throw errand.fault(.format("its 'format' cannot be read"))
        }
        let isSealed = bytes == Array(StoreLayout.sealedFormatText.utf8)
        if isSealed || [StoreLayout.formatText, StoreLayout.olderFormatText].contains(where: { bytes == Array($0.utf8) }) {
            guard isSealed == disk is any SealingDisk else {
                throw errand.fault(
                    .format(isSealed ? "it is encrypted, and its 'encryption' is gone" : "it has an 'encryption' and is not encrypted"))
            }
            return
        }
        let known = "runner-store ".utf8
        let rest = bytes.dropFirst(known.count)
        let isNewer = bytes.starts(with: known) && rest.last == UInt8(ascii: "\n") && rest.dropLast().allSatisfy { (48...57).contains($0) }
        if isNewer, let number = UInt64(String(decoding: rest.dropLast(), as: UTF8.self)) {
            throw errand.fault(.format("it has format \(number), and this runner knows formats 1 to 3"))
        }
        throw errand.fault(.format("its 'format' is not one this runner knows"))
    }

    private static func readIdentity(_ disk: any Disk, _ errand: Errand) throws(StoreFault) -> String {
        let bytes: [UInt8]
        do throws(FileFault) { bytes = try disk.read(StoreLayout.identity, limit: .kibibytes(1)) } catch {
            if error.kind == .denied { throw errand.fault(.denied) }
            throw errand.fault(.format("its 'id' cannot be read"))
        }
        let digits = bytes.dropLast()
        let isSound = digits.count == 16 && bytes.last == UInt8(ascii: "\n") && digits.allSatisfy { "0123456789abcdef".utf8.contains($0) }
        guard isSound else { throw errand.fault(.format("its 'id' is not 16 hexadecimal digits")) }
        return String(decoding: digits, as: UTF8.self)
    }

    // MARK: Agents

    /// Names of all agents, sorted.
    public func agents() throws(StoreFault) -> [AgentName] {
        let errand = Errand("list the agents of", disk.rootName)
        return try errand.inStore { () throws(FileFault) in
            var found: [AgentName] = []
            for name in try disk.names(in: StoreLayout.agents) {
                guard let agent = AgentName(name), try disk.entry(at: StoreLayout.agent(agent))?.kind == .directory else { continue }
                found.append(agent)
            }
            return found.sorted()
        }
    }

    /// "agents/<name>", below the store's root.
    public func directory(of agent: AgentName) -> DiskPath { StoreLayout.agent(agent) }

    /// Makes the agent's directory, whole or not at all. Nothing when it is there. Any number may do so at once: none holds a lock yet.
    public func addAgent(_ agent: AgentName) throws(StoreFault) {
        let errand = Errand("add the agent", agent.text)
        try errand.inStore { () throws(FileFault) in
            // One that is there may have been made by somebody who could not make it durable; with a version of its own it is.
            if try hasVersions(agent) { return }
            var tries = 0
            while try disk.entry(at: StoreLayout.agent(agent)) == nil {
                do throws(FileFault) { try makeDirectory(of: agent) } catch {
                    // Somebody else was faster, and may have tidied our half away by now. Whoever then removed the agent, we make it anew.
                    tries += 1
                    let isThere = try disk.entry(at: StoreLayout.agent(agent)) != nil
                    guard isThere || tries < 8 && [.notEmpty, .exists].contains(error.kind) else { throw error }
                }
            }
            try disk.syncDirectory(StoreLayout.agents)
        }
    }

    /// Whoever looks may be looking at an agent that is going.
    private func hasVersions(_ agent: AgentName) throws(FileFault) -> Bool {
        do throws(FileFault) { return try !disk.names(in: StoreLayout.versions(agent)).isEmpty } catch {
            guard error.kind == .missing else { throw error }
            return false
        }
    }

    private func makeDirectory(of agent: AgentName) throws(FileFault) {
        let staging = try makeStaging(for: agent)
        do throws(FileFault) {
            try disk.makeDirectory(staging / "versions", mode: 0o700)
            try disk.replace(staging / "numbers", with: CheckedLine.encode(NumberRecord(next: VersionNumber(1))))
            try disk.syncDirectory(staging)
            try disk.rename(staging, to: StoreLayout.agent(agent))
        } catch {
            try? disk.removeTree(staging)  // else the first who holds the agent does
            throw error
        }
    }

    /// A directory that nobody else has. Those of makers who died stay until the agent is put in order.
    private func makeStaging(for agent: AgentName) throws(FileFault) -> DiskPath {
        var number = 1
        while true {
            let staging = StoreLayout.staging / (StoreLayout.prefix(agent) + StoreLayout.newAgent + "\(number)")
            do throws(FileFault) {
                try disk.makeDirectory(staging, mode: 0o700)
                return staging
            } catch {
                guard error.kind == .exists, number < 4096 else { throw error }
                number += 1
            }
        }
    }

    /// Makes the caller the agent's one writer.
    /// - Parameter holder: tells others who it is: "pid 4711".
    /// - Throws: `held(by:)` when another is.
    public func lock(_ agent: AgentName, holder: String) throws(StoreFault) -> any DiskLock {
        let errand = Errand("lock the agent", agent.text)
        try require(agent, errand)
        do throws(FileFault) { return try disk.lock(StoreLayout.lock(agent), holder: holder) } catch {
            if error.kind == .missing { throw errand.fault(.noSuchAgent) }  // removed since we looked
            guard error.kind == .busy else { return try errand.inStore { () throws(FileFault) in throw error } }
            // Whoever just took it may not have said yet who it is.
            let holder = disk.lockHolder(StoreLayout.lock(agent)).flatMap { $0.isEmpty ? nil : $0 }
            throw errand.fault(.held(by: holder ?? "somebody who did not say who"))
        }
    }

    /// For as long as versions are copied elsewhere: of two at once, one would take out of the place what the other has just put there.
    public func lockCopies(holder: String) throws(StoreFault) -> any DiskLock {
        let errand = Errand("copy versions of", disk.rootName)
        do throws(FileFault) { return try disk.lock(StoreLayout.copying, holder: holder) } catch {
            guard error.kind == .busy else { return try errand.inStore { () throws(FileFault) in throw error } }
            let holder = disk.lockHolder(StoreLayout.copying).flatMap { $0.isEmpty ? nil : $0 }
            throw errand.fault(.held(by: holder ?? "somebody who did not say who"))
        }
    }

    func require(_ agent: AgentName, _ errand: Errand) throws(StoreFault) {
        let entry = try errand.inStore { () throws(FileFault) in try disk.entry(at: StoreLayout.agent(agent)) }
        guard entry?.kind == .directory else { throw errand.fault(.noSuchAgent) }
    }

    func require(_ agent: AgentName, _ version: VersionNumber, _ errand: Errand) throws(StoreFault) {
        try require(agent, errand)
        let entry = try errand.inStore { () throws(FileFault) in try disk.entry(at: StoreLayout.version(agent, version)) }
        guard entry != nil else { throw errand.fault(.noSuchVersion) }
    }
}

public import AgentModel
internal import OutsideWorld

/// Reads what is stored of one agent and compares it with what was stored, a little at a time: version by version, then pack by pack. It changes nothing,
/// and may be left at any moment. Documentation: docs/store-format.md#scrub
public final class Scrubbing: Sendable {
    public enum Outcome: Hashable, Sendable {
        /// There is more of it.
        case goesOn
        case whole
        /// It is not what was stored: which part, and how it differs.
        case damaged(part: String, how: String)
        /// It went meanwhile, or the disk did not let it be read. Nothing is said of it.
        case unknown(String)
    }

    /// Read at a time, before anyone else is let in.
    private static let slice: UInt64 = 8 << 20

    private let store: CheckpointStore
    private let agent: AgentName
    // `work` is never called by two at once: its jobs are done one after the other.
    nonisolated(unsafe) private var reading: VersionReading?

    public init(of agent: AgentName, in store: CheckpointStore) {
        self.agent = agent
        self.store = store
    }

    /// Goes on with `version`.
    /// - Parameter isWanted: asked after every half megabyte.
    public func work(_ version: VersionNumber, while isWanted: () -> Bool) -> Outcome {
        var errand = Errand("verify", agent, version)
        errand.asksAgain = true
        do throws(StoreFault) {
            if reading?.version != version { reading = try VersionReading(version, of: agent, in: store, errand) }
            guard let reading else { return .goesOn }
            guard try reading.goOn(Self.slice, errand, while: isWanted) else { return .goesOn }
            self.reading = nil
            return .whole
        } catch {
            reading = nil
            let outcome = outcome(of: error)
            if case .damaged = outcome { store.doubtPacks(of: agent, version) }
            return outcome
        }
    }

    /// - Returns: names of all packs, sorted.
    public func packs() -> [String] { (try? PackShelf(of: agent, on: store.disk).names.map(\.text)) ?? [] }

    /// Reads the whole pack: at most 64 MiB.
    public func work(pack name: String) -> Outcome {
        let errand = Errand("verify the packs of", agent.text)
        do throws(StoreFault) {
            try errand.inStore { () throws(FileFault) in
                let shelf = try PackShelf(of: agent, on: store.disk)
                guard let pack = shelf.names.first(where: { $0.text == name }) else { return }
                do throws(FileFault) { try shelf.verify(pack) } catch {
                    if case .damaged = error.kind { store.doubt(error.what, of: agent) }
                    throw error
                }
            }
            return .whole
        } catch { return outcome(of: error) }
    }

    /// What was read of a version so far is forgotten. Not while it works.
    public func abandon() { reading = nil }

    private func outcome(of fault: StoreFault) -> Outcome {
        switch fault.kind {
        case .broken(let part, let how): .damaged(part: part, how: how)
        case .damagedPack(let pack, let how): .damaged(part: pack, how: how)
        case .system(let cause):
            if case .damaged(let how) = cause.kind { .damaged(part: cause.what, how: how) } else { .unknown(fault.sentence) }
        default: .unknown(fault.sentence)
        }
    }
}

/// One version on its way. For one thread.
private final class VersionReading {
    private struct Item {
        let part: String
        let stored: Measure
        let hash: FileHash
        let open: () throws(FileFault) -> any DiskFile
    }

    let version: VersionNumber
    private var items: [Item] = []
    private var next = 0
    private var file: MeasuredFile?

    /// Reads its lists, and looks whether all that they name is there and nothing else.
    init(_ version: VersionNumber, of agent: AgentName, in store: CheckpointStore, _ errand: Errand) throws(StoreFault) {
        self.version = version
        let known = try store.knownInOutline(agent, version, errand)
        let content = known.content
        if let state = known.manifest.state {
            items.append(
                Item(part: "state", stored: Measure(size: state.size, digest: state.sha256), hash: .sha256) { () throws(FileFault) in
                    try content.state()
                })
        }
        for entry in known.images {
            let hash: FileHash = entry.sha256 == nil ? .xxh3 : .sha256
            let stored = Measure(size: entry.size ?? 0, digest: entry.sha256 ?? entry.xxh3 ?? "")
            items.append(
                Item(part: "process/\(entry.path)", stored: stored, hash: hash) { () throws(FileFault) in try content.image(entry.path) })
        }
        for entry in known.tree where entry.kind == .file && entry.same == nil {
            let stored = Measure(size: entry.size ?? 0, digest: entry.sha256 ?? "")
            items.append(
                Item(part: "workspace/\(entry.path)", stored: stored, hash: .sha256) { () throws(FileFault) in
                    try content.file(entry.path)
                })
        }
    }

    /// - Returns: whether all of it was read, and is what it was.
    func goOn(_ slice: UInt64, _ errand: Errand, while isWanted: () -> Bool) throws(StoreFault) -> Bool {
        var left = Int(slice)
        var piece: [UInt8] = []
        while next < items.count {
            guard left > 0, isWanted() else { return false }
            let item = items[next]
            if file == nil { file = MeasuredFile(try errand.reading(item.part, item.open), item.hash, limit: item.stored.size) }
            guard let file else { return false }
            // A file costs its opening, too.
            left -= 4096
            if try errand.reading(item.part, { () throws(FileFault) in try file.next(&piece) }) {
                left -= piece.count
                continue
            }
            let found = file.finish()
            self.file = nil
            next += 1
            guard found == item.stored else {
                let how =
                    found.size == item.stored.size && !found.isCutOff
                    ? "its bytes are not what was stored" : "it does not hold the \(item.stored.size) bytes that were stored"
                throw errand.fault(.broken(part: item.part, how: how))
            }
        }
        return true
    }
}

// SimulatedWorld: the outside from a seed, adversarial where the real one may be. For tests and simulations.

public import AgentModel
public import OutsideWorld
internal import Synchronization

/// What can be made to happen at one operation of a simulated disk.
public enum DiskTrouble: String, Hashable, Sendable, CaseIterable {
    /// Of a write, half arrives.
    case full
    case readOnly, denied, io
    /// The power fails just before the operation, or just after it was done. Every operation fails until `restart`.
    case powerCutBefore, powerCutAfter
}

/// One operation that was asked of a simulated disk.
public struct DiskOperation: Hashable, Sendable, CustomStringConvertible {
    public var name: String
    public var path: String
    /// Whether it can change the disk or make changes durable.
    public var changes: Bool
    public var description: String { "\(name) \(path)" }
}

/// A `Disk` in memory that keeps, tears or forgets what was not synced as its seed says.
public final class SimulatedDisk: Disk {
    struct State: Sendable {
        var tree: SimulatedTree
        var random: SeededRandom
        var time = WallTime(seconds: 1_795_248_000)
        var capacity: UInt64?
        var isReadOnly = false
        var isDown = false
        /// Who we are: what we make is ours.
        var user = FileOwner.root
        /// Whether files may have extended attributes here, and second names.
        var hasAttributes = true
        var hasLinks = true
        /// nil: nobody would even try.
        var sharing: Sharing?
        /// Counts lives: handles and locks of an earlier one are dead.
        var life = 0
        var locks: [DiskPath: (holder: String, token: Int)] = [:]
        var nextToken = 0
        var troubles: [Int: DiskTrouble] = [:]
        var operations = 0
        var trace: [DiskOperation]?
    }

    public let rootName: String
    let state: Mutex<State>
    let clock: (@Sendable () -> WallTime)?

    /// - Parameter clock: gives the time of changes; nil: a microsecond passes with every operation.
    public init(seed: UInt64, rootName: String = "/store", capacity: ByteCount? = nil, clock: (@Sendable () -> WallTime)? = nil) {
        self.rootName = rootName
        self.clock = clock
        let start = clock?() ?? WallTime(seconds: 1_795_248_000)
        state = Mutex(State(tree: SimulatedTree(at: start, owner: .root), random: SeededRandom(seed: seed), capacity: capacity?.bytes))
    }

    // MARK: One operation

    /// Counts, notes and fails the operation as planned, else does it. `body` gets the time of the change.
    func perform<Result: Sendable>(
        _ name: String, _ path: DiskPath?, changes: Bool = true, partial: (@Sendable (inout State) -> Void)? = nil,
        _ body: (inout State) throws(Refusal) -> Result
    ) throws(FileFault) -> Result {
        let now = clock?()
        return try state.withLock { (state: inout State) throws(FileFault) -> Result in
            do throws(Refusal) {
                return try Self.run(&state, at: now, DiskOperation(name: name, path: path?.text ?? ".", changes: changes), partial, body)
            } catch {
                throw FileFault(error.kind, doing: name, what: path.map { "\(rootName)/\($0)" } ?? rootName)
            }
        }
    }

    private static func run<Result>(
        _ state: inout State, at now: WallTime?, _ operation: DiskOperation, _ partial: ((inout State) -> Void)?,
        _ body: (inout State) throws(Refusal) -> Result
    ) throws(Refusal) -> Result {
        if state.isDown { throw .system(5) }
        state.operations += 1
        state.trace?.append(operation)
        state.time = now ?? state.time + .microseconds(1)
        let trouble = state.troubles.removeValue(forKey: state.operations)
        if operation.changes, state.isReadOnly { throw .readOnly }
        switch trouble {
        case .full where operation.changes:
            partial?(&state)
            throw .full
        case .readOnly where operation.changes: throw .readOnly
        case .denied: throw .denied
        case .io: throw .system(5)
        case .powerCutBefore:
            cutPower(&state)
            throw .system(5)
        case .powerCutAfter:
            defer { cutPower(&state) }
            _ = try body(&state)
            throw .system(5)
        case .full, .readOnly, nil: return try body(&state)
        }
    }

    static func cutPower(_ state: inout State) {
        state.tree.powerCut(&state.random)
        state.isDown = true
        state.life += 1
        state.locks = [:]
    }

    // MARK: Disk

    public func open(_ path: DiskPath, _ mode: OpenMode) throws(FileFault) -> any DiskFile {
        let changes = mode != .read
        let (node, life) = try perform("open", path, changes: changes) { state throws(Refusal) in
            let node = try Self.open(&state, path, mode)
            state.tree.nodes[node]?.openHandles += 1
            return (node, state.life)
        }
        return SimulatedFile(disk: self, path: path, node: node, life: life, mode: mode)
    }

    private static func open(_ state: inout State, _ path: DiskPath, _ mode: OpenMode) throws(Refusal) -> Int {
        let found = try state.tree.find(path)
        switch (found, mode) {
        case (nil, .read): throw .missing
        case (_?, .createNew): throw .exists
        case (let node?, .read), (let node?, .append):
            switch state.tree.nodes[node]?.kind {
            case .file: return node
            case .link: throw .system(40)  // ELOOP
            case .directory: throw .system(21)  // EISDIR
            case .other, nil: throw .system(6)  // ENXIO
            }
        case (nil, .createNew(let bits)), (nil, .append(let bits)):
            try state.needRoom()
            return try state.tree.add(SimulatedNode(.file, mode: bits & 0o7777, at: state.time, owner: state.user), at: path)
        }
    }

    public func entry(at path: DiskPath) throws(FileFault) -> DiskEntry? {
        try perform("stat", path, changes: false) { state throws(Refusal) -> DiskEntry? in
            do throws(Refusal) {
                guard let found = try state.tree.find(path), let node = state.tree.nodes[found] else { return nil }
                return Self.entry(node, number: found)
            } catch {
                if case .missing = error { return nil }
                throw error
            }
        }
    }

    private static func entry(_ node: SimulatedNode, number: Int) -> DiskEntry {
        let kind: DiskEntry.Kind =
            switch node.kind {
            case .file: .file
            case .directory: .directory
            case .other: .other
            case .link(let target): .symbolicLink(target: target)
            }
        return DiskEntry(
            kind: kind, size: UInt64(node.content.count), mode: node.now.mode, modifiedAt: node.now.modifiedAt, owner: node.now.owner,
            hasOtherNames: node.kind != .directory && node.names > 1, number: FileNumber(device: 1, inode: UInt64(number)),
            identity: FileIdentity(device: 1, inode: UInt64(number), changedAt: node.changedAt))
    }

    public func names(in directory: DiskPath?) throws(FileFault) -> [String] {
        try perform("list", directory, changes: false) { state throws(Refusal) in
            let entries = state.tree.nodes[try state.tree.directory(directory)]?.entries ?? [:]
            return entries.keys.sorted().map(\.text).shuffled(using: &state.random)
        }
    }

    public func makeDirectory(_ path: DiskPath, mode: UInt32) throws(FileFault) {
        try perform("mkdir", path) { state throws(Refusal) in
            try state.needRoom()
            _ = try state.tree.add(SimulatedNode(.directory, mode: mode & 0o7777, at: state.time, owner: state.user), at: path)
        }
    }

    public func makeSymbolicLink(_ path: DiskPath, to target: String) throws(FileFault) {
        try perform("symlink", path) { state throws(Refusal) in
            try state.needRoom()
            let link = SimulatedNode(.link(target: target), mode: 0o777, at: state.time, owner: state.user)
            _ = try state.tree.add(link, at: path)
        }
    }

    public func rename(_ source: DiskPath, to target: DiskPath) throws(FileFault) {
        try perform("rename", source) { state throws(Refusal) in try state.tree.rename(source, to: target, at: state.time) }
    }

    public func renameNew(_ source: DiskPath, to target: DiskPath) throws(FileFault) {
        try perform("rename", source) { state throws(Refusal) in
            guard try state.tree.find(source) != nil else { throw .missing }
            guard try state.tree.find(target) == nil else { throw .exists }
            try state.tree.rename(source, to: target, at: state.time)
        }
    }

    public func removeFile(_ path: DiskPath) throws(FileFault) {
        try perform("unlink", path) { state throws(Refusal) in try state.tree.remove(path, directory: false, at: state.time) }
    }

    public func removeDirectory(_ path: DiskPath) throws(FileFault) {
        try perform("rmdir", path) { state throws(Refusal) in try state.tree.remove(path, directory: true, at: state.time) }
    }

    public func setMode(_ path: DiskPath, _ mode: UInt32) throws(FileFault) {
        try perform("chmod", path) { state throws(Refusal) in
            guard let node = try state.tree.find(path) else { throw .missing }
            if case .link = state.tree.nodes[node]?.kind { throw .system(95) }  // EOPNOTSUPP
            try state.refuseOtherNames(node)
            state.tree.nodes[node]?.now.mode = mode & 0o7777
            state.tree.nodes[node]?.changedAt = state.time
        }
    }

    public func setOwner(_ path: DiskPath?, _ owner: FileOwner) throws(FileFault) {
        try perform("chown", path) { state throws(Refusal) in
            var node: Int? = SimulatedTree.root
            if let path { node = try state.tree.find(path) }
            guard let node else { throw .missing }
            try state.refuseOtherNames(node)
            guard state.mayGive(owner) else { throw .denied }
            state.tree.nodes[node]?.now.owner = owner
            if state.tree.nodes[node]?.kind == .file {
                state.tree.nodes[node]?.now.mode &= 0o1777
                state.tree.nodes[node]?.now.attributes[ExtendedAttribute.capability] = nil
            }
            state.tree.nodes[node]?.changedAt = state.time
        }
    }

    public func mayGive(_ owner: FileOwner) -> Bool { state.withLock { $0.mayGive(owner) } }

    public func rootEntry() throws(FileFault) -> DiskRoot {
        try perform("stat", nil, changes: false) { state throws(Refusal) in
            guard let root = state.tree.nodes[SimulatedTree.root] else { throw .missing }
            return DiskRoot(owner: root.now.owner, mode: root.now.mode, isOurs: root.now.owner.user == state.user.user)
        }
    }

    public func setModified(_ path: DiskPath, _ time: WallTime) throws(FileFault) {
        try perform("utime", path) { state throws(Refusal) in
            guard let node = try state.tree.find(path) else { throw .missing }
            state.tree.nodes[node]?.now.modifiedAt = time
            state.tree.nodes[node]?.changedAt = state.time
        }
    }

    public func syncDirectory(_ path: DiskPath?) throws(FileFault) {
        try perform("syncdir", path) { state throws(Refusal) in state.tree.sync(directory: try state.tree.directory(path)) }
    }

    public func freeSpace() throws(FileFault) -> ByteCount {
        try perform("statfs", nil, changes: false) { state in ByteCount(state.free) }
    }

    public var totalSpace: ByteCount? { state.withLock { $0.capacity.map { ByteCount($0) } } }
}

extension SimulatedDisk.State {
    var free: UInt64 {
        guard let capacity else { return 1 << 40 }
        return capacity > tree.used ? capacity - tree.used : 0
    }

    /// EMLINK
    func refuseOtherNames(_ node: Int) throws(Refusal) {
        if let found = tree.nodes[node], found.kind != .directory, found.names > 1 { throw .system(31) }
    }

    func mayGive(_ owner: FileOwner) -> Bool { user == .root || owner == user }

    /// A new name needs some room too.
    func needRoom() throws(Refusal) {
        if free == 0 { throw .full }
    }
}

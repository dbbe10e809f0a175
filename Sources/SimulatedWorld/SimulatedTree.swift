internal import AgentModel
internal import OutsideWorld

/// A file, directory or link, as it is now and as far as it is safe from a power cut.
struct SimulatedNode: Sendable {
    enum Kind: Hashable, Sendable {
        case file, directory, other
        case link(target: String)
    }
    /// What fsync makes safe of it, besides its content.
    struct Facts: Hashable, Sendable {
        var mode: UInt32
        var modifiedAt: WallTime
        var owner: FileOwner
        var attributes: [String: [UInt8]] = [:]
    }
    let kind: Kind
    /// Its ctime.
    var changedAt: WallTime
    var now: Facts
    var safe: Facts
    private(set) var content: [UInt8] = []
    /// Files grow at their end, so that what is safe of one is a beginning of what it holds: no copy of it need be kept.
    private var safeLength = 0
    /// What is safe of a file whose content was replaced.
    private var safeInstead: [UInt8]?
    /// Of a directory. Keys are single components.
    var entries: [DiskPath: Int] = [:]
    var safeEntries: [DiskPath: Int] = [:]
    var openHandles = 0
    /// How many names it has.
    var names = 0

    init(_ kind: Kind, mode: UInt32, at time: WallTime, owner: FileOwner) {
        self.kind = kind
        changedAt = time
        now = Facts(mode: mode, modifiedAt: time, owner: owner)
        safe = now
    }

    // MARK: Content

    var safeContent: ArraySlice<UInt8> { safeInstead?[...] ?? content[..<safeLength] }
    var isSafe: Bool { now == safe && (safeInstead.map { $0 == content } ?? (safeLength == content.count)) }

    mutating func append(_ bytes: ArraySlice<UInt8>) { content += bytes }

    mutating func replaceContent(with bytes: [UInt8]) {
        safeInstead = Array(safeContent)
        content = bytes
    }

    /// It holds this now, and would after a power cut.
    mutating func holdSafely(_ bytes: [UInt8]) {
        content = bytes
        safeLength = bytes.count
        safeInstead = nil
    }

    mutating func makeSafe() {
        safe = now
        safeLength = content.count
        safeInstead = nil
    }
}

/// The tree of a simulated disk: what is there now, and which changes of names a power cut may still undo.
struct SimulatedTree: Sendable {
    /// One name in one directory now means this node, or nothing.
    struct NameEdit: Sendable {
        var directory: Int
        var name: DiskPath
        var node: Int?
    }
    /// One name in one directory.
    private struct Place: Hashable {
        var directory: Int
        var name: DiskPath
    }
    /// Edits that happen together or not at all: one, or the two of a rename.
    typealias NameChange = [NameEdit]

    static let root = 0
    var nodes: [Int: SimulatedNode]
    /// Sum of the contents of all files that have a name.
    private(set) var used: UInt64 = 0
    private var pending: [NameChange] = []
    private var nextNode = 1
    private var collectAt = 4096
    /// Where directories were found, until a directory goes or moves: most of what is asked for lies in the few of one agent.
    private var found: [DiskPath: Int] = [:]

    init(at time: WallTime, owner: FileOwner) {
        nodes = [Self.root: SimulatedNode(.directory, mode: 0o700, at: time, owner: owner)]
    }

    // MARK: Looking

    /// The node at `path`; nil: nothing is there, though its directory is.
    mutating func find(_ path: DiskPath) throws(Refusal) -> Int? {
        nodes[try directory(path.parent)]?.entries[Self.component(path)]
    }

    /// The directory `path`, nil being the root. No link is followed.
    mutating func directory(_ path: DiskPath?) throws(Refusal) -> Int {
        guard let path else { return Self.root }
        if let number = found[path] { return number }
        var current = Self.root
        for part in path.text.utf8.split(separator: UInt8(ascii: "/")) {
            guard let name = DiskPath(String(decoding: part, as: UTF8.self)), let next = nodes[current]?.entries[name] else {
                throw .missing
            }
            guard nodes[next]?.kind == .directory else { throw .notDirectory }
            current = next
        }
        found[path] = current
        return current
    }

    static func component(_ path: DiskPath) -> DiskPath {
        guard let name = DiskPath(path.name) else { preconditionFailure("'\(path)' has no last component") }
        return name
    }

    // MARK: Changing

    mutating func add(_ node: SimulatedNode, at path: DiskPath) throws(Refusal) -> Int {
        let parent = try directory(path.parent)
        let name = Self.component(path)
        guard nodes[parent]?.entries[name] == nil else { throw .exists }
        let number = nextNode
        nextNode += 1
        nodes[number] = node
        // Not yet safe in any directory, so nothing of it is safe either.
        change([NameEdit(directory: parent, name: name, node: number)], at: node.now.modifiedAt)
        return number
    }

    mutating func remove(_ path: DiskPath, directory wantsDirectory: Bool, at time: WallTime) throws(Refusal) {
        guard let number = try find(path), let node = nodes[number] else { throw .missing }
        switch (node.kind, wantsDirectory) {
        case (.directory, false): throw .system(21)  // EISDIR
        case (.file, true), (.link, true), (.other, true): throw .notDirectory
        case (.directory, true): guard node.entries.isEmpty else { throw .notEmpty }
        case (.file, false), (.link, false), (.other, false): break
        }
        if wantsDirectory { found = [:] }
        change([NameEdit(directory: try directory(path.parent), name: Self.component(path), node: nil)], at: time)
    }

    mutating func rename(_ source: DiskPath, to target: DiskPath, at time: WallTime) throws(Refusal) {
        guard let moved = try find(source), let movedKind = nodes[moved]?.kind else { throw .missing }
        if target.isBelow(source) { throw .system(22) }  // EINVAL
        let replaced = try find(target)
        if replaced == moved { return }
        if let replaced, let old = nodes[replaced] {
            switch (movedKind == .directory, old.kind == .directory) {
            case (true, true): guard old.entries.isEmpty else { throw .notEmpty }
            case (true, false): throw .notDirectory
            case (false, true): throw .system(21)  // EISDIR
            case (false, false): break
            }
        }
        let edits = [
            NameEdit(directory: try directory(source.parent), name: Self.component(source), node: nil),
            NameEdit(directory: try directory(target.parent), name: Self.component(target), node: moved),
        ]
        if movedKind == .directory { found = [:] }
        change(edits, at: time)
    }

    /// Another name of a file.
    mutating func link(_ path: DiskPath, to existing: DiskPath, at time: WallTime) throws(Refusal) {
        guard let number = try find(existing) else { throw .missing }
        if nodes[number]?.kind == .directory { throw .denied }  // EPERM
        let parent = try directory(path.parent)
        let name = Self.component(path)
        guard nodes[parent]?.entries[name] == nil else { throw .exists }
        change([NameEdit(directory: parent, name: name, node: number)], at: time)
    }

    mutating func append(_ bytes: ArraySlice<UInt8>, to number: Int, at time: WallTime) {
        nodes[number]?.append(bytes)
        // Who may write it does not become who may do what it could.
        nodes[number]?.now.attributes[ExtendedAttribute.capability] = nil
        nodes[number]?.now.modifiedAt = time
        nodes[number]?.changedAt = time
        if nodes[number]?.names != 0 { used += UInt64(bytes.count) }
    }

    mutating func replaceContent(of number: Int, with bytes: [UInt8]) {
        let hasName = nodes[number]?.names != 0
        if hasName { used -= UInt64(nodes[number]?.content.count ?? 0) }
        nodes[number]?.replaceContent(with: bytes)
        if hasName { used += UInt64(bytes.count) }
    }

    private mutating func change(_ edits: NameChange, at time: WallTime) {
        for edit in edits {
            if let old = nodes[edit.directory]?.entries[edit.name] {
                count(old, -1)
                nodes[old]?.changedAt = time
            }
            if let new = edit.node { count(new, 1) }
            nodes[edit.directory]?.entries[edit.name] = edit.node
            nodes[edit.directory]?.now.modifiedAt = time
            nodes[edit.directory]?.changedAt = time
            if let node = edit.node { nodes[node]?.changedAt = time }
        }
        pending.append(edits)
        if nodes.count > collectAt { collect() }
    }

    /// One name more or less: what has none takes no room.
    private mutating func count(_ number: Int, _ change: Int) {
        guard let (size, names) = nodes[number].map({ (UInt64($0.content.count), $0.names) }) else { return }
        if names == 0 { used += size }
        if names + change == 0 { used -= size }
        nodes[number]?.names = names + change
    }

    // MARK: Making safe

    mutating func sync(file number: Int) {
        nodes[number]?.makeSafe()
    }

    mutating func sync(directory number: Int) {
        sync(file: number)
        // Of a rename between two directories it is the target that must be synced: who syncs only the source knows nothing.
        settle { edits in edits.contains { $0.directory == number && ($0.node != nil || edits.count == 1) } }
    }

    mutating func syncAll() {
        settle { _ in true }
        for number in nodes.keys { sync(file: number) }
    }

    /// Makes safe the changes that `chosen` picks (asked from the newest to the oldest) and those they stand on: an earlier change of the
    /// same name. The others stay pending.
    private mutating func settle(where chosen: (NameChange) -> Bool) {
        var kept: [NameChange] = []
        var settled: [NameChange] = []
        var touched: Set<Place> = []
        for change in pending.reversed() {
            let places = change.map { Place(directory: $0.directory, name: $0.name) }
            // Asked always, so that the seed is used up evenly.
            if chosen(change) || places.contains(where: touched.contains) {
                settled.append(change)
                touched.formUnion(places)
            } else {
                kept.append(change)
            }
        }
        for edit in settled.reversed().joined() { nodes[edit.directory]?.safeEntries[edit.name] = edit.node }
        pending = kept.reversed()
    }

    // MARK: Power cut

    /// Forgets what was not safe, or half of it, or nothing, as `random` says.
    mutating func powerCut(_ random: inout SeededRandom) {
        var generator = random
        found = [:]
        settle { _ in generator.coin() }
        pending = []
        for number in nodes.keys.sorted() {
            guard var node = nodes[number] else { continue }
            Self.survive(&node, &generator)
            node.entries = node.safeEntries
            node.openHandles = 0
            nodes[number] = node
        }
        random = generator
        collect()
        recount()
    }

    mutating func recount() {
        var names: [Int: Int] = [:]
        for node in nodes.values { for child in node.entries.values { names[child, default: 0] += 1 } }
        for number in nodes.keys { nodes[number]?.names = names[number] ?? 0 }
        used = names.keys.reduce(0) { $0 + UInt64(nodes[$1]?.content.count ?? 0) }
    }

    /// What is safe survives; of the bytes written since then none, all, some, or some followed by zeros.
    private static func survive(_ node: inout SimulatedNode, _ random: inout SeededRandom) {
        guard !node.isSafe else { return }
        var facts = node.safe
        if random.coin() { facts.mode = node.now.mode }
        if random.coin() { facts.modifiedAt = node.now.modifiedAt }
        if node.now.owner != node.safe.owner, random.coin() { facts.owner = node.now.owner }
        if node.now.attributes != node.safe.attributes, random.coin() { facts.attributes = node.now.attributes }
        let (old, new) = (node.safeContent.count, node.content.count)
        let arrived = min(new, old + random.number(below: max(0, new - old) + 1))
        switch random.number(below: 4) {
        case 0: node.holdSafely(Array(node.safeContent))
        case 1: node.holdSafely(node.content)
        case 2: node.holdSafely(Array(node.content[..<arrived]))
        default: node.holdSafely(node.content[..<arrived] + [UInt8](repeating: 0, count: new - arrived))
        }
        node.now = facts
        node.safe = facts
    }

    /// Forgets nodes that no name, no change and no open file leads to.
    private mutating func collect() {
        var reached: Set<Int> = []
        var waiting = [Self.root] + pending.joined().compactMap(\.node) + nodes.filter { $0.value.openHandles > 0 }.keys
        while let number = waiting.popLast() {
            guard let node = nodes[number], reached.insert(number).inserted else { continue }
            waiting += node.entries.values
            waiting += node.safeEntries.values
        }
        nodes = nodes.filter { reached.contains($0.key) }
        collectAt = max(4096, nodes.count * 2)
    }
}

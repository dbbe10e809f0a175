public import AgentModel
public import OutsideWorld
internal import Synchronization

// MARK: Crashes

extension SimulatedDisk {
    /// Cuts the power: unsynced bytes and names survive or not, locks and open files die, every operation fails until `restart`.
    public func powerCut() { state.withLock { Self.cutPower(&$0) } }

    /// The machine is up again.
    public func restart() { state.withLock { $0.isDown = false } }

    public var isDown: Bool { state.withLock { $0.isDown } }

    /// The process that used the disk is killed: locks and open files die, nothing that was written is lost.
    public func processDied() {
        state.withLock { state in
            state.life += 1
            state.locks = [:]
            for number in state.tree.nodes.keys { state.tree.nodes[number]?.openHandles = 0 }
        }
    }
}

// MARK: Trouble

extension SimulatedDisk {
    /// Operations asked for until now. The next is this + 1.
    public var operationCount: Int { state.withLock { $0.operations } }

    /// Makes the operation with this number, counted from 1 over the disk's whole life, go wrong once. `full` and `readOnly` do nothing to
    /// operations that only read.
    public func fail(at operation: Int, with trouble: DiskTrouble) { state.withLock { $0.troubles[operation] = trouble } }

    /// Forgets troubles that have not happened.
    public func forgetTroubles() { state.withLock { $0.troubles = [:] } }

    /// Read-only from now on, until told otherwise.
    public func setReadOnly(_ isReadOnly: Bool) { state.withLock { $0.isReadOnly = isReadOnly } }

    /// Another user from now on, to whom the root belongs; root may give files away, others may not.
    public func become(_ user: FileOwner) {
        state.withLock { state in
            state.user = user
            state.tree.nodes[SimulatedTree.root]?.now.owner = user
            state.tree.nodes[SimulatedTree.root]?.safe.owner = user
        }
    }

    /// Of the root itself.
    public func setRootMode(_ mode: UInt32) { state.withLock { $0.tree.nodes[SimulatedTree.root]?.now.mode = mode } }

    /// Bytes that all files together may take; nil: as good as endless.
    public func setCapacity(_ capacity: ByteCount?) { state.withLock { $0.capacity = capacity?.bytes } }

    /// Bytes that all files together take.
    public var used: ByteCount { state.withLock { ByteCount($0.tree.used) } }

    /// The operations `body` asks for.
    public func trace<E: Error>(_ body: () throws(E) -> Void) throws(E) -> [DiskOperation] {
        state.withLock { $0.trace = [] }
        defer { state.withLock { $0.trace = nil } }
        try body()
        return state.withLock { $0.trace ?? [] }
    }
}

// MARK: Copies

extension SimulatedDisk {
    /// Another disk with the same content, no locks, nothing open, and a fate of its own.
    public func copy(seed: UInt64) -> SimulatedDisk {
        let copy = SimulatedDisk(seed: seed, rootName: rootName, clock: clock)
        state.withLock { original in
            copy.state.withLock { state in
                state.tree = original.tree
                state.time = original.time
                state.capacity = original.capacity
                state.isReadOnly = original.isReadOnly
                state.isDown = original.isDown
                state.user = original.user
                (state.hasAttributes, state.hasLinks) = (original.hasAttributes, original.hasLinks)
                state.sharing = original.sharing
            }
        }
        return copy
    }

    /// Everything written until now is safe.
    public func syncAll() { state.withLock { $0.tree.syncAll() } }
}

// MARK: Looking and spoiling past the operations, for oracles

extension SimulatedDisk {
    /// Everything below the root, without counting as operations.
    public func contents() -> [DiskPath: SimulatedContent] {
        state.withLock { state in
            var found: [DiskPath: SimulatedContent] = [:]
            var names: [Int: [DiskPath]] = [:]
            var waiting: [(DiskPath?, Int)] = [(nil, SimulatedTree.root)]
            while let (path, number) = waiting.popLast() {
                for (name, child) in state.tree.nodes[number]?.entries ?? [:] {
                    guard let node = state.tree.nodes[child] else { continue }
                    let childPath = path.map { $0 / name.text } ?? name
                    found[childPath] = SimulatedContent(node)
                    if node.names > 1 { names[child, default: []].append(childPath) }
                    waiting.append((childPath, child))
                }
            }
            for paths in names.values { for path in paths { found[path]?.firstName = paths.min() } }
            return found
        }
    }

    /// The content of one file. nil: there is none.
    public func peek(_ path: DiskPath) -> [UInt8]? {
        state.withLock { state in
            guard case .some(.some(let number)) = try? state.tree.find(path), let node = state.tree.nodes[number], node.kind == .file else {
                return nil
            }
            return node.content
        }
    }

    /// The names in a directory, sorted; empty when there is none.
    public func peekNames(_ path: DiskPath) -> [String] {
        state.withLock { state in
            guard let number = try? state.tree.directory(path) else { return [] }
            return (state.tree.nodes[number]?.entries.keys.map(\.text) ?? []).sorted()
        }
    }

    /// Flips one bit of a file, for good. - Returns: false when there is no such byte.
    @discardableResult
    public func damage(_ path: DiskPath, offset: Int, bit: Int) -> Bool {
        spoil(path) { content in
            guard content.indices.contains(offset) else { return false }
            content[offset] ^= 1 << UInt8(bit & 7)
            return true
        }
    }

    /// Cuts a file off, for good. - Returns: false when it is not longer than that.
    @discardableResult
    public func truncate(_ path: DiskPath, to size: Int = 0) -> Bool {
        spoil(path) { content in
            guard content.count > size else { return false }
            content.removeSubrange(size...)
            return true
        }
    }

    /// Replaces the content of a file, or makes one, behind everybody's back and durably.
    public func plant(_ path: DiskPath, _ bytes: [UInt8]) {
        let now = clock?()
        state.withLock { state in
            state.time = now ?? state.time + .microseconds(1)
            if case .some(.some) = try? state.tree.find(path) {
            } else {
                _ = try? state.tree.add(SimulatedNode(.file, mode: 0o600, at: state.time, owner: state.user), at: path)
                if let parent = try? state.tree.directory(path.parent) { state.tree.sync(directory: parent) }
            }
        }
        _ = spoil(path) { content in
            content = bytes
            return true
        }
        state.withLock { state in
            if case .some(.some(let node)) = try? state.tree.find(path) { state.tree.nodes[node]?.changedAt = state.time }
        }
    }

    /// Puts a socket, pipe or device there.
    public func plantOther(_ path: DiskPath) {
        state.withLock { state in _ = try? state.tree.add(SimulatedNode(.other, mode: 0o600, at: state.time, owner: state.user), at: path) }
    }

    private func spoil(_ path: DiskPath, _ change: @Sendable (inout [UInt8]) -> Bool) -> Bool {
        state.withLock { state in
            guard let found = try? state.tree.find(path), var node = state.tree.nodes[found], node.kind == .file else { return false }
            var content = node.content
            guard change(&content) else { return false }
            node.holdSafely(content)
            state.tree.nodes[found] = node
            state.tree.recount()
            return true
        }
    }
}

/// What lies at a path of a simulated disk.
public struct SimulatedContent: Hashable, Sendable {
    public enum Kind: Hashable, Sendable {
        case file([UInt8])
        case directory, other
        case link(target: String)
    }
    public var kind: Kind
    public var mode: UInt32
    public var modifiedAt: WallTime
    public var owner: FileOwner
    public var attributes: [String: [UInt8]]
    /// Of a file with more than one name: the first of them.
    public var firstName: DiskPath?

    init(_ node: SimulatedNode) {
        owner = node.now.owner
        attributes = node.now.attributes
        mode = node.now.mode
        modifiedAt = node.now.modifiedAt
        kind =
            switch node.kind {
            case .file: .file(node.content)
            case .directory: .directory
            case .other: .other
            case .link(let target): .link(target: target)
            }
    }
}

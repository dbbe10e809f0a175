internal import AgentModel
public import OutsideWorld
internal import Synchronization

/// An open file of a simulated disk. Dead after a power cut or the death of its process.
final class SimulatedFile: DiskFile {
    private let disk: SimulatedDisk
    private let path: DiskPath
    private let node: Int
    private let life: Int
    private let mode: OpenMode
    private var position = 0

    init(disk: SimulatedDisk, path: DiskPath, node: Int, life: Int, mode: OpenMode) {
        self.disk = disk
        self.path = path
        self.node = node
        self.life = life
        self.mode = mode
    }

    deinit {
        let (node, life) = (node, life)
        disk.state.withLock { state in
            if state.life == life { state.tree.nodes[node]?.openHandles -= 1 }
        }
    }

    func read(_ count: Int) throws(FileFault) -> [UInt8] {
        let bytes = try read(count, at: UInt64(position))
        position += bytes.count
        return bytes
    }

    func read(_ count: Int, at offset: UInt64) throws(FileFault) -> [UInt8] {
        let (life, node, start) = (life, node, Int(clamping: offset))
        return try disk.perform("read", path, changes: false) { state throws(Refusal) in
            guard state.life == life, let content = state.tree.nodes[node]?.content else { throw .system(5) }
            // A large read is shorter than asked for, at times: a reader that takes that for the end is wrong.
            let most = count >= 4096 && state.random.number(below: 8) == 0 ? count / 2 : count
            return Array(content[min(start, content.count)..<min(min(start, content.count) + most, content.count)])
        }
    }

    func write(_ bytes: [UInt8]) throws(FileFault) {
        let (life, node, mode) = (life, node, mode)
        let half = bytes.prefix(bytes.count / 2)
        let end = try disk.perform(
            "write", path, partial: { state in state.tree.append(half, to: node, at: state.time) },
            { state throws(Refusal) in
                guard state.life == life else { throw .system(5) }
                if mode == .read { throw .system(9) }  // EBADF
                let fitting = Int(min(state.free, UInt64(bytes.count)))
                state.tree.append(bytes.prefix(fitting), to: node, at: state.time)
                if fitting < bytes.count { throw .full }
                return state.tree.nodes[node]?.content.count ?? 0
            })
        position = end
    }

    func share(_ count: UInt64, of source: any DiskFile) throws(FileFault) -> Sharing {
        guard let source = source as? SimulatedFile, let sharing = disk.state.withLock({ $0.sharing }) else { return .never }
        let all = source.disk.state.withLock { $0.tree.nodes[source.node]?.content ?? [] }
        let (life, node, bytes) = (life, node, all.prefix(Int(clamping: count)))
        let result = try disk.perform("share", path) { state throws(Refusal) -> Sharing in
            guard state.life == life else { throw .system(5) }
            let size = state.tree.nodes[node]?.content.count ?? 0
            // To a block's beginning, and to one's end, or that of the file.
            guard size % 4096 == 0, UInt64(bytes.count) == count, count % 4096 == 0 || bytes.count == all.count else { return .notThisFile }
            if sharing == .shared {
                state.tree.append(bytes[...], to: node, at: state.time)
                // It takes no room beside what it shares.
                state.capacity = state.capacity.map { $0 + UInt64(bytes.count) }
            }
            return sharing
        }
        if result == .shared { position += bytes.count }
        return result
    }

    func attributes(limit: ByteCount) throws(FileFault) -> [ExtendedAttribute] {
        let (life, node) = (life, node)
        return try disk.attributes("flistxattr", path, limit: limit) { state throws(Refusal) in
            guard state.life == life else { throw .system(5) }
            return node
        }
    }

    func sync() throws(FileFault) {
        let (life, node) = (life, node)
        try disk.perform("sync", path) { state throws(Refusal) in
            guard state.life == life else { throw .system(5) }
            state.tree.sync(file: node)
        }
    }
}

/// A lock of a simulated disk, gone with its process.
final class SimulatedLock: DiskLock {
    private let disk: SimulatedDisk
    private let path: DiskPath
    private let token: Int

    init(disk: SimulatedDisk, path: DiskPath, token: Int) {
        self.disk = disk
        self.path = path
        self.token = token
    }
    deinit { release() }

    func release() {
        let (path, token) = (path, token)
        disk.state.withLock { state in
            if state.locks[path]?.token == token { state.locks[path] = nil }
        }
    }
}

extension SimulatedDisk {
    public func lock(_ path: DiskPath, holder: String) throws(FileFault) -> any DiskLock {
        let token = try perform("lock", path) { state throws(Refusal) in
            if state.locks[path] != nil { throw .busy }
            let node: Int
            if let found = try state.tree.find(path) {
                guard state.tree.nodes[found]?.kind == .file else { throw .system(40) }  // ELOOP
                node = found
            } else {
                try state.needRoom()
                node = try state.tree.add(SimulatedNode(.file, mode: 0o600, at: state.time, owner: state.user), at: path)
            }
            state.tree.replaceContent(of: node, with: Array(holder.utf8))
            state.nextToken += 1
            state.locks[path] = (holder, state.nextToken)
            return state.nextToken
        }
        return SimulatedLock(disk: self, path: path, token: token)
    }

    public func lockHolder(_ path: DiskPath) -> String? {
        state.withLock { $0.locks[path]?.holder }
    }
}

internal import AgentModel
internal import Checkpoints
internal import CriuDriver
internal import CriuImages
internal import OutsideWorld
internal import StatusViews
internal import Synchronization

/// A version on its way to be called rehearsed. One at a time.
struct RehearsalRun {
    let version: CheckpointSummary
    let wish: StandingWish
    let began: Moment
    /// Counts from 1.
    let attempt: Int
    /// Once all is laid out.
    var prepared: RehearsalPreparation.Prepared?
    var job: RehearsalJob?
    var isCalledOff = false
}

/// Whether what a worker does is still wanted.
final class StandingWish: Sendable {
    private let stands = Mutex(true)
    var isWanted: Bool { stands.withLock { $0 } }
    func withdraw() { stands.withLock { $0 = false } }
}

/// What a rehearsal needs before CRIU is asked, made beside the loop: the images are read, and the workspace is laid out.
struct RehearsalPreparation: Sendable {
    enum Outcome: Sendable {
        case ready(Prepared)
        /// A restore would fail: why, in a clause.
        case notRestorable(String)
        /// Nothing can be said of the version. Why, in a clause.
        case impossible(String)
    }
    struct Prepared: Sendable {
        let scratch: Scratch
        let images: MadeImages
        /// Absolute path of the directory with the images.
        let imagesPath: String
        let shape: SetShape
        /// Of the images: as much memory is taken, at most.
        let size: ByteCount
        /// Absolute path of the workspace's copy.
        let copy: String?
        /// Directories in which the living agent's sockets are.
        let covered: [String]
    }

    let store: CheckpointStore
    let agent: AgentName
    let version: CheckpointSummary
    /// nil: nobody but the store can read them where they lie.
    let images: (any Disk)?
    /// Where the processes know the workspace; nil: they have none.
    let workspace: String?
    /// Permission bits of the workspace itself: CRIU compares them, and no version holds them.
    let workspaceMode: UInt32
    let stagingID: String
    let wish: StandingWish

    /// A larger workspace is not copied for a rehearsal.
    static var workspaceLimit: ByteCount { .mebibytes(1024) }

    func run() -> Outcome {
        do throws(StoreFault) {
            guard let process = try store.manifest(agent, version.version).process else { return .impossible("it has no images") }
            let directory: ImageDirectory
            let stored = if let images { images } else { try store.imagesDisk(agent, version.version) }
            do throws(FileFault) { directory = try ImageDirectory(on: stored) } catch { return .impossible(error.sentence) }
            let damage = Check.check(directory).first { $0.severity == .error }
            let shape = SetShape(of: directory)
            if let file = shape.unreadable.first { return .impossible("'\(file)' cannot be read") }
            // Once more: what a disk refused to give that time is no damage.
            if damage != nil, let first = Check.check(directory).first(where: { $0.severity == .error }) {
                return .notRestorable("'\(first.file)': \(first.what), so that \(first.consequence)")
            }
            let covered: [String]
            switch cover(shape) {
            case .success(let directories): covered = directories
            case .failure(let conflict): return .impossible(conflict.why)
            }
            if let pipe = shape.namedPipes.first {
                return .impossible("what lay unread in the pipe '\(pipe)' would be put into it again, and be read by the living agent")
            }
            if let device = shape.boundDevices.first {
                return .impossible("a socket is bound to '\(device)', which a rehearsal does not have")
            }
            if let address = shape.connectedTo.first {
                return .impossible("a socket is connected to \(address), and a rehearsal has no network")
            }
            if let missing = try notInTheCopy(shape) { return .impossible(missing) }
            if let obstacle = try obstacle() { return .impossible(obstacle) }
            // What is laid out, and as much again as the images for the processes themselves.
            let room = store.isSealed ? try store.sizeInRoom(agent, version.version) : ByteCount(0)
            let needed = ByteCount(room.bytes + (store.isSealed ? min(process.contentSize, 1 << 50) : 0))
            let scratch = try store.openScratch(agent, stagingID: stagingID, room: ByteCount(needed.bytes + (64 << 20)))
            do throws(StoreFault) {
                try store.require(needed, in: scratch, for: "rehearse versions of")
                let imagesPath = try store.layOutImages(agent, version.version, in: scratch)
                let copy = try layOut(in: scratch)
                guard wish.isWanted else { throw StoreFault(.refused("it is not wanted any more"), doing: "rehearse", what: agent.text) }
                return .ready(
                    Prepared(
                        scratch: scratch, images: process.made, imagesPath: imagesPath, shape: shape, size: ByteCount(process.contentSize),
                        copy: copy,
                        covered: covered))
            } catch {
                store.discard(scratch)
                throw error
            }
        } catch { return .impossible(error.sentence) }
    }

    private var hasWorkspace: Bool { version.parts.workspace && workspace != nil }

    private func layOut(in scratch: Scratch) throws(StoreFault) -> String? {
        guard hasWorkspace else { return nil }
        return try store.layOutWorkspace(agent, version.version, in: scratch, rootMode: workspaceMode) { wish.isWanted }
    }

    /// What the agent needs of its workspace and no version holds (what `checkpoint.exclude` names, pipes in files) lies beside the living agent,
    /// where a restore finds it, and not in the copy. That says nothing of the version.
    private func notInTheCopy(_ shape: SetShape) throws(StoreFault) -> String? {
        guard hasWorkspace, let workspace else { return nil }
        let stored = Set(try store.files(agent, version.version).map(\.path))
        let missing = shape.neededPaths.filter { path in
            guard path != workspace, path.isInside(workspace) else { return false }
            return DiskPath(String(path.dropFirst(workspace.count + 1))).map { !stored.contains($0) } ?? true
        }
        guard let one = missing.min() else { return nil }
        return "it needs '\(one)' of the workspace, which is in no version ('checkpoint.exclude', or no regular file)"
    }

    private func obstacle() throws(StoreFault) -> String? {
        guard hasWorkspace else { return nil }
        let size = try store.workspaceSize(agent, version.version)
        guard size <= Self.workspaceLimit else {
            return "its workspace of \(size) is more than the \(Self.workspaceLimit) that are copied for it"
        }
        // In memory, which is looked at before it runs.
        guard !store.isSealed, let free = try? store.disk.freeSpace() else { return nil }
        // As much again stays free for the next version.
        guard size.bytes.multipliedReportingOverflow(by: 2).partialValue <= free.bytes else {
            return "a copy of its workspace takes \(size), and the disk has \(free) left"
        }
        return nil
    }

    private struct Conflict: Error { let why: String }

    /// CRIU binds a socket to its path even where another is bound: that of the living agent would be gone. So the directory of such a path
    /// is covered, which nothing else that the processes need may be in.
    private func cover(_ shape: SetShape) -> Result<[String], Conflict> {
        let isOwn = { (path: String) in self.workspace.map { self.hasWorkspace && path.isInside($0) } ?? false }
        var directories: Set<String> = []
        for socket in shape.boundSockets where !isOwn(socket) {
            guard let slash = socket.lastIndex(of: "/"), slash != socket.startIndex else {
                return .failure(Conflict(why: "the agent's socket '\(socket)' would be taken from it"))
            }
            let directory = String(socket[..<slash])
            if let needed = shape.paths.filter({ $0.isInside(directory) && !isOwn($0) }).min() {
                let why = "the agent's socket '\(socket)' would be taken from it, for '\(needed)' beside it is needed"
                return .failure(Conflict(why: why + ". Keep the socket in the workspace"))
            }
            directories.insert(directory)
        }
        let inOthers = directories.filter { inner in directories.contains { $0 != inner && inner.isInside($0) } }
        if let inner = inOthers.min() {
            return .failure(Conflict(why: "the agent listens in '\(inner)' and above it. Keep sockets in the workspace"))
        }
        return .success(directories.sorted())
    }
}

extension String {
    /// Whether this path is `directory` or lies in it.
    fileprivate func isInside(_ directory: String) -> Bool { self == directory || hasPrefix(directory + "/") }
}

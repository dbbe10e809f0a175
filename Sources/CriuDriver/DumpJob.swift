public import AgentModel
internal import CriuImages
public import CriuRequests
public import OutsideWorld

public enum DumpNews: Hashable, Sendable {
    /// The tree stands still and its images are complete: the moment for the rest of the cut. `goOn` ends it.
    case standsStill(DumpedTree)
    /// The agent runs again, and the images count. Where it was not to go on it stands until its sandbox is killed or let go on.
    case dumped(Dump)
    /// It will not come about, and the agent runs as before, except where the fault says that CRIU died.
    case failed(CriuFault)
}

/// A dump that succeeded. Nothing of it is synced yet.
public struct Dump: Hashable, Sendable {
    public var tree: DumpedTree
    /// What CRIU measured. `frozen` is the pause the agent itself sees.
    public var statistics: DumpStatistics
    /// From the request to CRIU's end.
    public var took: Duration
    public init(tree: DumpedTree, statistics: DumpStatistics, took: Duration) {
        self.tree = tree
        self.statistics = statistics
        self.took = took
    }
}

/// One dump under way. CRIU is never killed in the middle: that can kill the agent. When the time is over its connection is closed; it then gives
/// up at its next word, and the tree goes on.
public final class DumpJob {
    private enum Stage { case running, standing, over }

    public let request: DumpRequest
    private let world: any World
    private let program: CriuProgram
    private let kernel: KernelVersion
    private let kept: KeptFiles
    private let criu: CriuID
    private let began: Moment
    /// What CRIU is waited for since, and how long.
    private var waitsSince: Moment
    private let patience: Duration
    private var tree: DumpedTree
    private var stage = Stage.running
    private var result: CriuResult?
    /// Why it was called off, once it was.
    private var calledOff: CriuFault.Kind?

    init(_ request: DumpRequest, driver: CriuDriver) throws(CriuFault) {
        self.request = request
        (world, program, kernel) = (driver.world, driver.program, driver.kernel)
        guard let sight = world.look(into: request.sandbox, for: .blockers),
            let root = sight.processes.first(where: { $0.hostPid == request.agent })
        else { throw CriuFault(.dump, .refused(.noSuchProcess)) }
        kept = request.kept.named(in: request.sandbox, of: world)
        let blockers = findBlockers(in: sight, version: program.version, kernel: kernel, kept: kept)
        guard blockers.isEmpty else { throw CriuFault(.dump, .blocked(blockers)) }
        guard root.state != "Z" else { throw CriuFault(.dump, .refused(.deadRoot)) }
        let memory = ByteCount(sight.processes.reduce(0) { $0 + $1.memoryBytes })
        guard memory <= request.room else {
            throw CriuFault(.dump, .noRoom(needed: memory, free: request.room, inMemory: request.inMemory))
        }
        tree = DumpedTree(sight, root: root.pid, tcp: request.tcp, criu: program.version)

        began = world.now()
        waitsSince = began
        // A disk that takes 128 MiB a second is a slow one.
        patience = request.timeLimit + .seconds(Int64(memory.bytes >> 27))
        do {
            // Outside the agent's control group: CRIU would stop itself with it, and its memory is not the agent's.
            criu = try world.startCriu(
                CriuStart(
                    program: program.path, sandbox: request.sandbox, images: request.images, scratch: request.images,
                    joinsControlGroup: false, gifts: []))
        } catch { throw CriuFault(.dump, .couldNotStart(error.sentence)) }
        // Without its freezer. With it CRIU hangs for ever on a process that was stopped before, and times out where one is in vfork(2): its
        // parent, whom the kernel lets wait for it, cannot stop before it goes on. Stopped one by one, from parent to child, both do.
        let dump = CriuDump(images: CriuStart.images, root: root.pid, leavesRunning: request.leavesRunning, tcp: request.tcp)
        world.send(CriuRequest.dump(dump).packet(), to: criu)
    }

    /// When `timePassed` wants to be called; nil: never, or not before `goOn`.
    public var deadline: Moment? { stage == .running && calledOff == nil ? waitsSince + patience : nil }

    /// The time is over: the tree may stand no longer. `failed` follows when CRIU has given up.
    public func timePassed() {
        guard let deadline, world.now() >= deadline else { return }
        callOff(.timedOut(patience))
    }

    /// Ends the stand-still. `keeping`: whether the images are wanted; if not, the agent runs on even where it was to end.
    public func goOn(keeping: Bool) {
        guard stage == .standing else { return }
        stage = .running
        waitsSince = world.now()
        if !keeping { calledOff = .declined }
        answer(keeping)
    }

    /// Looks at an event of the loop.
    public func take(_ event: WorldEvent) -> DumpNews? {
        guard case .criu(criu, let news) = event, stage != .over else { return nil }
        switch news {
        case .packet(let bytes): return hear(CriuAnswer(packet: bytes))
        case .ended(let end, let output):
            stage = .over
            return finish(end, output)
        }
    }

    // MARK: The conversation

    private func hear(_ word: CriuAnswer?) -> DumpNews? {
        switch word {
        case .result(let result): self.result = result
        case .moment(let moment): return reach(moment)
        case nil: callOff(.refused(.other("a message that is none")))
        }
        return nil
    }

    private func reach(_ moment: CriuMoment) -> DumpNews? {
        switch moment.name {
        case .queryExternalFiles: nameConnections()
        case .postDump where calledOff == nil:
            guard saveSharedMemory() else {
                answer(false)
                break
            }
            stage = .standing
            return .standsStill(tree)
        default: answer(calledOff == nil)
        }
        return nil
    }

    /// The tree stands still now, so what it holds is what will be dumped. Every millisecond here is one of the agent's pause.
    private func nameConnections() {
        guard let sight = world.look(into: request.sandbox, for: .connections) else { return answer(false) }
        let blockers = findBlockers(in: sight, version: program.version, kernel: kernel, kept: kept)
        guard blockers.isEmpty else {
            calledOff = .blocked(blockers)
            return answer(false)
        }
        tree = DumpedTree(sight, root: tree.root, tcp: request.tcp, criu: program.version)
        answer(true, external: tree.connections.map { "unix[\($0.inode)]" } + [tree.terminal].compactMap(\.self))
    }

    private func saveSharedMemory() -> Bool {
        guard let memory = world.sharedMemory(of: request.sandbox) else { return true }
        do throws(FileFault) {
            let (shared, images) = (try SharedMemory(memory), try world.disk(at: request.images))
            let needed = try images.sizeOfRoot().bytes.addingReportingOverflow(shared.size.bytes)
            guard !needed.overflow, needed.partialValue <= request.room.bytes else {
                calledOff = .noRoom(
                    needed: ByteCount(needed.overflow ? .max : needed.partialValue), free: request.room, inMemory: request.inMemory)
                return false
            }
            try shared.save(beside: images)
            return true
        } catch {
            calledOff = .sharedMemory(error)
            return false
        }
    }

    private func answer(_ yes: Bool, external: [String] = []) { world.send(CriuRequest.goOn(yes, external: external).packet(), to: criu) }

    private func callOff(_ why: CriuFault.Kind) {
        calledOff = why
        world.hangUp(criu)
    }

    // MARK: The end

    private func finish(_ end: ProcessEnd, _ output: String) -> DumpNews {
        // It may have been done in the very moment it was called off. Its own record is written last, so it alone tells that all is there.
        if let result, result.succeeded, let statistics = readStatistics() {
            guard mendFiles() else { return .failed(CriuFault(.dump, .refused(.damagedImage("the table of open files cannot be read")))) }
            return .dumped(Dump(tree: tree, statistics: statistics, took: world.now() - began))
        }
        let log = world.criuLog(CriuLogName.dump, in: request.images)
        let lines = log?.failures.map(\.text) ?? []
        if let calledOff { return .failed(CriuFault(.dump, calledOff, log: lines)) }
        if result == nil { return .failed(CriuFault(.dump, .died(end, lastOutput: output), log: lines)) }
        return .failed(CriuFault(.dump, .refused(log?.cause ?? CriuCause(options: output)), log: lines))
    }

    /// What CRIU wrote wrong, or would refuse for no reason: see `TimerMending` and `SizeMending`. The tree is gone on meanwhile.
    private func mendFiles() -> Bool {
        let path: DiskPath = "files.img"
        guard let disk = try? world.disk(at: request.images) else { return false }
        do throws(FileFault) {
            var file = ImageFile(name: path.text, bytes: try disk.read(path, limit: .mebibytes(256)))
            let users = try disk.names(in: nil).filter { $0.hasPrefix("fdinfo-") || $0.hasPrefix("mm-") }.sorted()
            var used: [ImageFile] = []
            for name in users {
                guard let user = DiskPath(name) else { continue }
                used.append(ImageFile(name: name, bytes: try disk.read(user, limit: .mebibytes(256))))
            }
            // One that cannot be read is found by whoever checks the images, before a restore.
            let timed = try? TimerMending.mended(file)
            if let timed { file = ImageFile(name: path.text, bytes: timed) }
            let sized = try? SizeMending.mended(file, used: used) { kept.place(of: $0) == .outside }
            guard let mended = sized ?? timed else { return true }
            try disk.replace(path, with: mended)
            return true
        } catch { return error.kind == .missing }
    }

    private func readStatistics() -> DumpStatistics? {
        guard let disk = try? world.disk(at: request.images), let path = DiskPath(DumpStatistics.fileName),
            let bytes = try? disk.read(path, limit: .kibibytes(64))
        else { return nil }
        return DumpStatistics(file: bytes)
    }
}

extension DumpedTree {
    init(_ sight: TreeSight, root: Int32, tcp: TCPHandling, criu: CriuVersion) {
        self.init(
            root: root, highestProcess: sight.processes.map(\.pid).max() ?? root, outputPipe: sight.heldPipe(.standardOutput),
            errorPipe: sight.heldPipe(.standardError), connections: sight.outsideConnections(), tcp: tcp, criu: criu,
            terminal: sight.terminal?.key)
    }
}

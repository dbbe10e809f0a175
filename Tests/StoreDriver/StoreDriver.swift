// What `make bench` measures of the store by itself: versions of directories, without an agent. A test tool, so no release holds it.
//
//   store-driver commit STORE IMAGES WORKSPACE     one more version of what is there, in packs alone; prints milliseconds of each step
//   store-driver follow STORE WORKSPACE            for every line it reads, one more version of what changed, and of the images in the directory that
//                                                  the line names; prints milliseconds of cut, commit and keeping house, then 'done'
//   store-driver hash FILE                         its SHA-256 by our library and nothing else, three times; prints milliseconds
//   store-driver restore STORE VERSION TARGET      its images (into versions/N/process) and its workspace into TARGET; prints milliseconds
//   store-driver list STORE COUNT                  lists all versions so often; prints milliseconds of each
//   store-driver verify STORE                      every version; prints milliseconds of each
//   store-driver many STORE COUNT WORKSPACE        so many versions of it, each a little different, in packs; prints milliseconds
//   store-driver keep STORE COUNT                  removes all but the newest, collects; prints milliseconds
//   store-driver live STORE HOURS MEBIBYTES        an agent of so many megabytes takes a version every five minutes for so many hours, in made-up
//                                                  time, and house is kept; prints a row for every day, and says what did not hold
//
// '-' for IMAGES, WORKSPACE or TARGET: none. Each prints the megabytes it took at most, too. What it cannot do it says in one sentence, as runner would.

import AgentModel
import Checkpoints
import Digests
import Glibc
import LinuxWorld
import OutsideWorld

let benchAgent = AgentName("bench") ?? { preconditionFailure("'bench' is a name") }()

func nanoseconds() -> UInt64 {
    var time = timespec()
    clock_gettime(CLOCK_MONOTONIC, &time)
    return UInt64(time.tv_sec) * 1_000_000_000 + UInt64(time.tv_nsec)
}

private func measured(_ name: String, _ body: () throws -> Void) rethrows {
    let begin = nanoseconds()
    try body()
    print(name, Double(nanoseconds() - begin) / 1e6)
}

struct Driver {
    let disk: any Disk
    let store: CheckpointStore

    init(_ path: String) throws {
        disk = try LinuxDisk(at: path, create: true)
        store = try CheckpointStore.open(disk, create: true) { "0123456789abcdef" }
        try store.addAgent(benchAgent)
    }

    /// As a supervisor begins: with the lock, and what a crash left put in order.
    private func begin() throws -> any DiskLock {
        let lock = try store.lock(benchAgent, holder: "bench")
        _ = try store.recover(benchAgent)
        return lock
    }

    func commit(_ images: String, _ workspace: String) throws {
        let lock = try begin()
        defer { lock.release() }
        let request = try request(workspace == "-" ? nil : LinuxDisk(at: workspace, create: false))
        guard let staged = try cut(request, images == "-" ? "" : images) else { return }
        var version = VersionNumber(0)
        try measured("commit") { version = try store.commit(staged).version }
        try measured("pack") { try store.pack(benchAgent, version) }
        try measured("thin") { try store.thin(benchAgent, version) }
    }

    private func request(_ workspace: (any Disk)?) -> CutRequest {
        var now = timespec()
        clock_gettime(CLOCK_REALTIME, &now)
        return CutRequest(
            agent: benchAgent, kind: .checkpoint, reason: .schedule, takenAt: WallTime(seconds: Int64(now.tv_sec)), workspace: workspace,
            incarnation: 1)
    }

    /// - Parameter images: the directory they are in; "": there are none.
    private func cut(_ request: CutRequest, _ images: String) throws -> StagedCheckpoint? {
        let id = "cut\(nanoseconds())"
        var staged: StagedCheckpoint?
        if images.isEmpty {
            try measured("cut") { staged = try store.cut(request, stagingID: id) }
        } else {
            let opened = try store.openCut(benchAgent, stagingID: id)
            try lay(images, in: opened.directory / "process")
            try measured("cut") { staged = try store.copy(request, into: opened, images: true) }
            staged?.images = .synthetic
        }
        return staged
    }

    /// One more version of a line's images, or of what changed in the workspace, as long as there are lines.
    func follow(_ workspace: String) throws {
        let lock = try begin()
        defer { lock.release() }
        let index = WorkspaceIndex()
        let pages = PageMemory(secret: [UInt8](repeating: 1, count: PageMemory.secretSize))
        let house = Housekeeping(of: benchAgent, in: store, pages)
        let workspace = workspace == "-" ? nil : try LinuxDisk(at: workspace, create: false)
        var versions: [VersionNumber] = []
        while let images = readLine() {
            var request = request(workspace)
            request.pages = pages
            if workspace != nil {
                request.index = index
                request.mappedFiles = []
            }
            guard let staged = try cut(request, images) else { return }
            try measured("commit") { versions.append(try store.commit(staged).version) }
            try measured("pack") { try keep(house, versions, atHand: Set(versions)) }
            // The newest stays as it is.
            try measured("thin") { try keep(house, versions, atHand: Set(versions.suffix(1))) }
            print("done")
            fflush(nil)
        }
    }

    private func keep(_ house: Housekeeping, _ versions: [VersionNumber], atHand: Set<VersionNumber>) throws {
        switch house.work(Housekeeping.Orders(versions: versions, atHand: atHand, collects: false), while: { true }) {
        case .done: break
        case .stopped: preconditionFailure("it was always wanted")
        case .broken(_, let fault), .failed(let fault), .damagedPack(let fault): throw fault
        }
    }

    /// As CRIU would have written them.
    private func lay(_ images: String, in directory: DiskPath) throws {
        let source = try LinuxDisk(at: images, create: false)
        for name in try source.names(in: nil) {
            guard let path = DiskPath(name) else { continue }
            let from = try source.open(path, .read)
            let to = try disk.open(directory / name, .createNew(mode: 0o600))
            while case let piece = try from.read(1 << 20), !piece.isEmpty { try to.write(piece) }
        }
    }

    func many(_ count: Int, _ path: String) throws {
        let lock = try store.lock(benchAgent, holder: "bench")
        defer { lock.release() }
        let workspace = try LinuxDisk(at: path, create: false)
        try measured("many") {
            for number in 0..<count {
                try workspace.replace("number", with: Array("\(number)\n".utf8))
                let request = CutRequest(
                    agent: benchAgent, kind: .checkpoint, reason: .schedule, takenAt: WallTime(seconds: 1_795_000_000 + Int64(number)),
                    workspace: workspace, incarnation: 1)
                let version = try store.commit(try store.cut(request, stagingID: "many\(number)")).version
                try store.pack(benchAgent, version)
                try store.thin(benchAgent, version)
            }
        }
    }

    func restore(_ version: VersionNumber, to target: String) throws {
        let lock = try begin()
        defer { lock.release() }
        if try store.manifest(benchAgent, version).process != nil {
            try measured("images") { try store.layOutImages(benchAgent, version, stagingID: "lay\(getpid())") }
        }
        guard target != "-" else { return }
        let workspace = try LinuxDisk(at: target, create: true)
        try measured("workspace") { try store.restoreWorkspace(benchAgent, version, to: workspace, excluded: []) }
    }

    func list(_ count: Int) throws {
        for _ in 0..<count { try measured("list") { _ = try store.versions(of: benchAgent) } }
    }

    func verify() throws {
        for summary in try store.versions(of: benchAgent) { try measured("verify") { try store.verify(benchAgent, summary.version) } }
    }

    func keep(_ count: Int) throws {
        let lock = try begin()
        defer { lock.release() }
        try measured("prune") {
            try store.remove(benchAgent, try store.versions(of: benchAgent).dropLast(count).map(\.version))
            try store.collect(benchAgent)
        }
    }
}

@main
private struct Main {
    static func main() throws {
        do { try run(Array(CommandLine.arguments.dropFirst())) } catch let fault as StoreFault {
            say(fault.sentence)
            exit(1)
        } catch let fault as FileFault {
            say(fault.sentence)
            exit(1)
        }
    }

    private static func say(_ sentence: String) {
        let line = Array("store-driver: \(sentence)\n".utf8)
        _ = write(STDERR_FILENO, line, line.count)
    }

    private static func run(_ words: [String]) throws {
        guard words.count >= 2 else { exit(64) }
        if words[0] == "hash" { return try hash(words[1]) }
        let driver = try Driver(words[1])
        switch words[0] {
        case "follow" where words.count == 3: try driver.follow(words[2])
        case "restore" where words.count == 4: try driver.restore(VersionNumber(UInt64(words[2]) ?? 0), to: words[3])
        case "commit" where words.count == 4: try driver.commit(words[2], words[3])
        case "list" where words.count == 3: try driver.list(Int(words[2]) ?? 1)
        case "many" where words.count == 4: try driver.many(Int(words[2]) ?? 1, words[3])
        case "verify": try driver.verify()
        case "keep" where words.count == 3: try driver.keep(Int(words[2]) ?? 1)
        case "live" where words.count == 4:
            let faults = try Fortnight(driver, words[1], mebibytes: Int(words[3]) ?? 8).live(hours: Int(words[2]) ?? 24)
            for fault in faults { print("fault:", fault) }
            guard faults.isEmpty else { exit(1) }
        default: exit(64)
        }
        print("memory", try most())
    }

    /// What pages are known by, and nothing else.
    private static func hash(_ path: String) throws {
        guard let path = DiskPath(String(path.drop { $0 == "/" })) else { exit(64) }
        let bytes = try LinuxDisk(at: "/", create: false).read(path, limit: .mebibytes(1024))
        for _ in 1...3 { measured("hash") { _ = SHA256.digest(of: bytes) } }
    }

    /// Megabytes this program had at most, without those of who started it.
    private static func most() throws -> Double {
        let status = String(decoding: try LinuxDisk(at: "/proc/self", create: false).read("status", limit: .kibibytes(64)), as: UTF8.self)
        let line = status.split(separator: "\n").first { $0.hasPrefix("VmHWM:") }
        return (line?.split(separator: " ").dropFirst().first).flatMap { Double($0) }.map { $0 * 1024 / 1e6 } ?? .nan
    }
}

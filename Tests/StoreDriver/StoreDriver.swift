// What `make bench` measures of the store by itself: versions of directories, without an agent. A test tool, so no release holds it.
//
//   store-driver commit STORE IMAGES [WORKSPACE]   one more version of what is there; prints milliseconds of commit, pack and thin
//   store-driver follow STORE WORKSPACE            for every line it reads, one more version of what changed; prints as commit, then 'done'
//   store-driver restore STORE VERSION TARGET      its images (into versions/N/process) and its workspace into TARGET; prints milliseconds
//   store-driver list STORE COUNT                  lists all versions so often; prints milliseconds of each
//   store-driver verify STORE                      every version; prints milliseconds of each
//   store-driver many STORE COUNT WORKSPACE        so many versions of it, each a little different, in packs; prints milliseconds
//   store-driver keep STORE COUNT                  removes all but the newest, collects; prints milliseconds
//
// '-' for IMAGES or WORKSPACE: none. Each prints the megabytes it took at most, too.

import AgentModel
import Checkpoints
import CriuRequests
import Glibc
import LinuxWorld
import OutsideWorld

private let agent = AgentName("bench") ?? { preconditionFailure("'bench' is a name") }()

private func nanoseconds() -> UInt64 {
    var time = timespec()
    clock_gettime(CLOCK_MONOTONIC, &time)
    return UInt64(time.tv_sec) * 1_000_000_000 + UInt64(time.tv_nsec)
}

private func measured(_ name: String, _ body: () throws -> Void) rethrows {
    let begin = nanoseconds()
    try body()
    print(name, Double(nanoseconds() - begin) / 1e6)
}

private struct Driver {
    let disk: any Disk
    let store: CheckpointStore

    init(_ path: String) throws {
        disk = try LinuxDisk(at: path, create: true)
        store = try CheckpointStore.open(disk, create: true) { "0123456789abcdef" }
        try store.addAgent(agent)
    }

    func commit(_ images: String, _ workspace: String) throws {
        let lock = try store.lock(agent, holder: "bench")
        defer { lock.release() }
        var now = timespec()
        clock_gettime(CLOCK_REALTIME, &now)
        let request = CutRequest(
            agent: agent, kind: .checkpoint, reason: .schedule, takenAt: WallTime(seconds: Int64(now.tv_sec)),
            workspace: workspace == "-" ? nil : try LinuxDisk(at: workspace, create: false), incarnation: 1)
        let id = "cut\(getpid())"
        var staged: StagedCheckpoint?
        if images == "-" {
            try measured("cut") { staged = try store.cut(request, stagingID: id) }
        } else {
            let opened = try store.openCut(agent, stagingID: id)
            // As CRIU would have written them.
            let source = try LinuxDisk(at: images, create: false)
            for name in try source.names(in: nil) {
                guard let path = DiskPath(name) else { continue }
                let from = try source.open(path, .read)
                let to = try disk.open(opened.directory / "process" / name, .createNew(mode: 0o600))
                while case let piece = try from.read(1 << 20), !piece.isEmpty { try to.write(piece) }
            }
            try measured("cut") { staged = try store.copy(request, into: opened, images: true) }
            staged?.images = MadeImages(
                tree: DumpedTree(
                    root: 1000, highestProcess: 1000, outputPipe: nil, errorPipe: nil, connections: [], tcp: .close,
                    criu: CriuVersion(4, 2, 0)),
                frozen: 0, kernel: "", startedWith: "")
        }
        guard let staged else { return }
        var version = VersionNumber(0)
        try measured("commit") { version = try store.commit(staged).version }
        try measured("pack") { try store.pack(agent, version) }
        try measured("thin") { try store.thin(agent, version) }
    }

    func follow(_ path: String) throws {
        let lock = try store.lock(agent, holder: "bench")
        defer { lock.release() }
        let index = WorkspaceIndex()
        let workspace = try LinuxDisk(at: path, create: false)
        var former: VersionNumber?
        while readLine() != nil {
            var now = timespec()
            clock_gettime(CLOCK_REALTIME, &now)
            var request = CutRequest(
                agent: agent, kind: .checkpoint, reason: .schedule, takenAt: WallTime(seconds: Int64(now.tv_sec)), workspace: workspace,
                incarnation: 1)
            request.index = index
            request.mappedFiles = []
            var staged: StagedCheckpoint?
            try measured("cut") { staged = try store.cut(request, stagingID: "follow\(now.tv_nsec)") }
            guard let staged else { return }
            var version = VersionNumber(0)
            try measured("commit") { version = try store.commit(staged).version }
            try measured("pack") { try store.pack(agent, version) }
            // The newest stays as it is.
            if let former { try measured("thin") { try store.thin(agent, former) } }
            former = version
            print("done")
            fflush(nil)
        }
    }

    func many(_ count: Int, _ path: String) throws {
        let lock = try store.lock(agent, holder: "bench")
        defer { lock.release() }
        let workspace = try LinuxDisk(at: path, create: false)
        try measured("many") {
            for number in 0..<count {
                try workspace.replace("number", with: Array("\(number)\n".utf8))
                let request = CutRequest(
                    agent: agent, kind: .checkpoint, reason: .schedule, takenAt: WallTime(seconds: 1_795_000_000 + Int64(number)),
                    workspace: workspace, incarnation: 1)
                let version = try store.commit(try store.cut(request, stagingID: "many\(number)")).version
                try store.pack(agent, version)
                try store.thin(agent, version)
            }
        }
    }

    func restore(_ version: VersionNumber, to target: String) throws {
        if try store.manifest(agent, version).process != nil {
            try measured("images") { try store.layOutImages(agent, version, stagingID: "lay\(getpid())") }
        }
        guard target != "-" else { return }
        let workspace = try LinuxDisk(at: target, create: true)
        try measured("workspace") { try store.restoreWorkspace(agent, version, to: workspace, excluded: []) }
    }

    func list(_ count: Int) throws {
        for _ in 0..<count { try measured("list") { _ = try store.versions(of: agent) } }
    }

    func verify() throws {
        for summary in try store.versions(of: agent) { try measured("verify") { try store.verify(agent, summary.version) } }
    }

    func keep(_ count: Int) throws {
        try measured("prune") {
            try store.remove(agent, try store.versions(of: agent).dropLast(count).map(\.version))
            try store.collect(agent)
        }
    }
}

@main
private struct Main {
    static func main() throws {
        let words = Array(CommandLine.arguments.dropFirst())
        guard words.count >= 2 else { exit(64) }
        let driver = try Driver(words[1])
        switch words[0] {
        case "commit" where words.count >= 3: try driver.commit(words[2], words.count > 3 ? words[3] : "-")
        case "follow" where words.count == 3: try driver.follow(words[2])
        case "restore" where words.count == 4: try driver.restore(VersionNumber(UInt64(words[2]) ?? 0), to: words[3])
        case "list" where words.count == 3: try driver.list(Int(words[2]) ?? 1)
        case "many" where words.count == 4: try driver.many(Int(words[2]) ?? 1, words[3])
        case "verify": try driver.verify()
        case "keep" where words.count == 3: try driver.keep(Int(words[2]) ?? 1)
        default: exit(64)
        }
        print("memory", try most())
    }

    /// Megabytes this program had at most, without those of who started it.
    private static func most() throws -> Double {
        let status = String(decoding: try LinuxDisk(at: "/proc/self", create: false).read("status", limit: .kibibytes(64)), as: UTF8.self)
        let line = status.split(separator: "\n").first { $0.hasPrefix("VmHWM:") }
        return (line?.split(separator: " ").dropFirst().first).flatMap { Double($0) }.map { $0 * 1024 / 1e6 } ?? .nan
    }
}

import AgentModel
import Checkpoints
import CriuRequests
import Glibc
import LinuxWorld
import OutsideWorld
import Retention

/// An agent that takes a version every five minutes, for days: its time is made up, its store is not. After every version happens what a supervisor
/// lets happen: what is not kept is removed, the rest goes into packs and is thinned out, and packs are collected.
final class Fortnight {
    private let driver: Driver
    private let place: String
    private let workspace: LinuxDisk
    private var agent = SyntheticAgent()
    private let policy = RetentionPolicy()
    private let housekeeping: Housekeeping
    private var kept: [VersionNumber: SyntheticAgent.Print] = [:]
    private var removedSinceCollection = false
    private var begin = WallTime(seconds: 1_795_046_400)  // 2026-11-19 00:00
    private var times = Times()
    private var faults: [String] = []

    /// Milliseconds, of the versions of a day.
    private struct Times {
        var store: [Double] = []
        var house: [Double] = []
        var list: [Double] = []
    }

    init(_ driver: Driver, _ place: String, mebibytes: Int) throws {
        self.driver = driver
        self.place = place
        workspace = try LinuxDisk(at: place + ".workspace", create: true)
        housekeeping = Housekeeping(of: benchAgent, in: driver.store)
        agent.begin(pages: mebibytes * 256)
    }

    /// - Returns: what did not hold.
    func live(hours: Int) throws -> [String] {
        let lock = try driver.store.lock(benchAgent, holder: "bench")
        defer { lock.release() }
        _ = try driver.store.recover(benchAgent)
        print("day  versions  listed  MB on disk  MB needed  files  packs  ms to store  ms to keep house (worst)  ms to list")
        for step in 1...(hours * 12) {
            try version(step)
            if step % 288 == 0 || step == hours * 12 { try takeStock(step) }
        }
        return faults
    }

    private func version(_ step: Int) throws {
        try agent.work(in: workspace)
        let time = begin + .seconds(300 * step)
        times.store.append(
            try measured {
                let version = try commit(step, at: time)
                kept[version] = agent.print
            })
        var listed: [CheckpointSummary] = []
        times.list.append(try measured { listed = try driver.store.versions(of: benchAgent) })
        let plan = planRetention(listed, keep: policy, asides: 3, utcOffset: .zero)
        times.house.append(
            try measured {
                if !plan.removed.isEmpty {
                    try driver.store.remove(benchAgent, plan.removed)
                    removedSinceCollection = true
                }
                let orders = Housekeeping.Orders(
                    versions: plan.kept, atHand: Set(plan.kept.suffix(1)), collects: removedSinceCollection)
                guard case .done = housekeeping.work(orders, while: { true }) else { return faults.append("keeping house failed") }
                removedSinceCollection = false
            })
        for version in plan.removed { kept[version] = nil }
    }

    private func commit(_ step: Int, at time: WallTime) throws -> VersionNumber {
        let store = driver.store
        let opened = try store.openCut(benchAgent, stagingID: "day\(step)")
        for (name, content) in agent.images {
            try driver.disk.open(opened.directory / "process" / name, .createNew(mode: 0o600)).write(content)
        }
        let request = CutRequest(
            agent: benchAgent, kind: .checkpoint, reason: .schedule, takenAt: time, step: UInt64(step), workspace: workspace,
            incarnation: 1)
        var staged = try store.copy(request, into: opened, images: true)
        staged.images = .synthetic
        return try store.commit(staged).version
    }

    // MARK: What must hold

    private func takeStock(_ step: Int) throws {
        let day = Double(step) / 288
        let listed = try driver.store.versions(of: benchAgent)
        expect(listed.map(\.version) == kept.keys.sorted(), "day \(day): listed is not what is kept")
        expect(kept.count <= 45, "day \(day): \(kept.count) versions are kept, where the rules allow 45")
        let found = measure(place)
        // Each content that a kept version has, once; and the newest as plain files, too.
        let needed = SyntheticAgent.size(of: Array(kept.values)) + SyntheticAgent.size(of: [agent.print])
        expect(found.bytes < needed + needed / 2 + 2_000_000, "day \(day): \(found.bytes) bytes are kept for \(needed)")
        expect(found.files < kept.count * 4 + agent.fileCount + found.packs + 20, "day \(day): \(found.files) files")
        // The collection puts small ones together when there are 24.
        expect(found.packs < 32 + Int(found.bytes >> 25), "day \(day): \(found.packs) packs")
        for version in [kept.keys.min(), kept.keys.sorted().dropFirst(kept.count / 2).first].compactMap(\.self) { try check(version) }
        row(day, step, listed.count, found, needed)
        times = Times()
    }

    private func check(_ version: VersionNumber) throws {
        let store = driver.store
        try store.verify(benchAgent, version)
        let images = try store.imagesDisk(benchAgent, version)
        let pages = try images.read("pages-1.img", limit: .mebibytes(512))
        expect(SyntheticAgent.prints(ofPages: pages) == kept[version]?.pages, "version \(version) has other memory")
        for (path, print) in kept[version]?.files ?? [:] {
            let file = try store.file(benchAgent, version, DiskPath(stringLiteral: path))
            let bytes = try file.file.read(max(1, print.size + 1))
            expect(SyntheticAgent.print(bytes[...]) == print.print, "version \(version): '\(path)' is another")
        }
    }

    private func expect(_ holds: Bool, _ what: String) { if !holds { faults.append(what) } }

    private func row(_ day: Double, _ step: Int, _ listed: Int, _ found: Found, _ needed: Int) {
        let columns = [
            rounded(day, 2), "\(step)", "\(listed)", rounded(Double(found.bytes) / 1e6, 1), rounded(Double(needed) / 1e6, 1),
            "\(found.files)", "\(found.packs)", rounded(median(times.store), 1),
            "\(rounded(median(times.house), 1)) (\(rounded(times.house.max() ?? 0, 0)))", rounded(median(times.list), 1),
        ]
        print(columns.joined(separator: " | "))
        fflush(nil)
    }

    private func measured(_ body: () throws -> Void) rethrows -> Double {
        let begin = nanoseconds()
        try body()
        return Double(nanoseconds() - begin) / 1e6
    }

    private struct Found {
        var bytes = 0
        var files = 0
        var packs = 0
    }

    /// What lies on the disk, asked of the disk.
    private func measure(_ path: String) -> Found {
        var found = Found()
        guard let directory = opendir(path) else { return found }
        defer { closedir(directory) }
        while let entry = readdir(directory) {
            let name = withUnsafePointer(to: &entry.pointee.d_name) {
                String(cString: UnsafeRawPointer($0).assumingMemoryBound(to: CChar.self))
            }
            guard name != ".", name != ".." else { continue }
            var status = stat()
            guard lstat("\(path)/\(name)", &status) == 0 else { continue }
            found.bytes += Int(status.st_blocks) * 512
            if status.st_mode & S_IFMT == S_IFDIR {
                let below = measure("\(path)/\(name)")
                found = Found(bytes: found.bytes + below.bytes, files: found.files + below.files, packs: found.packs + below.packs)
            } else {
                found.files += 1
                if path.hasSuffix("/packs") { found.packs += 1 }
            }
        }
        return found
    }
}

private func median(_ numbers: [Double]) -> Double { numbers.isEmpty ? 0 : numbers.sorted()[numbers.count / 2] }

private func rounded(_ number: Double, _ places: Int) -> String {
    var scale = 1.0
    for _ in 0..<places { scale *= 10 }
    let whole = (number * scale).rounded() / scale
    return places == 0 ? "\(Int(whole))" : "\(whole)"
}

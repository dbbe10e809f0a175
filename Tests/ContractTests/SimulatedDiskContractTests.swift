import AgentModel
import OutsideWorld
import SimulatedWorld
import Testing

/// The simulated disk keeps what `Disk` promises, and of what it does not promise, no more than it must.
@Suite struct SimulatedDiskContractTests {
    @Test(arguments: diskPromises) func theSimulationKeeps(_ promise: DiskPromise) throws {
        for seed in UInt64(1)...10 { try promise.check(SimulatedDisk(seed: seed)) }
    }

    @Test(arguments: diskPromises) func theSimulationKeepsForOneWhoIsNotRoot(_ promise: DiskPromise) throws {
        let disk = SimulatedDisk(seed: 1)
        disk.become(FileOwner(user: 1000, group: 1000))
        try promise.check(disk)
    }

    @Test(arguments: diskPromises) func theSimulationKeepsWhereFilesShareTheirPlace(_ promise: DiskPromise) throws {
        let disk = SimulatedDisk(seed: 1)
        disk.setSharing(.shared)
        try promise.check(disk)
    }

    @Test func whatWasSyncedSurvivesEveryPowerCut() throws {
        for seed in UInt64(1)...200 {
            let disk = SimulatedDisk(seed: seed)
            try disk.makeDirectory("d", mode: 0o700)
            try disk.syncDirectory(nil)
            let file = try disk.open("d/file", .append(mode: 0o640))
            try file.write(bytes("safe"))
            try file.sync()
            try disk.syncDirectory("d")
            try file.write(bytes(" and not safe"))
            try disk.replace("d/other", with: bytes("whole"))
            disk.powerCut()
            try #expect(fault { _ = try disk.entry(at: "d") } == .system(5))
            disk.restart()
            #expect(try disk.text("d/file").hasPrefix("safe"), "seed \(seed)")
            #expect(try disk.text("d/other") == "whole", "seed \(seed)")
            #expect(try disk.entry(at: "d/file")?.mode == 0o640)
        }
    }

    @Test func whatWasNotSyncedMeetsEveryFate() throws {
        var fates: Set<String> = []
        for seed in UInt64(1)...300 {
            let disk = SimulatedDisk(seed: seed)
            try disk.make("old", "old")
            try disk.open("old", .read).sync()
            try disk.syncDirectory(nil)
            try disk.make("new", "1234567890")
            try disk.rename("old", to: "renamed")
            disk.powerCut()
            disk.restart()
            let names = try disk.names(in: nil)
            #expect(names.contains("old") != names.contains("renamed"), "a rename happens or does not: seed \(seed)")
            fates.insert(names.contains("old") ? "rename undone" : "rename done")
            guard names.contains("new") else {
                fates.insert("name lost")
                continue
            }
            let content = try disk.text("new")
            if content.isEmpty { fates.insert("empty") }
            if content == "1234567890" { fates.insert("whole") }
            if content.utf8.count == 10, content.utf8.contains(0) { fates.insert("zeros") }
            if (1..<10).contains(content.utf8.count) { fates.insert("cut off") }
        }
        #expect(fates == ["rename undone", "rename done", "name lost", "empty", "whole", "zeros", "cut off"])
    }

    @Test func theSameSeedHasTheSameFate() throws {
        func fate(_ seed: UInt64) throws -> [DiskPath: SimulatedContent] {
            let disk = SimulatedDisk(seed: seed)
            for number in 0..<20 { try disk.make(try #require(DiskPath("f\(number)")), "content of \(number)") }
            disk.powerCut()
            return disk.contents()
        }
        for seed in UInt64(1)...20 { #expect(try fate(seed) == fate(seed)) }
        #expect(try fate(1) != fate(2))
    }

    @Test(arguments: DiskTrouble.allCases) func aTroubleComesOnceWhereItWasPlanned(_ trouble: DiskTrouble) throws {
        let disk = SimulatedDisk(seed: 7)
        try disk.makeDirectory("a", mode: 0o700)
        disk.fail(at: disk.operationCount + 1, with: trouble)
        #expect(throws: FileFault.self) { try disk.makeDirectory("b", mode: 0o700) }
        #expect(disk.isDown == (trouble == .powerCutBefore || trouble == .powerCutAfter))
        disk.restart()
        try disk.makeDirectories("b")
    }

    @Test func aFullDiskTakesWhatFits() throws {
        let disk = SimulatedDisk(seed: 7, capacity: ByteCount(10))
        let file = try disk.open("a", .createNew(mode: 0o600))
        try file.write(bytes("1234567"))
        try #expect(fault { try file.write(bytes("89abcdef")) } == .full)
        #expect(try disk.text("a") == "123456789a")
        try #expect(fault { try disk.makeDirectory("d", mode: 0o700) } == .full)
        #expect(try disk.freeSpace() == ByteCount(0))
        try disk.removeFile("a")
        #expect(try disk.freeSpace() == ByteCount(10))
    }

    @Test func locksAndOpenFilesDieWithTheirProcess() throws {
        let disk = SimulatedDisk(seed: 7)
        let lock = try disk.lock("lock", holder: "first")
        let file = try disk.open("a", .createNew(mode: 0o600))
        try file.write(bytes("kept"))
        disk.processDied()
        #expect(disk.lockHolder("lock") == nil)
        try #expect(fault { try file.write(bytes("more")) } == .system(5))
        let next = try disk.lock("lock", holder: "second")
        lock.release()
        #expect(disk.lockHolder("lock") == "second")
        next.release()
        #expect(try disk.text("a") == "kept")
    }
}

import AgentModel
import Checkpoints
import LaunchPlans
import OutsideWorld
import SimulatedWorld
import Testing

@testable import RunnerCommands

extension Stage {
    /// Of the version all content is in packs alone then.
    func thinOut(_ version: VersionNumber) throws {
        try store.pack(agent, version)
        try store.thin(agent, version)
        #expect(try !store.isPlain(agent, version) && store.isPacked(agent, version))
    }
}

/// Whoever looks into a version cannot tell whether its plain files were taken away.
@Suite struct PackedVersionTests {
    /// Two versions with images, thinned out or not.
    private func stage(_ words: [String], thinned: Bool) throws -> Stage {
        let stage = try Stage(words)
        let versions = [
            try stage.storeImages(files: ["same": "x", "log": "one\n"], state: "7", step: 7, ago: 600),
            try stage.storeImages(files: ["same": "x", "log": "one\ntwo\n"], state: "8!", step: 8) { images in
                images.plant("pages-5.img", Array(try images.read("pages-5.img", limit: .mebibytes(1)).map { $0 ^ 1 }))
            },
        ]
        if thinned { try versions.forEach(stage.thinOut) }
        stage.machine.namespaces = .available
        stage.machine.disks["/"] = SimulatedDisk(seed: 5, rootName: "/")
        return stage
    }

    @Test(arguments: [
        ["image", "show", "agent-7@1"], ["image", "show", "agent-7@latest", "--files"], ["image", "decode", "agent-7@1/inventory.img"],
        ["image", "decode", "agent-7@1"], ["image", "decode", "agent-7@1/none.img"], ["image", "show", "agent-7@1/below"],
        ["image", "strings", "agent-7@1", "1001"], ["image", "diff", "agent-7@1", "agent-7@2"],
        ["image", "check", "agent-7@1", "--any-machine"], ["diff", "agent-7@1", "agent-7@2"], ["fork", "agent-7@1", "--as", "other"],
        ["show", "agent-7@1"], ["verify", "agent-7"],
    ])
    func theAnswerIsTheSame(words: [String]) throws {
        let plain = try stage(words, thinned: false)
        let status = plain.run()
        let packed = try stage(words, thinned: true)
        #expect(packed.run() == status)
        #expect(packed.machine.output == plain.machine.output)
        #expect(packed.machine.errors == plain.machine.errors)
    }

    // MARK: Out of the store

    private func export(_ words: String..., prepare: (Stage) throws -> Void) throws -> Stage {
        let stage = try Stage(["export", "agent-7@1"] + words)
        try stage.storeProcesses()
        try prepare(stage)
        stage.makeOutside()
        #expect(stage.run() == 0, "\(stage.machine.errors)")
        // Room that was taken for it is free again.
        #expect(try stage.disk.names(in: "staging").isEmpty)
        return stage
    }

    private func archive(prepare: (Stage) throws -> Void) throws -> [String] {
        let stage = try export("-o", "/out/a.tar", prepare: prepare)
        return try #require(stage.machine.archives.values.first).members.map { "\($0.name): \($0.bytes)" }
    }

    @Test func anArchiveIsTheSame() throws {
        let plain = try archive { _ in }
        #expect(plain.count > 10)
        #expect(try archive { try $0.thinOut(VersionNumber(1)) } == plain)
        // Its plain files are taken away while they are read: what is missing is found in packs.
        let between = try archive { stage in
            try stage.store.pack(stage.agent, VersionNumber(1))
            stage.machine.onPack = { try? stage.store.thin(stage.agent, VersionNumber(1)) }
        }
        #expect(between == plain)
    }

    @Test func imagesForPlainCriuAreTheSame() throws {
        let plain = try export("-f", "criu", "-o", "/out/dump") { _ in }
        let packed = try export("-f", "criu", "-o", "/out/dump") { try $0.thinOut(VersionNumber(1)) }
        let (before, after) = (try #require(plain.machine.disks["/out"]), try #require(packed.machine.disks["/out"]))
        let names = try before.names(in: "dump").sorted()
        #expect(try names.count > 5 && after.names(in: "dump").sorted() == names)
        for name in names {
            let path = try #require(DiskPath("dump/\(name)"))
            #expect(try before.read(path, limit: .mebibytes(8)) == after.read(path, limit: .mebibytes(8)), "\(name)")
        }
    }

    /// Whatever goes wrong while it is laid out: nothing is left in the store, and the next one succeeds.
    @Test func aFailedExportOfWhatIsPackedLeavesNothing() throws {
        let plain = try Stage(["export", "agent-7@1", "-o", "/out/a.tar"])
        try plain.storeProcesses()
        try plain.thinOut(VersionNumber(1))
        plain.makeOutside()
        let count = plain.disk.trace { #expect(plain.run() == 0, "\(plain.machine.errors)") }.count
        for operation in stride(from: 1, through: count, by: 3) {
            let stage = try Stage(["export", "agent-7@1", "-o", "/out/a.tar"])
            try stage.storeProcesses()
            try stage.thinOut(VersionNumber(1))
            stage.makeOutside()
            stage.disk.fail(at: stage.disk.operationCount + operation, with: .full)
            let status = stage.run()
            stage.disk.forgetTroubles()
            let left = try #require(stage.machine.disks["/out"]).names(in: nil)
            #expect((status == 0) == !left.isEmpty, "operation \(operation): \(stage.machine.errors)")
            #expect(try stage.store.isPacked(stage.agent, VersionNumber(1)))
            guard status != 0 else { continue }
            #expect(stage.run() == 0, "operation \(operation), then without: \(stage.machine.errors)")
            #expect(try stage.disk.names(in: "staging").isEmpty, "operation \(operation)")
        }
    }
}

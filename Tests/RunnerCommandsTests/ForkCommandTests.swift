import AgentModel
import AgentSpecs
import Checkpoints
import LaunchPlans
import OutsideWorld
import SimulatedWorld
import Testing

@testable import RunnerCommands

/// An agent that is made from a version: all of it, and nothing where the agent itself may write.
@Suite struct ForkCommandTests {
    private let other = named("other")

    /// A machine on which a fork can be fenced in, with a root directory to make its workspace in.
    private func stage(_ words: String...) throws -> Stage {
        let stage = try Stage(["fork", "agent-7@1", "--as", "other"] + words, versions: 1)
        stage.machine.namespaces = .available
        stage.machine.disks["/"] = SimulatedDisk(seed: 5, rootName: "/")
        return stage
    }

    private func root(of stage: Stage) throws -> SimulatedDisk { try #require(stage.machine.disks["/"]) }

    /// The agent may own the directory of its workspace, and swap what lies in it.
    @Test func itsSpecLiesInTheStore() throws {
        let stage = try stage()
        let root = try root(of: stage)
        root.plant("work.other.yaml", Array("theirs".utf8))
        root.plant("work.other.yaml.new", Array("theirs too".utf8))
        #expect(stage.run() == 0, "\(stage.machine.errors)")
        let file = "/store/agents/other/agent.yaml"
        #expect(stage.machine.startedDetached == [["--store", "/store", "run", "--in-background", file, "--from", "1"]])
        #expect(try root.names(in: nil).sorted() == ["work.other", "work.other.yaml", "work.other.yaml.new"])
        #expect(try root.read("work.other.yaml", limit: .kibibytes(1)) == Array("theirs".utf8))
        #expect(try root.read("work.other.yaml.new", limit: .kibibytes(1)) == Array("theirs too".utf8))
        let entry = try #require(try stage.disk.entry(at: "agents/other/agent.yaml"))
        #expect(entry.mode == 0o600)
        let text = try stage.disk.read("agents/other/agent.yaml", limit: .kibibytes(64))
        let reading = SpecReader.read(text, file: file, directory: "/store/agents/other", environment: [:]) { (_) throws(SpecFileFault) in
            []
        }
        let spec = try #require(reading.spec)
        #expect(reading.notices.isEmpty && spec.name == other && spec.command == ["sleep", "9"] && spec.workdir == "/work")
        #expect(spec.workspace == "/work.other" && spec.sandbox.workspaceAt == "/work" && spec.sandbox.network == .none)
        #expect(spec.effects.new == .deny && spec.hooks == nil)
    }

    /// The agent does not see the store: that its fork's spec lies there is no reason to show it.
    @Test func theStoreStaysHiddenFromAFork() throws {
        let stage = try stage()
        #expect(stage.run() == 0, "\(stage.machine.errors)")
        stage.machine.files["/store/agents/other/agent.yaml"] = String(
            decoding: try stage.disk.read("agents/other/agent.yaml", limit: .kibibytes(64)), as: UTF8.self)
        stage.machine.disks["/work.other"] = SimulatedDisk(seed: 6, rootName: "/work.other")
        stage.machine.arguments = ["plan", "/store/agents/other/agent.yaml"]
        #expect(stage.run() == 0, "\(stage.machine.errors)")
        #expect(!(stage.machine.output + stage.machine.errors).contains("cannot be hidden"), "\(stage.machine.output)")
    }

    /// Whatever fails, at whatever moment: nothing of the fork is there, or all of it is and the way to start it is told. Then it succeeds.
    @Test func aForkThatFailsLeavesNothing() throws {
        let plain = try stage()
        try plain.addEffects()
        let inStore = plain.disk.trace { #expect(plain.run() == 0, "\(plain.machine.errors)") }.count
        #expect(inStore > 60)
        let atRoot = try self.root(of: plain).operationCount
        for (isStore, count) in [(true, inStore), (false, atRoot)] {
            for operation in 1...count { try fail(operation, ofStore: isStore) }
        }
    }

    private func fail(_ operation: Int, ofStore: Bool) throws {
        let context = "a fault at operation \(operation) of the \(ofStore ? "store" : "place of the workspace")"
        let stage = try stage()
        try stage.addEffects()
        let root = try root(of: stage)
        let disk = ofStore ? stage.disk : root
        disk.fail(at: disk.operationCount + operation, with: .io)
        let status = stage.run()
        disk.forgetTroubles()
        if try stage.store.agents().contains(other), let version = try stage.store.versions(of: other).first?.version {
            let file = "/store/agents/other/agent.yaml"
            #expect(throws: Never.self, "\(context)") { try stage.store.verify(other, version) }
            if stage.machine.startedDetached != [] {
                #expect(stage.machine.startedDetached.map(\.last) == ["\(version)"], "\(context)")
            }
            #expect(try stage.disk.entry(at: "agents/other/agent.yaml") != nil, "\(context)")
            #expect(try stage.disk.entry(at: "agents/other/effects/ledger")?.size == 7, "\(context)")
            #expect(try root.names(in: nil) == ["work.other"], "\(context)")
            let told = stage.machine.errors
            #expect(status == 0 || told.contains("'runner run -d \(file)' starts it"), "\(context): \(told)")
            return
        }
        // Before it could be held an empty agent may stay; its name is free.
        #expect(status != 0, "\(context)")
        #expect(try root.names(in: nil).isEmpty, "\(context)")
        #expect(stage.machine.startedDetached.isEmpty, "\(context)")
        #expect(stage.run() == 0, "\(context), then without: \(stage.machine.errors)")
        #expect(try stage.disk.entry(at: "agents/other/effects/ledger")?.size == 7, "\(context), then without")
    }

    /// A fork that was killed in the middle is no agent yet, and its name is free.
    @Test func whatAKilledForkLeftIsTakenOver() throws {
        let stage = try stage()
        try stage.store.addAgent(other)
        try stage.disk.makeDirectories("agents/other/effects")
        stage.disk.plant("agents/other/effects/ledger", [1])
        stage.disk.plant("agents/other/agent.yaml", [2])
        try stage.disk.makeDirectories("staging/other@dead/workspace")
        #expect(stage.run() == 0, "\(stage.machine.errors)")
        #expect(try stage.store.versions(of: other).map(\.version) == [VersionNumber(1)])
        #expect(try stage.disk.names(in: "staging").isEmpty)
        #expect(try stage.disk.entry(at: "agents/other/effects/ledger") == nil)
    }

    /// Two who make the same agent at once: the second one finds it made, under the lock.
    @Test func anAgentThatIsThereIsLeftAlone() throws {
        let stage = try stage()
        try stage.store.addAgent(other)
        stage.disk.plant("agents/other/spec.json", [1])
        #expect(stage.run() == 73)
        #expect(stage.machine.errors.contains("there is an agent 'other' already"))
        #expect(try stage.disk.names(in: "agents/other").sorted() == ["numbers", "spec.json", "versions"])
        #expect(try root(of: stage).names(in: nil).isEmpty)
    }
}

extension Stage {
    /// What the agent has done until now.
    fileprivate func addEffects() throws {
        try disk.makeDirectories(directory / "effects")
        disk.plant(directory / "effects/ledger", Array("effects".utf8))
    }
}

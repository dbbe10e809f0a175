import AgentModel
import Checkpoints
import OutsideWorld
import SimulatedWorld
import Testing

@testable import RunnerCommands

@Suite struct RemotePlaceTests {
    @Test(
        arguments: [
            ("backup:agents", "backup:agents"),
            ("/mnt/a,b:c", "/mnt/a,b:c"),
            ("a,b/c", "a,b/c"),
            (":sftp,host=h,pass=hidden:dir", ":sftp:dir"),
            (":sftp,host=h,pass=hidden:", ":sftp:"),
            ("backup,pass=hidden:a,b:c", "backup:a,b:c"),
            (":webdav,url='http://u:hidden@h:80/':dir", ":webdav:dir"),
            (":webdav,url=\"http://u:hidden@h:80/\",pass='it''s:hidden':dir", ":webdav:dir"),
            (":local:dir,with:comma", ":local:dir,with:comma"),
            // It ends nowhere: rclone refuses it.
            (":sftp,pass='hidden:dir", ":sftp"),
        ])
    func whatMayBeASecretIsNotShown(typed: String, shown: String) throws {
        let place = try #require(RemotePlace(argument: typed))
        #expect(place.shown == shown)
        #expect(place.text == typed)
    }

    @Test(arguments: ["store sync PLACE", "store pull PLACE agent-7", "store check PLACE", "verify agent-7 --from PLACE"])
    func noFaultTellsASecret(words: String) throws {
        let place = ":webdav,url=\"http://u:hidden@h/\",pass=hidden:dir"
        let stage = try Stage(words.split(separator: " ").map { $0 == "PLACE" ? place : String($0) }, versions: 1)
        stage.disk.plant("agents/agent-7/versions/1/state", [9, 9, 9])
        var given: [String] = []
        stage.machine.tools["rclone"] = { tool in
            given = tool.arguments
            return .ended(.exited(1), output: [])
        }
        #expect(stage.run() != 0)
        #expect(given.contains { $0.hasPrefix(place) }, "rclone gets all of it: \(given)")
        #expect(stage.machine.errors.contains(":webdav:dir"), "\(stage.machine.errors)")
        #expect(!(stage.machine.errors + stage.machine.output).contains("hidden"))
    }

    @Test func whatRcloneSaysIsToldWithoutSecrets() throws {
        let place = try #require(RemotePlace(argument: ":webdav,url=\"http://u:hidden@h/\":dir"))
        let machine = FakeMachine()
        machine.tools["rclone"] = { _ in .ended(.exited(1), output: []) }
        machine.toolLines = [
            #"{"level":"critical","msg":"Failed to create file system for \":webdav,url=\\\"http://u:hidden@h/\\\":dir/agents\": no"}"#
        ]
        let carrier = try RcloneCarrier(place, on: machine) { (_, _) in }
        #expect(carrier.name == ":webdav:dir")
        #expect(throws: CarrierFault.failed("rclone says: Failed to create file system for \":webdav:dir/agents\": no")) {
            try carrier.list(nil)
        }
        machine.toolLines = ["cannot use :webdav,url=\"http://u:hidden@h/\":dir"]
        #expect(throws: CarrierFault.failed("rclone says: cannot use :webdav:dir")) { try carrier.list(nil) }
    }
}

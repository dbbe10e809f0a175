import AgentModel
import CheckpointArchives
import CriuImages
import CriuRequests
import Foundation
import Testing

private let agent = AgentName("agent-7")
private let taken = WallTime(seconds: 1_795_000_000)

private func tree(_ connections: [DumpedTree.Connection] = [], out: UInt64? = 11, err: UInt64? = 12, tcp: TCPHandling = .close)
    -> DumpedTree
{
    DumpedTree(
        root: 1000, highestProcess: 1007, outputPipe: out, errorPipe: err, connections: connections, tcp: tcp, criu: CriuVersion(4, 2, 1))
}

// MARK: The command of a plain restore

private struct Case: CustomTestStringConvertible, Sendable {
    var testDescription: String
    var tree: DumpedTree
    var has: [String]
    var hasNot: [String] = []
}

private let cases = [
    Case(
        testDescription: "two pipes", tree: tree(),
        has: [
            "--inherit-fd 'fd[1]:pipe:[11]'", "--inherit-fd 'fd[2]:pipe:[12]'", "2> >(cat >&2) | cat", "--tcp-close", "--file-locks",
            "unshare --pid --mount --fork --mount-proc",
        ], hasNot: ["python3", "socket:"]),
    Case(
        testDescription: "one pipe for both", tree: tree(err: 11), has: ["--inherit-fd 'fd[1]:pipe:[11]'", " | cat"],
        hasNot: ["fd[2]", "2> >("]),
    Case(testDescription: "no pipe", tree: tree(out: nil, err: nil), has: ["criu restore"], hasNot: ["inherit-fd", "| cat"]),
    Case(testDescription: "kept connections", tree: tree(tcp: .keep), has: ["--tcp-established"], hasNot: ["--tcp-close"]),
    Case(
        testDescription: "two connections", tree: tree([.init(inode: 77, form: .stream), .init(inode: 78, form: .packets)]),
        has: [
            "--inherit-fd 'fd[3]:socket:[77]'", "--inherit-fd 'fd[4]:socket:[78]'", "forms = [socket.SOCK_STREAM, socket.SOCK_SEQPACKET]",
            "os.execvp",
        ]),
]

@Test(arguments: cases) private func theCommandGivesBackWhatLaysOutside(one: Case) throws {
    let instructions = RestoreInstructions(agent: try #require(agent), version: VersionNumber(41), tree: one.tree, workspace: nil)
    for part in one.has { #expect(instructions.command.contains(part), "\(part)") }
    for part in one.hasNot { #expect(!instructions.command.contains(part), "\(part)") }
    // In the text it stands indented, and nothing else does so.
    let block = instructions.text.split(separator: "\n", omittingEmptySubsequences: false).filter { $0.hasPrefix("    ") }.map {
        $0.dropFirst(4)
    }
    #expect(block.joined(separator: "\n") == instructions.command)
}

@Test func aProcessorThatIsNotToldIsNotCompared() throws {
    var instructions = RestoreInstructions(agent: try #require(agent), version: VersionNumber(1), tree: tree(), workspace: nil)
    #expect(instructions.command.contains("--cpu-cap=all"))
    instructions.hasProcessor = false
    #expect(!instructions.command.contains("--cpu-cap"))
}

@Test func theTextSaysWhatMustBeThere() throws {
    let instructions = RestoreInstructions(agent: try #require(agent), version: VersionNumber(41), tree: tree(), workspace: "/work")
    for part in ["'agent-7@41'", "CRIU 4.2.1 or newer", "1000 to 1007", "'/work'", "pipe:[11] was standard output", "keys, tokens"] {
        #expect(instructions.text.contains(part), "\(part)")
    }
}

// MARK: What readers of podman's archives look for

@Test func descriptorsAreWrittenAsRuncDoes() throws {
    #expect(String(decoding: try DescriptorsFile.bytes(of: tree()), as: UTF8.self) == #"["/dev/null","pipe:[11]","pipe:[12]"]"#)
    #expect(
        String(decoding: try DescriptorsFile.bytes(of: tree(out: nil, err: nil)), as: UTF8.self)
            == #"["/dev/null","/dev/null","/dev/null"]"#)
}

@Test func aDescriptionHasTheKeysThatReadersUse() throws {
    let name = try #require(agent)
    let config = try JSONText.encode(
        ContainerConfig(id: String(repeating: "a", count: 64), name: "agent-7", command: ["sh"], takenAt: taken))
    let object = try #require(try JSONSerialization.jsonObject(with: Data(config)) as? [String: Any])
    #expect(Set(object.keys) == ["id", "name", "runtime", "command", "createdTime", "checkpointedTime", "restoredTime", "restored"])
    let spec = try JSONText.encode(ContainerSpec(agent: name, version: VersionNumber(41), command: ["sh"], workingDirectory: "/work"))
    let read = try #require(try JSONSerialization.jsonObject(with: Data(spec)) as? [String: Any])
    #expect((read["annotations"] as? [String: String])?["io.container.manager"] == "libpod")
    let facts = ContainerFacts(config: config, spec: spec)
    #expect(facts.name == "agent-7" && facts.command == ["sh"] && facts.workingDirectory == "/work" && facts.checkpointedAt == taken)
}

/// Of strangers nothing is taken for granted.
@Test(arguments: ["", "{", "[]", "null", #"{"id": 7}"#, #"{"name": ["x"]}"#, "{}", #"{"checkpointedTime": "yesterday"}"#])
func aStrangeDescriptionIsNoDescription(text: String) {
    let facts = ContainerFacts(config: Array(text.utf8), spec: Array(text.utf8))
    #expect(facts.checkpointedAt == nil && facts.command.isEmpty && facts.words == "the container '?'")
}

// MARK: What images say of the world outside

private func images(_ set: String) throws -> ImageDirectory {
    let folder = URL(filePath: #filePath).deletingLastPathComponent().deletingLastPathComponent().appending(path: "Corpora/criu/\(set)")
    let files = try FileManager.default.contentsOfDirectory(at: folder, includingPropertiesForKeys: nil).map { url in
        let bytes = [UInt8](try Data(contentsOf: url))
        return ImageFile(name: url.lastPathComponent, size: UInt64(bytes.count)) { (offset, count) throws(ImageFault) in
            guard offset + UInt64(count) <= UInt64(bytes.count) else { throw ImageFault(.truncated, "it ends") }
            return Array(bytes[Int(offset)..<Int(offset) + count])
        }
    }
    return ImageDirectory(name: set, files: files)
}

@Test(
    arguments: [
        ("many", CriuVersion(4, 2), [] as [String]), ("older", CriuVersion(4, 1), []),
        ("namespaces", CriuVersion(4, 2), ["net", "ipc", "uts"]),
    ])
func imagesTellWhatARestoreMustBring(set: String, version: CriuVersion, namespaces: [String]) throws {
    let outside = try #require(SetOutside(of: try images(set)))
    let tree = DumpedTree(of: outside)
    #expect(tree.root == 1001 && tree.highestProcess >= 1001 && tree.criu == version)
    #expect(outside.namespaces == namespaces && !outside.hasParent)
    #expect((outside.obstacle == nil) == namespaces.isEmpty, "\(outside)")
    if !namespaces.isEmpty { #expect(outside.obstacle?.words.contains("(net, ipc, uts)") == true) }
}

@Test func eachObstacleIsNamed() throws {
    let plain = try #require(SetOutside(of: try images("older")))
    #expect(plain.obstacle == nil)
    var one = plain
    one.sockets = [.init(inode: 7, form: .datagrams)]
    #expect(one.obstacle?.words.contains("datagram socket") == true)
    one = plain
    one.otherExternals = 1
    #expect(one.obstacle?.words.contains("external") == true)
    one = plain
    one.root = 1
    #expect(one.obstacle?.words.contains("first process") == true)
    one = plain
    one.sockets = [.init(inode: 7, form: .packets), .init(inode: 8, form: .stream)]
    #expect(DumpedTree(of: one).connections == [.init(inode: 7, form: .packets), .init(inode: 8, form: .stream)])
}

import AgentModel
import OutsideWorld
import SimulatedWorld
import Testing

@testable import RunnerCommands

/// Two versions: a file each way, another state, and the memory of one process written anew.
private func stage(_ arguments: [String]) throws -> Stage {
    let stage = try Stage(arguments)
    try stage.storeImages(files: ["same": "x", "log": "one\n", "old": "gone"], state: "7", step: 7, ago: 600)
    try stage.storeImages(files: ["same": "x", "log": "one\ntwo\n", "new": "here"], state: "8!", step: 8) { images in
        images.plant("pages-5.img", Array(try images.read("pages-5.img", limit: .mebibytes(1)).map { $0 ^ 1 }))
    }
    return stage
}

private let expected = """
    agent-7@1 -> agent-7@2
      taken  2026-11-21T08:28:00.000Z -> 2026-11-21T08:38:00.000Z
      size   237.4 kB -> 237.4 kB (+5 B)
      step   7 -> 8
      spec   the same
      state  1 B, SHA-256 7902699be42c… -> 2 B, SHA-256 017db63921b2…

    files: 1 added, 1 changed, 1 removed, 1 unchanged
      ~ log  4 B -> 8 B (+4 B)
      + new  4 B
      - old  4 B

    processes: 4 in both, 0 added, 0 gone
      = 1001 agent: no page changed, 18 the same
      = 1003 first child: no page changed, 16 the same
      = 1006 first child: pages 16 changed, 0 the same
      = 1004 agent: no page changed, 0 the same

    """

@Test(arguments: [
    ["agent-7@1", "agent-7@2"], ["agent-7", "1", "2"], ["agent-7@1", "latest"], ["agent-7@v1"], ["agent-7"], ["v1", "v2"],
    ["agent-7", "1", "known-good"],
])
func twoVersionsAreNamedInManyWays(words: [String]) throws {
    let stage = try stage(["diff"] + words)
    #expect(stage.run() == 0)
    #expect(stage.machine.output == expected, "\(stage.machine.output)")
}

@Test func whatHasNoImagesIsComparedWithoutThem() throws {
    let stage = try Stage(["diff", "agent-7@2", "agent-7@3"], versions: 2)
    try stage.storeImages(files: ["count": "2\n"])
    #expect(stage.run() == 0)
    #expect(stage.machine.output.hasSuffix("\nprocesses: 'agent-7@2' holds no images of them\n"))
    #expect(stage.machine.output.contains("files: 0 added, 0 changed, 0 removed, 1 unchanged\n"))
    #expect(stage.machine.output.contains("state  3 B, SHA-256 039058c6f2c0… -> none\n"))
}

@Test func aDifferenceIsJSONToo() throws {
    let stage = try stage(["diff", "agent-7@1", "agent-7@2", "--json"])
    #expect(stage.run() == 0)
    for part in [
        #""sameSpec" : true"#, #""sameState" : false"#, #""change" : "removed""#, #""unchanged" : 1"#, #""changed" : 16"#, #""step" : 8"#,
    ] {
        #expect(stage.machine.output.contains(part), "\(part) is not in \(stage.machine.output)")
    }
}

// MARK: Images of a version

@Test(arguments: [
    (["image", "show", "agent-7@1"], "agent-7@1: 228.6 kB, of them 212.9 kB of pages, X86_64\n"),
    (["image", "show", "agent-7@latest", "--sockets"], "    11 UNIXSK STREAM door.sock (LISTEN)\n"),
    (["image", "decode", "agent-7@1/inventory.img"], #"{"magic": "INVENTORY", "#),
    (["image", "strings", "agent-7@1", "1001"], "0x7f571bf09000 API_KEY=sk-not-a-real-key\n"),
    (["image", "diff", "agent-7@1", "/dump"], "nothing differs\n"),
])
func theImagesOfAVersionAreLookedInto(words: [String], expected: String) throws {
    let stage = try Stage(words)
    try stage.storeImages()
    stage.machine.disks["/dump"] = try imageDisk("many")
    #expect(stage.run() == 0, "\(stage.machine.errors)")
    #expect(stage.machine.output.contains(expected), "\(stage.machine.output)")
}

@Test func aVersionIsCheckedAsADirectoryIs() throws {
    let stage = try Stage(["image", "check", "agent-7@1", "--any-machine"])
    try stage.storeImages()
    #expect(stage.run() == 0)
    #expect(stage.machine.errors == "runner: 'agent-7@1' is whole: 45 files and nothing wrong with them\n")
}

/// A directory that is called like a version is a directory.
@Test func whatIsThereGoesFirst() throws {
    let stage = try Stage(["image", "show", "agent-7@1"], versions: 1)
    stage.machine.disks["/home/ada/agent-7@1"] = try imageDisk("older")
    #expect(stage.run() == 0)
    #expect(stage.machine.output.hasPrefix("agent-7@1: "))
}

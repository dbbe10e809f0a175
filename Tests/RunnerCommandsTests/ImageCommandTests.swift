import AgentModel
import CriuImages
import Foundation
import OutsideWorld
import SimulatedWorld
import Testing

@testable import RunnerCommands

/// A machine with one of the kept sets of images at /dump.
private func machine(_ arguments: [String], set: String = "many", without missing: [String] = []) throws -> FakeMachine {
    let machine = FakeMachine()
    machine.arguments = arguments
    machine.disks["/dump"] = try imageDisk(set, without: missing)
    return machine
}

func imageDisk(_ set: String, without missing: [String] = []) throws -> SimulatedDisk {
    let folder = URL(fileURLWithPath: #filePath).deletingLastPathComponent().deletingLastPathComponent().appending(
        path: "Corpora/criu/\(set)")
    let disk = SimulatedDisk(seed: 3, rootName: "/dump")
    for name in try FileManager.default.contentsOfDirectory(atPath: folder.path) where !missing.contains(name) {
        guard let path = DiskPath(name) else { continue }
        disk.plant(path, Array(try Data(contentsOf: folder.appending(path: name))))
    }
    return disk
}

private func run(_ machine: FakeMachine) -> Int32 { RunnerCommands.main(machine) { (_, _) in .exited(0) } }

@Test func imageShowIsTheTree() throws {
    let machine = try machine(["image", "show", "/dump"])
    #expect(run(machine) == 0)
    #expect(
        machine.output == """
            /dump: 228.6 kB, of them 212.9 kB of pages, X86_64
            stood still for 61.7 ms
            open files: 16 REG, 8 UNIXSK, 4 INETSK, 3 PIPE, 2 MEMFD, 2 TTY, 1 EVENTFD, 1 EVENTPOLL, 1 FIFO, 1 INOTIFY, 1 SIGNALFD, 1 TIMERFD

            1001 ./agent --name agent-7: 73.7 kB of 9.5 MB mapped, 2 threads, 30 descriptors
              1003 ./agent --name agent-7: 65.5 kB of 1.1 MB mapped, 30 descriptors
                1006 ./agent --name agent-7: 65.5 kB of 1.1 MB mapped, 30 descriptors
              1004 [agent], dead

            """)
}

@Test(arguments: [(["--files"], "    exe /srv/agent/agent"), (["--sockets"], "    11 UNIXSK STREAM door.sock (LISTEN)")])
func imageShowTellsFilesAndSockets(options: [String], line: String) throws {
    let machine = try machine(["image", "show", "/dump"] + options)
    #expect(run(machine) == 0)
    #expect(machine.output.split(separator: "\n").contains { $0 == line }, "\(machine.output)")
}

@Test func imageCheckEndsWell() throws {
    let machine = try machine(["image", "check", "/dump", "--any-machine"])
    #expect(run(machine) == 0)
    #expect(machine.output.isEmpty)
    #expect(machine.errors == "runner: '/dump' is whole: 45 files and nothing wrong with them\n")
}

@Test func imageCheckTellsWhatARestoreWouldMeet() throws {
    let machine = try machine(["image", "check", "/dump", "--any-machine"], without: ["fdinfo-3.img", "timens-0.img"])
    #expect(run(machine) == 65)
    let rows = machine.output.split(separator: "\n").map { $0.split(separator: "  ").map { $0.trimmingCharacters(in: .whitespaces) } }
    #expect(
        rows == [
            ["SEVERITY", "FILE", "WHAT", "CONSEQUENCE"],
            [
                "error", "fdinfo-3.img", "it is missing, and process 1003 has it as its table of files",
                "CRIU says that it restored, and the process is not there",
            ],
            [
                "warning", "timens-0.img", "it is missing",
                "clocks jump: CRIU restores without a word, and timers may sleep for days",
            ],
        ])
}

@Test func imageDecodeAndEncodeAreInverse() throws {
    let decoding = try machine(["image", "decode", "/dump/fs-1001.img"])
    #expect(run(decoding) == 0)
    #expect(decoding.output == #"{"magic": "FS", "entries": [{"cwd_id": 35, "root_id": 36, "umask": 18}]}"# + "\n")
    let encoding = try machine(["image", "encode", "fs.json"])
    encoding.files["/home/ada/fs.json"] = decoding.output
    #expect(run(encoding) == 0)
    let image = try imageDisk("many").read("fs-1001.img", limit: .mebibytes(1))
    #expect(encoding.outputBytes == image)
    let writing = try machine(["image", "encode", "fs.json", "-o", "/dump/fs-9.img"])
    writing.files["/home/ada/fs.json"] = decoding.output
    #expect(run(writing) == 0)
    #expect(try writing.disks["/dump"]?.read("fs-9.img", limit: .mebibytes(1)) == image)
}

@Test func theMemoryOfAProcessIsListedSearchedAndPrinted() throws {
    let pages = try machine(["image", "pages", "/dump", "1001", "-q"])
    #expect(run(pages) == 0)
    #expect(pages.output.hasPrefix("0x401000\n0x4b9000\n"))
    let strings = try machine(["image", "strings", "/dump", "1001", "--find", "API_KEY=sk"])
    #expect(run(strings) == 0)
    #expect(strings.output == "0x7f571bf09000 API_KEY=sk-not-a-real-key\n")
    let cat = try machine(["image", "cat", "/dump", "1001", "0x7f571bf09000", "-n", "100"])
    #expect(run(cat) == 0)
    #expect(
        cat.output == """
            00007f571bf09000  41 50 49 5f 4b 45 59 3d  73 6b 2d 6e 6f 74 2d 61  |API_KEY=sk-not-a|
            00007f571bf09010  2d 72 65 61 6c 2d 6b 65  79 00 00 00 00 00 00 00  |-real-key.......|
            00007f571bf09020  00 00 00 00 00 00 00 00  00 00 00 00 00 00 00 00  |................|
            *
            00007f571bf09060  00 00 00 00                                       |....|
            00007f571bf09064

            """)
    let raw = try machine(["image", "cat", "/dump", "1001", "0x7f571bf09000", "-n", "25", "--raw"])
    #expect(run(raw) == 0)
    #expect(raw.outputBytes == Array("API_KEY=sk-not-a-real-key".utf8))
}

@Test func imageDiffTellsWhatChanged() throws {
    let machine = try machine(["image", "diff", "/dump", "/later"])
    let later = try imageDisk("many")
    later.plant("pages-5.img", Array(try later.read("pages-5.img", limit: .mebibytes(1)).map { $0 ^ 1 }))
    machine.disks["/later"] = later
    #expect(run(machine) == 0)
    #expect(machine.output.contains("= 1006 first child: pages 16 changed, 0 the same\n"), "\(machine.output)")
    #expect(machine.output.contains("= 1001 agent: no page changed, 18 the same\n"))
}

/// A set that leans on an older one is found beside it, as CRIU's link says.
@Test(arguments: [true, false])
func theParentLinkIsFollowed(isThere: Bool) throws {
    let machine = try machine(["image", "check", "/dump/v2", "--any-machine"])
    let newer = try imageDisk("older")
    try newer.makeSymbolicLink("parent", to: "../v1")
    machine.disks = ["/dump/v2": newer]
    if isThere { machine.disks["/dump/v1"] = try imageDisk("older") }
    #expect(run(machine) == 0)
    let json = FakeMachine("image", "show", "/dump/v2", "--json")
    json.disks = machine.disks
    #expect(run(json) == 0)
    #expect(json.output.contains(#""hasParent" : true"#))
}

@Test func theFamilyOfImageCommandsHasAPage() {
    let machine = FakeMachine("image", "--help")
    #expect(run(machine) == 0)
    let asked = FakeMachine("help", "image")
    #expect(run(asked) == 0)
    #expect(machine.output == asked.output && machine.output.contains("  image check "))
    let one = FakeMachine("help", "image", "check")
    #expect(run(one) == 0 && one.output.hasPrefix("runner image check: "))
}

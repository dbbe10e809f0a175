import OutsideWorld
import SimulatedWorld

@testable import RunnerCommands

/// A set of images at /dump, with files in it that are none, and a directory without images.
private let dump: @Sendable (Stage) throws -> Void = { stage in
    let disk = try imageDisk("older", without: ["pages-1.img"])
    disk.plant("pages-1.img", [1, 2, 3])
    disk.plant("notes.txt", Array("hello".utf8))
    disk.plant("cut.img", [0x19, 0x43])
    stage.machine.disks["/dump"] = disk
    stage.machine.disks["/empty"] = SimulatedDisk(seed: 1, rootName: "/empty")
    stage.machine.files["/home/ada/bad.json"] = #"{"magic": "NEWS", "entries": []}"#
    stage.machine.files["/home/ada/fs.json"] = #"{"magic": "FS", "entries": []}"#
    stage.machine.diskFaults["/locked"] = .readOnly
}

/// Ways to fail with CRIU's images.
let imageFailures: [Failure] = [
    // The command line.
    Failure("image", 64, "E-USAGE", "say what to do: show, check, diff, decode, encode, pages, strings, cat. See 'runner image --help'"),
    Failure("image chek /dump", 64, "E-USAGE", "unknown command 'image chek'; did you mean 'image check'? See 'runner image --help'"),
    Failure("image show", 64, "E-USAGE", "missing DIR. See 'runner image show --help'"),
    Failure("image check", 64, "E-USAGE", "missing DIR. See 'runner image check --help'"),
    Failure("image diff /dump", 64, "E-USAGE", "missing AFTER. See 'runner image diff --help'"),
    Failure("image decode", 64, "E-USAGE", "missing FILE. See 'runner image decode --help'"),
    Failure("image decode /", 64, "E-USAGE", "'/' names no file. See 'runner image --help'"),
    Failure("image encode fs.json -o /", 64, "E-USAGE", "'/' names no file. See 'runner image encode --help'", dump),
    Failure("image pages /dump x", 64, "E-USAGE", "'x' is not a number from 0 up. See 'runner image pages --help'"),
    Failure("image strings /dump", 64, "E-USAGE", "missing PID. See 'runner image strings --help'"),
    Failure("image cat /dump 1 x", 64, "E-USAGE", "'x' is not an address such as 0x7ffc3a10. See 'runner image cat --help'"),

    Failure(
        "image show agent-7@1", 66, "E-VERSION-PART",
        "could not look into 'agent-7@1': it holds no images of processes. See 'runner show agent-7@1'", versions: 1),
    Failure(
        "image check agent-7@9", 66, "E-VERSION-MISSING",
        "could not find 'agent-7@9': there is no such version. 'runner versions agent-7' lists those there are", versions: 1),
    Failure("diff agent-7 1 2 3", 64, "E-USAGE", "say two versions: 'agent-7@40 agent-7@41'. See 'runner diff --help'"),
    Failure(
        "diff agent-7@0", 64, "E-USAGE",
        "say which version: 'agent-7@0' is not an agent such as 'agent-7', or one of its versions such as 'agent-7@42'. See 'runner diff --help'"
    ),
    Failure(
        "diff agent-7", 66, "E-VERSION-MISSING",
        "could not compare versions of 'agent-7': it has only one yet. 'runner checkpoint agent-7' takes one while it runs", versions: 1),
    Failure(
        "diff agent-7", 65, "E-VERSION-BROKEN",
        "could not read 'agent-7@1': 'manifest.json' is broken: it does not match its seal. Use another version, see 'runner versions agent-7'",
        versions: 2
    ) { stage in _ = stage.disk.damage(stage.directory / "versions" / "1" / "manifest.json", offset: 0, bit: 0) },
    Failure(
        "doctor agent-7", 69, "E-SUPERVISOR-NONE",
        "could not look at 'agent-7': no supervisor of it runs. Start it with 'runner run', or see 'runner status agent-7' for how it ended"
    ),
    Failure(
        "doctor agent-7", 75, "E-SUPERVISOR-SILENT",
        "could not look at 'agent-7': its supervisor did not answer in time. Try again, or with a longer '--timeout'", refusing(.noAnswer)),

    // What is not an image.
    Failure(
        "image decode /dump/pages-1.img", 65, "E-IMAGE-RAW",
        "could not decode '/dump/pages-1.img': it holds plain bytes and no entries. Look at pages with 'runner image cat', at other such files with their own programs",
        dump),
    Failure(
        "image decode /dump/notes.txt", 65, "E-IMAGE-UNKNOWN",
        "could not decode '/dump/notes.txt': 0x6c6c6568 is no magic number of an image (at byte 0). Name an image of CRIU 3.17 to 4.2", dump
    ),
    Failure(
        "image decode /dump/cut.img", 65, "E-IMAGE-DAMAGED",
        "could not decode '/dump/cut.img': a magic number of 4 bytes is expected, and 2 are left (at byte 0). Look at its directory with 'runner image check'",
        dump),
    Failure(
        "image encode bad.json", 65, "E-IMAGE-TEXT",
        "could not make an image of 'bad.json': 'NEWS' is no kind of image (at byte 16). Begin from what 'runner image decode' prints", dump
    ),
    Failure(
        "image cat /dump 1001 0x401000", 65, "E-IMAGE-DAMAGED",
        "could not read the memory of process 1001 in '/dump': 'pages-1.img' ends too early (at byte 3). Look at its directory with 'runner image check'",
        dump),
    Failure(
        "image strings /dump 1001", 65, "E-IMAGE-DAMAGED",
        "could not read the memory of process 1001 in '/dump': 'pages-1.img' ends too early (at byte 3). Look at its directory with 'runner image check'",
        dump),
    Failure(
        "image diff /dump /dump", 65, "E-IMAGE-DAMAGED",
        "could not compare with '/dump': 'pages-1.img' ends too early (at byte 3). Look at its directory with 'runner image check'", dump),
    Failure(
        "image pages /dump 1001", 65, "E-IMAGE-DAMAGED",
        "could not read the memory of process 1001 in '/dump': a magic number of 4 bytes is expected, and 1 are left (at byte 0). Look at its directory with 'runner image check'"
    ) { stage in
        try dump(stage)
        stage.machine.disks["/dump"]?.plant("pagemap-1001.img", [7])
    },

    // What is not there.
    Failure(
        "image decode /dump/none.img", 66, "E-FILE-MISSING",
        "could not read '/dump/none.img': there is no such file or directory. Check the path", dump),
    Failure(
        "image encode none.json", 66, "E-FILE-MISSING",
        "could not open '/home/ada/none.json': there is no such file or directory. Check the path", dump),
    Failure(
        "image show /empty", 66, "E-IMAGE-SET",
        "could not look into '/empty': there are no images in it. Name the directory CRIU dumped into", dump),
    Failure(
        "image check /gone", 66, "E-FILE-MISSING",
        "could not open the directory '/gone': there is no such file or directory. Check the path", dump),
    Failure(
        "image diff /dump /empty", 66, "E-IMAGE-SET",
        "could not look into '/empty': there are no images in it. Name the directory CRIU dumped into", dump),
    Failure(
        "image cat /dump 1001 0x10", 66, "E-IMAGE-PLACE",
        "could not read the memory of process 1001 in '/dump': the page at 0x0 is not in the images. 'runner image show' lists processes, 'runner image pages' what is there of one",
        dump),
    Failure(
        "image pages /dump 7", 66, "E-IMAGE-PLACE",
        "could not read the memory of process 7 in '/dump': there is no page map of process 7. 'runner image show' lists processes, 'runner image pages' what is there of one",
        dump),
    Failure(
        "image strings /dump 7", 66, "E-IMAGE-PLACE",
        "could not read the memory of process 7 in '/dump': there is no page map of process 7. 'runner image show' lists processes, 'runner image pages' what is there of one",
        dump),
    Failure(
        "image encode fs.json -o /locked/fs-1.img", 73, "E-FILE-READONLY",
        "could not open the directory '/locked': the file system is read-only. Mount it writable, or use another place", dump),
]

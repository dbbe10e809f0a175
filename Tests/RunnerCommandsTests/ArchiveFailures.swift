import AgentModel
import Checkpoints
import OutsideWorld
import SimulatedWorld

@testable import RunnerCommands

/// A version with processes, a directory to export to with something in it, and an archive of a stranger.
private let outside: @Sendable (Stage) throws -> Void = { stage in
    try stage.storeProcesses()
    try stage.plantArchive()
    stage.machine.disks["/out"]?.plant("taken", [1])
}

/// The helper's answer.
private func answer(_ kind: ArchiveFault.Kind, _ member: String? = nil, _ detail: String? = nil) -> @Sendable (Stage) throws -> Void {
    { stage in
        try outside(stage)
        stage.machine.archiveFault = ArchiveFault(kind, member: member, detail: detail)
    }
}

private func archive(without missing: [String] = [], with added: [(name: String, bytes: [UInt8])] = []) -> @Sendable (Stage) throws -> Void
{
    { stage in try stage.plantArchive(without: missing, with: added) }
}

/// Ways to fail with versions on their way out and in.
let archiveFailures: [Failure] = exportFailures + importFailures + archiveHelperFailures

private let exportFailures: [Failure] = [
    Failure(
        "export agent-7 --format criu", 64, "E-USAGE",
        "say which version: 'agent-7@42', 'agent-7@latest' or 'agent-7@known-good'. See 'runner export --help'"),
    Failure("export agent-7@1 --format zip", 64, "E-USAGE", "'zip' for '--format' is not 'archive' or 'criu'. See 'runner export --help'"),
    Failure(
        "export agent-7@1 --format criu -c zstd", 64, "E-USAGE",
        "what did not become an archive has no compression: leave out '--compression'. See 'runner export --help'"),
    Failure("export agent-7@1 --format criu -o /", 64, "E-USAGE", "'/' names no file. See 'runner export --help'", outside),
    Failure(
        "export agent-7@9 --format criu", 66, "E-VERSION-MISSING",
        "could not find 'agent-7@9': there is no such version. 'runner versions agent-7' lists those there are", outside),
    Failure(
        "export agent-7@1 --format criu -o /out/dump", 66, "E-VERSION-PART",
        "could not export 'agent-7@1': it holds no images of processes. See 'runner show agent-7@1'", versions: 1
    ) { stage in stage.makeOutside() },
    Failure(
        "export agent-7@1 --format archive -o /gone/a.tar", 66, "E-FILE-MISSING",
        "could not open the directory '/gone': there is no such file or directory. Check the path", outside),
    Failure(
        "export agent-7@1 --format criu -o /out/taken", 73, "E-EXPORT-EXISTS",
        "could not export 'agent-7@1' to '/out/taken': something is there already. Give another path with '--output'", outside),
    Failure(
        "export agent-7@1 --format archive -o /out/a.tar", 65, "E-VERSION-BROKEN",
        "could not verify 'agent-7@1': 'process/pages-1.img' is broken: it is longer than what was stored. Use another version, see 'runner versions agent-7'"
    ) { stage in
        try outside(stage)
        let pages: DiskPath = stage.directory / "versions/1/process/pages-1.img"
        stage.disk.plant(pages, try stage.disk.read(pages, limit: .mebibytes(8)) + [1])
    },
    Failure(
        "export agent-7@1 --format archive -o /out/a.tar", 73, "E-FILE-FULL",
        "could not export 'agent-7@1' to '/out/a.tar': the disk is full. Free space, or give another path with '--output'", answer(.full)),
    Failure(
        "export agent-7@1 --format archive -o /out/a.tar", 73, "E-FILE-READONLY",
        "could not export 'agent-7@1' to '/out/a.tar': the disk is read-only. Give another path with '--output'", answer(.readOnly)),
    Failure(
        "export agent-7@1 --format archive -o /out/a.tar", 77, "E-FILE-DENIED",
        "could not export 'agent-7@1' to '/out/a.tar': permission denied. Give another path with '--output'", answer(.denied)),
    Failure(
        "export agent-7@1 --format archive -o /out/a.tar", 74, "E-FILE-IO",
        "could not export 'agent-7@1' to '/out/a.tar': a file of the version changed ('runner/state'). Look at the disk, and at 'runner verify'",
        answer(.changed, "runner/state")),
    Failure(
        "export agent-7@1 --format archive -o /out/a.tar", 73, "E-EXPORT-NAME",
        "could not export 'agent-7@1' to '/out/a.tar': no archive takes the name 'runner/x' in, which is too long or too deep. Export its processes with '--format criu', or move the file up in the workspace and export a later version",
        answer(.name, "runner/x")),
]

private let importFailures: [Failure] = [
    Failure("import", 64, "E-USAGE", "missing PATH. See 'runner import --help'"),
    Failure(
        "import /out --as Web", 64, "E-USAGE",
        "'Web' for '--as' is not an agent's name (a-z, 0-9, '.', '_', '-', at most 63, a letter or digit first). See 'runner import --help'"
    ),
    Failure(
        "import /out --size-limit 5", 64, "E-USAGE",
        "'5' for '--size-limit' has no unit; did you mean '5MB' or '5MiB'? See 'runner import --help'"),
    Failure(
        "import /out/podman.tar", 64, "E-USAGE", "say which agent it becomes a version of: '--as NAME'. See 'runner import --help'",
        { stage in
            try stage.plantArchive()
            stage.machine.archives["/out/podman.tar"]?.members.removeAll { $0.name == "config.dump" }
        }),
    Failure(
        "import /gone.tar", 66, "E-FILE-MISSING",
        "could not open the directory '/gone.tar': there is no such file or directory. Check the path"),
    Failure(
        "import /out", 66, "E-IMAGE-SET", "could not look into '/out': there are no images in it. Name the directory CRIU dumped into",
        outside),
    Failure(
        "import /dump --as counter", 65, "E-IMPORT-IMAGES",
        "could not import '/dump': its images have an error: 'inventory.img': it is missing. 'runner image check' tells all; dump anew"
    ) { stage in stage.machine.disks["/dump"] = try imageDisk("older", without: ["inventory.img"]) },
    Failure(
        "import /dump --as counter", 65, "E-IMPORT-IMAGES",
        "could not import '/dump': its images have an error: 'pages-1.img': it is missing, and 14 pages are in it. 'runner image check' tells all; dump anew"
    ) { stage in stage.machine.disks["/dump"] = try imageDisk("older", without: ["pages-1.img"]) },
    Failure(
        "import /out/podman.tar", 65, "E-IMPORT-IMAGES",
        "could not import '/out/podman.tar': its images have an error: 'fdinfo-2.img': it is missing, and process 1001 has it as its table of files. 'runner image check' tells all; dump anew",
        archive(without: ["fdinfo-2.img"])),
    Failure(
        "import /out/a.tar --as other", 65, "E-ARCHIVE-DAMAGED",
        "could not import '/out/a.tar': its 'process/pages-1.img' is not what was exported: its bytes are not what was stored. Nothing was imported; copy or export it once more"
    ) { stage in
        try stage.exported { archive in
            guard let place = archive.members.firstIndex(where: { $0.name == "checkpoint/pages-1.img" }) else { return }
            archive.members[place].bytes[9] ^= 1
        }
        stage.machine.arguments = ["import", "/out/a.tar", "--as", "other"]
    },
    Failure(
        "import /out/podman.tar", 75, "E-STORE-HELD",
        "could not lock the agent 'web': it is held by pid 99. Look with 'runner status', or end it with 'runner stop' first"
    ) { stage in
        try stage.plantArchive()
        try stage.store.addAgent(named("web"))
        stage.machine.held.append(try stage.store.lock(named("web"), holder: "pid 99"))
    },
    Failure(
        "import /out/podman.tar", 73, "E-STORE-FULL",
        "could not import '/out/podman.tar': the store's disk is full. Free space, or give another store with --store", answer(.full)),
    Failure(
        "import /out/podman.tar", 73, "E-STORE-READONLY",
        "could not import '/out/podman.tar': the store's disk is read-only. Remount it writable; older versions are untouched",
        answer(.readOnly)),
    Failure(
        "import /out/podman.tar", 77, "E-FILE-DENIED",
        "could not import '/out/podman.tar': permission denied. Run as the owner of it and of the store", answer(.denied)),
    Failure(
        "import /out/podman.tar", 74, "E-FILE-IO",
        "could not import '/out/podman.tar': input/output error. Look at the path and the disk", answer(.system, nil, "input/output error")),
]

private let archiveHelperFailures: [Failure] = [
    Failure(
        "import /out/podman.tar", 65, "E-ARCHIVE-DAMAGED",
        "could not import '/out/podman.tar': it is no whole archive (Truncated tar archive). Nothing was imported; copy or export it once more",
        answer(.damaged, nil, "Truncated tar archive")),
    Failure(
        "import /out/podman.tar", 65, "E-ARCHIVE-HOSTILE",
        "could not import '/out/podman.tar': its member '/etc/x' has an absolute name. Nothing was imported; find out who made it",
        answer(.absolute, "/etc/x")),
    Failure(
        "import /out/podman.tar", 65, "E-ARCHIVE-HOSTILE",
        "could not import '/out/podman.tar': its member '../x' leads out of it by '..'. Nothing was imported; find out who made it",
        answer(.above, "../x")),
    Failure(
        "import /out/podman.tar", 65, "E-ARCHIVE-HOSTILE",
        "could not import '/out/podman.tar': a member has a name that cannot be used (empty, too long or too deep). Nothing was imported; find out who made it",
        answer(.name)),
    Failure(
        "import /out/podman.tar", 65, "E-ARCHIVE-HOSTILE",
        "could not import '/out/podman.tar': its member 'checkpoint/x' is a link. Nothing was imported; find out who made it",
        answer(.link, "checkpoint/x")),
    Failure(
        "import /out/podman.tar", 65, "E-IMPORT-IMAGES",
        "could not import '/out/podman.tar': its images lean on older ones ('checkpoint/parent'). Dump without '--parent-path' or '--pre-checkpoint'",
        answer(.link, "checkpoint/parent")),
    Failure(
        "import /out/podman.tar", 65, "E-ARCHIVE-HOSTILE",
        "could not import '/out/podman.tar': its member 'dev/x' is a device, a pipe or a socket. Nothing was imported; find out who made it",
        answer(.special, "dev/x")),
    Failure(
        "import /out/podman.tar", 65, "E-ARCHIVE-HOSTILE",
        "could not import '/out/podman.tar': its member 'config.dump' is there twice, or lies below a file. Nothing was imported; find out who made it",
        answer(.twice, "config.dump")),
    Failure(
        "import /out/podman.tar --size-limit 1MB", 65, "E-ARCHIVE-TOO-LARGE",
        "could not import '/out/podman.tar': with its member 'checkpoint/pages-1.img' it unpacks to more than the 1.0 MB it may, or than it says. Raise '--size-limit' or free space",
        answer(.size, "checkpoint/pages-1.img")),
    Failure(
        "import /out/podman.tar", 65, "E-ARCHIVE-DAMAGED",
        "could not import '/out/podman.tar': its 'config.dump' is longer than any that was exported. Nothing was imported; copy or export it once more",
        answer(.size, "config.dump")),
    Failure(
        "import /out/podman.tar", 65, "E-ARCHIVE-TOO-LARGE",
        "could not import '/out/podman.tar': it has more than 1000000 members. Nothing was imported", answer(.many, "x")),
    Failure(
        "import /out/podman.tar", 65, "E-ARCHIVE-TOO-LARGE",
        "could not import '/out/podman.tar': unpacking it takes too much memory. Pack it anew with a smaller window", answer(.memory)),
    Failure(
        "import /out/podman.tar", 74, "E-ARCHIVE-HELPER",
        "could not import '/out/podman.tar': cannot execute '/usr/bin/runner-archive': no such file. Install 'runner-archive' beside 'runner'",
        answer(.helper, nil, "cannot execute '/usr/bin/runner-archive': no such file. Install 'runner-archive' beside 'runner'")),
    Failure(
        "export agent-7@1 --format archive -o /out/a.tar", 74, "E-ARCHIVE-HELPER",
        "could not export 'agent-7@1' to '/out/a.tar': 'runner-archive' failed: it did not end within two hours. Try again; if it stays so, please report it",
        answer(.timedOut)),
]

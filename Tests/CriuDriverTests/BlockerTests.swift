import CriuDriver
import CriuRequests
import OutsideWorld
import Testing

private func process(
    _ descriptors: [DescriptorSight] = [], name: String = "agent", tracer: Int32 = 0, namespaces: Set<ProcessSight.Namespace> = [],
    mappings: [String] = []
) -> ProcessSight {
    ProcessSight(
        pid: 1003, hostPid: 5003, name: name, tracer: tracer, namespaces: namespaces, descriptors: descriptors,
        mappings: mappings)
}

private func fd(_ number: Int32, _ kind: DescriptorSight.Kind, _ target: String = "") -> DescriptorSight {
    DescriptorSight(number: number, target: target, kind: kind)
}

private func socket(_ inode: UInt64, _ family: SocketSight.Family, _ form: SocketSight.Form = .stream) -> DescriptorSight.Kind {
    .socket(SocketSight(inode: inode, family: family, form: form, listens: false))
}

private let close = "CRIU cannot dump it. Close it before a checkpoint"

@Test(
    arguments: [
        (
            process([fd(9, .anonymous("io_uring"))], name: "node"),
            "fd 9 of 'node' (process 1003) is an io_uring; CRIU cannot dump it. Start Node with UV_USE_IO_URING=0"
        ),
        (
            process([fd(9, .anonymous("io_uring"))], name: "redis"),
            "fd 9 of 'redis' (process 1003) is an io_uring; CRIU cannot dump it. Turn io_uring off in the program"
        ),
        (process([fd(4, .anonymous("userfaultfd"))]), "fd 4 of 'agent' (process 1003) is a userfaultfd; \(close)"),
        (process([fd(4, .anonymous("message queue"))]), "fd 4 of 'agent' (process 1003) is a message queue; \(close)"),
        (
            process([fd(4, .anonymous("eventfd semaphore"))]),
            "fd 4 of 'agent' (process 1003) is an eventfd in semaphore mode, which CRIU would restore as a counter. Close it before a checkpoint"
        ),
        (
            process([fd(5, .characterDevice(major: 10, minor: 229), "/dev/fuse")]),
            "fd 5 of 'agent' (process 1003) is the device '/dev/fuse'; \(close)"
        ),
        (
            process([fd(0, .characterDevice(major: 136, minor: 3), "/dev/pts/3")]),
            "fd 0 of 'agent' (process 1003) is a terminal from outside the sandbox. Start the agent without one, or with 'runner run -it'"
        ),
        (process([fd(6, socket(1, .vsock))]), "fd 6 of 'agent' (process 1003) is a vsock; \(close)"),
        (process([fd(6, socket(1, .other(31)))]), "fd 6 of 'agent' (process 1003) is a socket of the family 31; \(close)"),
        (
            process([fd(6, socket(77, .unix, .datagram))]),
            "fd 6 of 'agent' (process 1003) is a datagram socket connected to the outside (a log daemon?); a restore would hang on it. Close it "
                + "before a checkpoint"
        ),
        (
            process(namespaces: [.user]),
            "'agent' (process 1003) has a user namespace of its own, as sandboxing tools (bubblewrap, unshare) make. Start the tool without it"
        ),
        (process(tracer: 77), "'agent' (process 1003) is traced by a debugger or by strace. End the tracer"),
        (
            process(mappings: ["/SYSV00000000"]),
            "'agent' (process 1003) has System V shared memory attached. Use POSIX shared memory (/dev/shm)"
        ),
        (
            process(mappings: ["/secretmem"]),
            "'agent' (process 1003) holds secret memory (memfd_secret), which nobody else can read. Close it"
        ),
        (
            process(mappings: ["/dev/loop0"]),
            "'agent' (process 1003) maps the device '/dev/loop0'; CRIU cannot dump it. Unmap it before a checkpoint"
        ),
        (
            process([fd(5, .blockDevice(major: 7, minor: 0), "/dev/loop0")], mappings: ["/dev/loop0"]),
            "fd 5 of 'agent' (process 1003) is the device '/dev/loop0'; \(close)"
        ),
    ] as [(ProcessSight, String)])
func whatCannotBeDumpedIsNamed(process: ProcessSight, sentence: String) {
    let tree = TreeSight(processes: [process], unixPeers: [77: 99])
    #expect(findBlockers(in: tree, version: CriuVersion(4, 2, 1), kernel: KernelVersion(6, 18)).map(\.sentence) == [sentence])
}

private let cuda = ["/dev/nvidiactl", "/dev/nvidia-uvm", "/dev/nvidia0", "/dev/nvidia0"].enumerated().map {
    fd(Int32($0.offset) + 3, .characterDevice(major: 195, minor: 0), $0.element)
}

/// A program that uses one holds tens of descriptors of it.
@Test(
    arguments: [
        ([process(cuda)], "('/dev/nvidia-uvm', '/dev/nvidia0', '/dev/nvidiactl');"),
        ([process(Array(cuda.prefix(1)), mappings: ["/dev/nvidia0"])], "('/dev/nvidia0', '/dev/nvidiactl');"),
        ([process(mappings: ["/dev/dri/renderD128", "/dev/kfd"])], "('/dev/dri/renderD128', '/dev/kfd');"),
        ([process(mappings: ["/dev/dxg"]), process()], "('/dev/dxg');"),
        ([process(), process(cuda), process(cuda)], "('/dev/nvidia-uvm', '/dev/nvidia0', '/dev/nvidiactl'), as does another process;"),
        (
            [process(cuda), process(mappings: ["/dev/nvidia1"]), process(cuda)],
            "('/dev/nvidia-uvm', '/dev/nvidia0', '/dev/nvidia1' and 1 more), as do 2 other processes;"
        ),
    ] as [([ProcessSight], String)])
func aGPUIsNamedOnceForAllThatUseIt(processes: [ProcessSight], devices: String) {
    let found = findBlockers(in: TreeSight(processes: processes), version: CriuVersion(4, 2, 1), kernel: KernelVersion(6, 18))
    let sentence =
        "'agent' (process 1003) uses a GPU \(devices) CRIU cannot dump what is on it. Hand the state over with an SDK or keep it in files of the "
        + "workspace, or let go of the GPU before a checkpoint"
    #expect(found.map(\.sentence) == [sentence])
    #expect(found.map(\.kind) == [.gpu])
}

@Test(arguments: [(["/w/a.db-shm"], true), (["/w/other"], false), ([], false)] as [([String], Bool)])
func aLockThatWouldBeLostIsNamedWhereAnotherProcessMayMissIt(othersFiles: [String], isNamed: Bool) {
    let locking = process([DescriptorSight(number: 5, target: "/w/a.db-shm", kind: .file, isLockedAndMapped: true)])
    var other = process(othersFiles.map { fd(3, .file, $0) }, name: "helper")
    other.pid = 1004
    let found = findBlockers(in: TreeSight(processes: [locking, other]), version: CriuVersion(4, 2, 1), kernel: KernelVersion(6, 18))
    let sentence =
        "fd 5 of 'agent' (process 1003) is '/w/a.db-shm', which is locked and mapped here and open in 'helper' (process 1004) too; CRIU would lose "
        + "the lock. Close it in one of them (SQLite: or leave WAL mode)"
    #expect(found.map(\.sentence) == (isNamed ? [sentence] : []))
}

@Test func whatCanBeDumpedIsNotNamed() {
    let file = process([fd(3, .file, "/dev/nvidia0")])
    #expect(findBlockers(in: TreeSight(processes: [file]), version: CriuVersion(4, 2), kernel: KernelVersion(6, 18)) == [])
    let held: [DescriptorSight.Kind] = [
        .file, .directory, .pipe(inode: 1), .other, .anonymous("eventpoll"), .anonymous("timerfd"), .anonymous("inotify"),
        .characterDevice(major: 1, minor: 3), .characterDevice(major: 1, minor: 9), socket(1, .inet), socket(2, .inet6),
        socket(3, .netlink),
        socket(4, .unix), socket(5, .unix, .datagram), socket(6, .unix, .datagram), socket(8, .unix, .packets),
    ]
    let all = held.enumerated().map { fd(Int32($0.offset), $0.element) }
    // 4 and 8 are connected to the outside, 5 to 6.
    let tree = TreeSight(processes: [process(all, namespaces: [.controlGroup])], unixPeers: [4: 40, 5: 6, 6: 5, 8: 80])
    #expect(findBlockers(in: tree, version: CriuVersion(4, 2), kernel: KernelVersion(6, 18)) == [])

    // A terminal whose master is in the tree goes with it.
    let terminal = [fd(3, .characterDevice(major: 5, minor: 2), "/dev/ptmx"), fd(4, .characterDevice(major: 136, minor: 0), "/dev/pts/0")]
    #expect(findBlockers(in: TreeSight(processes: [process(terminal)]), version: CriuVersion(4, 2), kernel: KernelVersion(6, 18)) == [])
}

@Test(
    arguments: [(CriuVersion(4, 1, 1), "6.18.44-cloud", false), (CriuVersion(4, 1, 1), "6.15.2", true), (CriuVersion(4, 2), "6.18", true)]
        as [(CriuVersion, String, Bool)])
func networkSocketsNeedANewCriuOnANewKernel(version: CriuVersion, release: String, works: Bool) {
    let tree = TreeSight(processes: [process([fd(3, socket(1, .inet))])])
    let found = findBlockers(in: tree, version: version, kernel: KernelVersion(release: release))
    #expect(found.map(\.kind) == (works ? [] : [.oldForSockets]))
}

/// What is said of a file that is open for writing; nil: it may be.
private let writtenFiles: [(path: String, kept: KeptFiles, cure: String?)] = [
    ("/space/a.db", KeptFiles(workspace: "/space"), nil),
    ("/space/cache/a", KeptFiles(workspace: "/space", excluded: ["cached"]), nil),
    ("/a.db", KeptFiles(workspace: "/"), nil),
    ("/proc/1000/oom_score_adj", KeptFiles(), nil), ("/sys/power/state", KeptFiles(), nil), ("/dev/hugepages/a", KeptFiles(), nil),
    ("/dev/shm/work/a", KeptFiles(workspace: "/dev/shm/work"), nil),
    ("/dev/shm/a", KeptFiles(workspace: "/space"), "put it into the workspace"),
    ("/tmp/a.db", KeptFiles(workspace: "/space"), "put it into the workspace"),
    ("/spaceshop/a.db", KeptFiles(workspace: "/space"), "put it into the workspace"),
    ("/tmp/a.db", KeptFiles(), "put it into the workspace"),
    ("/space/cache/deep/a", KeptFiles(workspace: "/space", excluded: ["./cache/"]), "take it out of 'checkpoint.exclude'"),
    ("/space/one", KeptFiles(workspace: "/space", excluded: ["one"]), "take it out of 'checkpoint.exclude'"),
]

@Test(arguments: 0..<writtenFiles.count) func aFileWrittenOutsideTheCutIsNamed(index: Int) {
    let (path, kept, cure) = writtenFiles[index]
    func said(_ writesInPlace: Bool) -> [String] {
        let file = DescriptorSight(number: 5, target: path, kind: .file, writesInPlace: writesInPlace)
        return findBlockers(
            in: TreeSight(processes: [process([file])]), version: CriuVersion(4, 2), kernel: KernelVersion(6, 18), kept: kept
        )
        .map(\.sentence)
    }
    let sentence = cure.map {
        "fd 5 of 'agent' (process 1003) is '\(path)', which is open for writing and in no version, so it would not be rolled back with the rest. "
            + "Open it to append only (O_WRONLY with O_APPEND, '>>' in a shell), or \($0)"
    }
    #expect(said(true) == [sentence].compactMap(\.self))
    #expect(said(false) == [])
}

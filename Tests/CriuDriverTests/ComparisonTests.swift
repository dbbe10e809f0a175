import CriuDriver
import OutsideWorld
import Testing

@testable import CriuImages

/// One process with one of everything, as its images say and as the kernel tells it.
private struct Pair {
    var wanted: SetShape = {
        var shape = SetShape(of: ImageDirectory(name: "none", files: []))
        shape.processes = [
            SetShape.Process(
                pid: 1000, parent: 0, group: 1000, session: 1000, name: "agent", isAlive: true, threads: [1000, 1002],
                descriptors: [
                    .init(number: 0, kind: "REG", path: "/dev/null"), .init(number: 1, kind: "PIPE", path: nil),
                    .init(number: 3, kind: "INETSK", path: nil), .init(number: 4, kind: "EVENTPOLL", path: nil),
                    .init(number: 5, kind: "MEMFD", path: nil),
                ],
                areas: [
                    .init(range: 0x1000..<0x2000, protection: 5, isShared: false, path: "/bin/agent"),
                    .init(range: 0x2000..<0x3000, protection: 3, isShared: false, path: nil),
                    .init(range: 0x3000..<0x5000, protection: 3, isShared: false, path: nil),
                ], pages: 8192),
            SetShape.Process(
                pid: 1001, parent: 1000, group: 1000, session: 1000, name: "child", isAlive: true, threads: [1001], descriptors: [],
                areas: [], pages: 0),
            SetShape.Process(
                pid: 1003, parent: 1000, group: 1000, session: 1000, name: "gone", isAlive: false, threads: [], descriptors: [], areas: [],
                pages: 0),
        ]
        return shape
    }()
    var there = TreeSight(processes: [
        ProcessSight(
            pid: 1000, name: "agent", state: "T", memoryBytes: 9000,
            descriptors: [
                .init(number: 0, target: "/dev/null", kind: .characterDevice(major: 1, minor: 3)),
                .init(number: 1, target: "pipe:[99]", kind: .pipe(inode: 99)),
                .init(number: 3, target: "socket:[7]", kind: .socket(.init(inode: 7, family: .inet6, form: .stream, listens: true))),
                .init(number: 4, target: "anon_inode:[eventpoll]", kind: .anonymous("eventpoll")),
                .init(number: 5, target: "/memfd:m (deleted)", kind: .file),
            ],
            shape: .init(
                parent: 1, group: 1000, session: 1000, threads: [1000, 1002],
                areas: [
                    .init(start: 0x1000, end: 0x2000, protection: 5, isShared: false, name: "/bin/agent"),
                    .init(start: 0x2000, end: 0x5000, protection: 3, isShared: false, name: "[heap]"),
                    .init(start: 0x9000, end: 0xa000, protection: 5, isShared: false, name: "[vdso]"),
                ])),
        ProcessSight(pid: 1001, name: "child", state: "T", shape: .init(parent: 1000, group: 1000, session: 1000, threads: [1001])),
        ProcessSight(pid: 1003, name: "gone", state: "Z", shape: .init(parent: 1000, group: 1000, session: 1000, threads: [1003])),
    ])
}

@Test func whatIsTheSameIsNotTold() { #expect(differences(between: Pair().wanted, and: Pair().there) == []) }

private struct Change: Sendable {
    var apply: @Sendable (inout Pair) -> Void
    var told: [String]
    init(_ apply: @escaping @Sendable (inout Pair) -> Void, _ told: [String]) {
        self.apply = apply
        self.told = told
    }
}

@Test(
    arguments: [
        Change({ $0.there.processes.removeLast() }, ["process 1003 ('gone') is not there"]),
        Change({ $0.there.processes[0].state = "Z" }, ["process 1000 ('agent') is dead"]),
        Change({ $0.there.processes[2].state = "T" }, ["process 1003 ('gone') is alive"]),
        Change({ $0.wanted.processes.removeLast() }, ["process 1003 ('gone') was not dumped"]),
        Change({ $0.there.processes[1].shape?.parent = 1 }, ["process 1001 ('child') has the parent 1 in place of 1000"]),
        Change({ $0.there.processes[0].shape?.session = 5 }, ["process 1000 ('agent') has the session 5 in place of 1000"]),
        Change({ $0.there.processes[0].shape?.threads = [1000] }, ["process 1000 ('agent') has other threads (1) than it had (2)"]),
        Change({ $0.there.processes[0].descriptors.removeFirst() }, ["process 1000 ('agent') lacks descriptor 0"]),
        Change(
            { $0.there.processes[0].descriptors[0].target = "/dev/zero" },
            ["process 1000 ('agent') has '/dev/zero' as descriptor 0 in place of '/dev/null'"]
        ),
        Change(
            { $0.there.processes[0].descriptors[2].kind = .pipe(inode: 1) },
            ["process 1000 ('agent') has a pipe as descriptor 3 in place of a network socket"]
        ),
        Change({ $0.wanted.processes[0].descriptors.removeLast() }, ["process 1000 ('agent') has a descriptor 5 that was not dumped"]),
        Change(
            { $0.there.processes[0].shape?.areas[0].protection = 7 },
            [
                "process 1000 ('agent') lacks the memory 1000-2000 ('/bin/agent')",
                "process 1000 ('agent') has the memory 1000-2000 ('/bin/agent'), which was not dumped",
            ]
        ),
        Change(
            { $0.there.processes[0].memoryBytes = 4096 },
            ["process 1000 ('agent') holds 4 KiB of memory, and its image has pages of 8 KiB"]
        ),
    ])
private func whatDiffersIsTold(change: Change) {
    var pair = Pair()
    change.apply(&pair)
    #expect(differences(between: pair.wanted, and: pair.there) == change.told)
}

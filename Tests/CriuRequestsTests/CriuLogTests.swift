import CriuRequests
import Foundation
import Testing

private let folder = URL(filePath: #filePath).deletingLastPathComponent().deletingLastPathComponent().appending(path: "Corpora/criu-logs")

private func log(_ name: String) throws -> CriuLog {
    CriuLog(String(decoding: try Data(contentsOf: folder.appending(path: name + ".log")), as: UTF8.self))
}

private func damage(_ what: String) -> CriuCause { .damagedImage(what) }

/// Logs of CRIU 4.2.1 (and one of 4.1.1) on Linux 6.18, cut down to their errors and what stands around them.
private let corpus: [String: CriuCause] = [
    "connection-not-given": .connectionNotGiven,
    "damage-core-cut": damage("'core-1000.img' is cut short"),
    "damage-garbled": damage("an image file holds what is no image"),
    "damage-no-core": damage("an image file is missing or empty"),
    "damage-no-files": damage("a file, memory or directory image is missing or wrong"),
    "damage-no-fs": damage("a file, memory or directory image is missing or wrong"),
    "damage-no-ids": damage("the root's ids are missing"),
    "damage-no-inventory": damage("an image file is missing or empty"),
    "damage-no-mm": damage("a file, memory or directory image is missing or wrong"),
    "damage-no-pagemap": damage("a memory image is missing or wrong"),
    "damage-no-pages": damage("a page image is shorter than its map"),
    "damage-wrong-magic": damage("'mm-1000.img' is no image of its kind"),
    "deleted-large": .deletedFileTooLarge(path: "/tmp/agent/big", bytes: 3_145_728),
    "file-grew": .fileSizeDiffers(path: "/tmp/agent/state", is: 7, was: 3),
    "file-missing": .fileMissing(path: "/tmp/agent/state"),
    "file-mode": .fileModeDiffers(path: "/tmp/agent/state"),
    "file-with-blanks": .fileSizeDiffers(path: "/tmp/agent/a of b (expect).txt", is: 7, was: 3),
    "fuse": .unsupportedDescriptor(3, what: "chr 10:229"),
    "io-uring": .unsendableDescriptor,
    "link-lost": .linkLost(path: "/tmp/agent/a1"),
    "link-lost-restore": .linkLost(path: "/tmp/agent/a1"),
    "locked": .locked,
    "mapped-device": .mappedDevice(process: 1000),
    "missing-plugin": .pluginMissing("cuda_plugin"),
    "mqueue": .outsideMount(descriptor: 3, path: "/q"),
    "nested-mount-restore": .nestedNamespaceInImage(kind: "mount"),
    "nested-network-restore": .nestedNamespaceInImage(kind: "network"),
    "nested-pid-namespace": .nestedNamespace(kind: "pid", process: 1002),
    "nested-user-namespace": .nestedNamespace(kind: "user", process: 1001),
    "no-such-process": .noSuchProcess,
    "old-criu-socket": .socketsTooNewForIt,
    "outside-socket": .outsideSocket,
    "outside-socket-half": .outsideSocket,
    "perf-event": .unsupportedDescriptor(3, what: "anon anon_inode:[perf_event]"),
    "pidfd-outside": .outsideProcessHandle,
    "port-taken": .portTaken,
    "process-taken": .processNumberTaken(1000),
    "secret-memory": .secretMemory,
    "system-v-memory": .systemVSharedMemory,
    "tcp-established": .establishedConnection,
    "tcp-not-closed": .tcpNotClosed,
    "terminal": .outsideTerminal,
    "traced": .traced(process: 1001),
    "track-memory": .dirtyTrackingMissing,
    "userfaultfd": .unsupportedDescriptor(3, what: "anon anon_inode:[userfaultfd]"),
    "vsock": .unsupportedSocket(family: 40),
]

/// It fails without a word.
private let silent = "damage-no-pstree"

@Test func everyLogIsToldAsItsCause() throws {
    let names = try FileManager.default.contentsOfDirectory(atPath: folder.path).filter { $0.hasSuffix(".log") }.map {
        String($0.dropLast(4))
    }
    #expect(Set(names) == Set(corpus.keys).union([silent]))
    #expect(try log(silent).cause == nil)
    for (name, cause) in corpus {
        let told = try log(name).cause
        #expect(told == cause, "\(name)")
    }
}

@Test(
    arguments: [
        (
            .unsupportedDescriptor(3, what: "anon anon_inode:[userfaultfd]"),
            "fd 3 is a userfaultfd, which CRIU cannot dump. Close it before a checkpoint"
        ),
        (.unsupportedDescriptor(3, what: "chr 10:229"), "fd 3 is 'chr 10:229', which CRIU cannot dump. Close it before a checkpoint"),
        (
            .fileSizeDiffers(path: "/srv/state", is: 7, was: 3),
            "the file '/srv/state' has 7 bytes, and had 3 when the image was made. Roll the workspace back with it"
        ),
        (
            .unsendableDescriptor,
            "a process holds an io_uring, which CRIU cannot dump. Turn io_uring off in the program (Node: UV_USE_IO_URING=0)"
        ),
        (
            .mappedDevice(process: 1000),
            "process 1000 maps a device, as programs that use a GPU do, which CRIU cannot dump. Let go of it before a checkpoint"
        ),
        (
            .pluginMissing("cuda_plugin"),
            "the image was made with CRIU's plugin 'cuda_plugin', which this CRIU does not have. Restore with one that has it"
        ),
        (.processNumberTaken(1000), "the process number 1000 is taken. Restore into a fresh sandbox"),
        (.damagedImage("'core-1.img' is cut short"), "the images are damaged: 'core-1.img' is cut short. Use an older version"),
        (.other("Something new happened"), "CRIU says: Something new happened"),
    ] as [(CriuCause, String)])
func aCauseIsToldWithItsRemedy(cause: CriuCause, sentence: String) { #expect(cause.sentence == sentence) }

@Test(
    arguments: [
        ("", nil), ("no error here\n(00.1) fine\n", nil),
        ("(00.000001) Error (criu/util.c:1534): rlimit: Can't setup RLIMIT_NOFILE for self: Operation not permitted\n", nil),
        (
            "(00.1) Error (criu/new.c:1): A word nobody knows\n(00.2) Error (criu/cr-dump.c:1975): Dumping FAILED.\n",
            .other("A word nobody knows")
        ),
        (
            "(0.038) Error (plugins/cuda/cuda_plugin.c:221): cuda_plugin: Failed to launch cuda-checkpoint to retrieve restore tid: \n"
                + "(0.1) Error (criu/new.c:1): A word nobody knows",
            .other("A word nobody knows")
        ),
        ("Error (broken", nil), ("(0) Error (a:1): ", .other("")),
        ("(0) Error (criu/sk-inet.c:1): inet: Can't connect inet socket back: Network is unreachable", .networkDiffers),
        ("(0) Error (criu/sk-inet.c:1): inet: Can't connect inet socket back: Cannot assign requested address", .portTaken),
        ("(0) Error (criu/sk-inet.c:1): inet: Can't bind inet socket (id 3): Cannot assign requested address", .networkDiffers),
        // What is known counts, also behind what is not.
        ("(0) Error (a:1): odd\n(0) Error (b:2): No space left on device", .diskFull),
    ] as [(String, CriuCause?)])
func oddLogsAreReadAsFarAsTheyGo(text: String, cause: CriuCause?) { #expect(CriuLog(text).cause == cause) }

@Test func statisticsSurviveTheWay() {
    let statistics = DumpStatistics(freezing: .microseconds(208), frozen: .microseconds(43_210), pagesWritten: 2400)
    let file = statistics.file()
    #expect(DumpStatistics(file: file) == statistics)
    for length in 0..<file.count { #expect(DumpStatistics(file: Array(file.prefix(length))) == nil) }
}

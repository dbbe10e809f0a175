/// Why CRIU refused or failed, as far as its log tells.
public enum CriuCause: Hashable, Sendable {
    // What the tree holds.
    /// A CRIU older than 4.2 on Linux 6.16 or later, and an IP socket.
    case socketsTooNewForIt
    case outsideSocket
    case establishedConnection
    case unsupportedSocket(family: Int32)
    /// `descriptor` as the process counts it; what it is, in CRIU's words.
    case unsupportedDescriptor(Int32, what: String)
    /// An io_uring, mostly: something that cannot even be handed over.
    case unsendableDescriptor
    case outsideMount(descriptor: Int32, path: String)
    case outsideProcessHandle
    case deletedFileTooLarge(path: String, bytes: UInt64)
    case linkLost(path: String)
    case locked
    case systemVSharedMemory
    case secretMemory
    /// Of a GPU, mostly.
    case mappedDevice(process: Int32)
    case outsideTerminal
    case traced(process: Int32)
    case nestedNamespace(kind: String, process: Int32)
    case noSuchProcess
    case deadRoot
    case guardedMemory
    case notPermitted(what: String)

    // What the restore found.
    case processNumberTaken(Int32?)
    case connectionNotGiven
    /// At the dump the other side had not yet taken it.
    case unacceptedConnection
    case tcpNotClosed
    case portTaken
    /// An address that a socket was bound to, or a route to what it was connected to, is not there.
    case networkDiffers
    case fileSizeDiffers(path: String, is: UInt64, was: UInt64)
    case fileModeDiffers(path: String)
    case fileMissing(path: String)
    case terminalNotGiven
    /// Such an image can be made and never be restored.
    case nestedNamespaceInImage(kind: String)
    case processorDiffers
    case pluginMissing(String)
    case damagedImage(String)

    // The way there.
    case dirtyTrackingMissing
    case couldNotStop
    case diskFull
    case declined

    /// None of those above: CRIU's own words.
    case other(String)
}

extension CriuCause {
    /// nil: this line tells nothing that is in the table.
    init?(_ failure: CriuLog.Failure) {
        let line = LogLine(failure.text)
        if let cause = Self.ofTree(line, failure) ?? Self.ofRestore(line) ?? Self.ofTheWay(line) { self = cause } else { return nil }
    }

    private static func ofTree(_ line: LogLine, _ failure: CriuLog.Failure) -> CriuCause? {
        if line.has("Can't get 1:16 opt") || line.has("Can't get 1:34 opt") { return .socketsTooNewForIt }
        if line.has("External socket is used") || line.has("half of stream unix connection") { return .outsideSocket }
        if line.has("Connected TCP socket, consider using") { return .establishedConnection }
        if let family = line.number(after: "Unknown socket collected (family ") {
            return .unsupportedSocket(family: Int32(clamping: family))
        }
        if let number = line.number(after: "Can't dump file "), let what = line.text(between: "] (", and: ")") {
            return .unsupportedDescriptor(Int32(clamping: number), what: what)
        }
        if line.has("send_fds failed") { return .unsendableDescriptor }
        if let number = line.number(after: "for fd="), line.has("Can't lookup mount="), let path = line.text(after: "path=") {
            return .outsideMount(descriptor: Int32(clamping: number), path: path)
        }
        if line.has("is not a part of process tree") { return .outsideProcessHandle }
        if let bytes = line.number(after: " of "), let path = line.text(between: "Can't dump ghost file ", and: " of ") {
            return .deletedFileTooLarge(path: path, bytes: bytes)
        }
        if let path = line.text(between: "Can't create link remap for ", and: ". ") { return .linkLost(path: path) }
        if line.has("Can't link "), let path = line.text(between: " -> ", and: ": ") { return .linkLost(path: absolute(path)) }
        if line.has("Some file locks are hold") { return .locked }
        if line.has("SysVIPC shmem map") { return .systemVSharedMemory }
        if line.has("/secretmem") { return .secretMemory }
        if let process = line.number(after: "non-regular mapping on ") { return .mappedDevice(process: Int32(clamping: process)) }
        if line.has("Found slave peer index") || line.has("without correspond master peer") { return .outsideTerminal }
        if let process = line.number(after: "Unseizable non-zombie ") { return .traced(process: Int32(clamping: process)) }
        if let kind = line.text(between: "Can't dump nested ", and: " namespace"), let process = line.number(after: "namespace for ") {
            return .nestedNamespace(kind: kind, process: Int32(clamping: process))
        }
        if line.has("Can't splice all pages") { return .guardedMemory }
        if failure.source == "criu/cgroup.c" && line.has("BUG at") { return .deadRoot }
        if let what = line.text(between: "Can't get ", and: ": Operation not permitted") { return .notPermitted(what: what) }
        return nil
    }

    private static func ofRestore(_ line: LogLine) -> CriuCause? {
        if let pid = line.number(after: "Can't fork for "), line.has("File exists") { return .processNumberTaken(Int32(clamping: pid)) }
        if line.has("Unable to create a thread: -17") { return .processNumberTaken(nil) }
        if line.has("External socket found in image") { return .connectionNotGiven }
        if line.has("FATAL: Peer "), line.has(" unresolved for ") { return .unacceptedConnection }
        if line.has("Need to set the --tcp-close") { return .tcpNotClosed }
        if line.has("Can't bind inet socket"), line.has("already in use") { return .portTaken }
        if line.has("Can't bind inet socket"), line.has("Cannot assign requested address") { return .networkDiffers }
        if line.has("Can't connect inet socket back"), line.has("unreachable") { return .networkDiffers }
        // The kernel still has the connection of the process that was killed, between the same two ends.
        if line.has("Can't connect inet socket back") { return .portTaken }
        if let path = line.text(between: "File ", and: " has bad size "), let found = line.number(after: " has bad size "),
            let expected = line.number(after: "(expect ")
        {
            return .fileSizeDiffers(path: absolute(path), is: found, was: expected)
        }
        if let path = line.text(between: "File ", and: " has bad mode ") { return .fileModeDiffers(path: absolute(path)) }
        if let path = line.text(between: "Can't open file ", and: " on restore: No such file") { return .fileMissing(path: absolute(path)) }
        if line.has("Don't have tty to inherit") || line.has("ptmx with specified index") { return .terminalNotGiven }
        if let flags = line.text(between: "Can't restore sub-task in NS (cflags ", and: ")") {
            return .nestedNamespaceInImage(kind: namespace(flags: flags))
        }
        if let name = line.text(after: "Missing required plugin: ") { return .pluginMissing(name) }
        if line.has("CPU instruction capabilities do not match") { return .processorDiffers }
        return damage(line).map { .damagedImage($0) }
    }

    private static func ofTheWay(_ line: LogLine) -> CriuCause? {
        if line.has("Tracking memory is not available") || line.has("Pid-reuse detection failed") { return .dirtyTrackingMissing }
        if line.has("Timeout reached. Try to interrupt") || line.has("Unable to freeze") { return .couldNotStop }
        if line.has("No space left on device") { return .diskFull }
        if line.has("RPC client reported script error") || line.has("failed to read notify request") { return .declined }
        if line.has("No such process") { return .noSuchProcess }
        return nil
    }

    /// What is wrong with the images; nil: the line is not about that.
    private static func damage(_ line: LogLine) -> String? {
        if let path = line.text(between: "while ", and: " expected from ").flatMap({ _ in line.text(after: " expected from ") }) {
            return "'\(lastName(path))' is cut short"
        }
        if let name = line.text(after: "agic doesn't match for ") { return "'\(lastName(name))' is no image of its kind" }
        if line.has("Unexpected EOF on") { return "an image file is missing or empty" }
        if line.has("Failed unpacking object") { return "an image file holds what is no image" }
        if line.has("No IDS for root task") { return "the root's ids are missing" }
        if line.has("Can't read pages data") { return "a page image is shorter than its map" }
        if line.has("Can't open parent path") { return "the image it builds upon is missing" }
        if line.has("Not supported images version") { return "they were made by a CRIU of another format" }
        if line.has("ELF header magic mismatch") { return "they were made by a newer CRIU" }
        if line.has("Core task state data missed") { return "a task's core image is incomplete" }
        // A restored process that died without a word of its own.
        if line.has("by signal 11") { return "a file, memory or directory image is missing or wrong" }
        if line.has("exited, status=1") { return "a memory image is missing or wrong" }
        return nil
    }

    /// CLONE_… of clone(2), in hexadecimal.
    private static func namespace(flags: String) -> String {
        switch flags {
        case "20000": "mount"
        case "40000000": "network"
        case "8000000": "ipc"
        case "4000000": "uts"
        default: "second"
        }
    }

    /// CRIU names files relative to the root.
    private static func absolute(_ path: String) -> String { path.hasPrefix("/") ? path : "/" + path }

    /// Of an image file; after it may follow what the system said.
    private static func lastName(_ path: String) -> String {
        path.split(separator: "/").last.map { String($0.prefix { $0 != ":" }) } ?? path
    }
}

/// A line of a log with the few ways it is searched.
private struct LogLine {
    private let text: String
    init(_ text: String) { self.text = text }

    func has(_ part: String) -> Bool { text.contains(part) }

    /// All that follows the first `start`.
    func text(after start: String) -> String? {
        text.firstRange(of: start).map { String(text[$0.upperBound...]) }
    }

    /// What lies between the first `start` and the last `end`: paths hold anything.
    func text(between start: String, and end: String) -> String? {
        guard let rest = text(after: start), let last = rest.ranges(of: end).last else { return nil }
        return String(rest[..<last.lowerBound])
    }

    /// The decimal number right after the last `start`.
    func number(after start: String) -> UInt64? {
        text.ranges(of: start).last.flatMap { UInt64(text[$0.upperBound...].prefix { $0.isNumber }) }
    }
}

import AgentModel
import Checkpoints
import OutsideWorld
import Testing

@testable import RunnerCommands

/// Every kind of file fault, as a person reads it and as the shell sees it.
@Test(
    arguments: [
        (FileFault.Kind.missing, "E-FILE-MISSING", Int32(66), "there is no such file or directory. Check the path"),
        (.exists, "E-FILE-IO", 74, "something of that name is there already. Move it away, or take another name"),
        (.full, "E-FILE-FULL", 73, "the disk is full. Free space and try again"),
        (.readOnly, "E-FILE-READONLY", 73, "the file system is read-only. Mount it writable, or use another place"),
        (.denied, "E-FILE-DENIED", 77, "permission denied. Do it as its owner, or as root"),
        (.notDirectory, "E-FILE-MISSING", 66, "it, or a part of its path, is not a directory. Check the path"),
        (.notEmpty, "E-FILE-IO", 74, "the directory is not empty. Empty it, or take another"),
        (.tooLarge, "E-FILE-TOO-LARGE", 65, "the file is larger than what is read at once. Check that it is the file you meant"),
        (.busy, "E-FILE-IO", 74, "somebody else uses it. Try again when it is free"),
        (.privileged("x is so"), "E-FILE-DENIED", 77, "it needs root or CAP_SYS_ADMIN: x is so. Run as root"),
        (.stopped, "E-STOPPED", 130, "it was stopped. The same command does it anew"),
        (.system(5), "E-FILE-IO", 74, "input/output error. Look at 'dmesg' and at the disk"),
        (.system(9), "E-FILE-IO", 74, "the stream is closed. Do not close it, or send it to /dev/null"),
        (.system(71), "E-FILE-IO", 74, "the system says error 71 (errno). Look at 'dmesg' and at the disk"),
    ])
func aFileFaultIsASentence(kind: FileFault.Kind, code: String, status: Int32, because: String) {
    let fault = CommandFault(FileFault(kind, doing: "read", what: "/x"))
    #expect(fault.sentence == "could not read '/x': \(because)")
    #expect(fault.code == code)
    #expect(fault.status.rawValue == status)
}

/// Every kind of store fault ends with a documented status.
@Test(
    arguments: [
        (StoreFault.Kind.format("x"), Int32(65)), (.full(needed: nil, free: nil), 73), (.readOnly, 73), (.denied, 77), (.held(by: "x"), 75),
        (.noSuchAgent, 66), (.noSuchVersion, 66), (.broken(part: "state", how: "x"), 65), (.noSuchPart("state"), 66),
        (.noSuchFile("x", is: nil), 66), (.nothing, 1),
        (.refused("x"), 1), (.system(FileFault(.busy, doing: "read", what: "x")), 74), (.unsafe("x"), 77),
        (.system(FileFault(.stopped, doing: "read", what: "x")), 130), (.system(FileFault(.privileged("x"), doing: "read", what: "x")), 77),
    ])
func aStoreFaultHasItsStatus(kind: StoreFault.Kind, status: Int32) {
    let fault = CommandFault(StoreFault(kind, doing: "verify", what: "agent-7@1"))
    #expect(fault.status.rawValue == status)
    #expect(ErrorCode(rawValue: fault.code) != nil)
}

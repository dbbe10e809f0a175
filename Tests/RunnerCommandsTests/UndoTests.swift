import AgentModel
import Checkpoints
import ControlSocket
import OutsideWorld
import SimulatedWorld
import StatusViews
import Supervision
import Testing

@testable import RunnerCommands

/// Files that stay as they are take nothing from the way back.
@Test(arguments: [false, true]) func stateThatWasBroughtBackAloneIsUndoneAlone(isEdited: Bool) throws {
    let stage = try Stage([], versions: 2)
    if isEdited { stage.work.plant("count", Array("by hand\n".utf8)) }
    let answer = stage.then("restore agent-7@1 --only state")
    let undo = "restore agent-7@2\(isEdited ? " --only state" : "")"
    #expect(answer.errors.hasSuffix("runner: 'runner \(undo)' undoes this\n"), "\(answer.errors)")
    #expect(stage.then(undo).status == 0)
    #expect(try WantedFile.read(from: stage.disk, below: stage.directory)?.startFrom == .version(VersionNumber(2)))
    #expect(try stage.count() == (isEdited ? "by hand\n" : "2\n"))
}

/// Who works in the files of an agent that is on disk has them in no version of it.
@Test(arguments: [false, true]) func whatWasEditedWhileSuspendedIsUndoneAsFarAsFilesGo(isEdited: Bool) throws {
    let stage = try Stage([], versions: 2)
    var status = stage.suspended(until: nil)
    status.suspended?.version = VersionNumber(2)
    try stage.write(status: status)
    if isEdited { stage.work.plant("count", Array("by hand\n".utf8)) }
    let answer = stage.then("restore agent-7@1")
    let undo = isEdited ? "'runner restore agent-7@3' undoes this, as far as its files go" : "'runner restore agent-7@2' undoes this"
    #expect(answer.errors.hasSuffix("runner: \(undo)\n"), "\(answer.errors)")
}

/// An agent that hangs is why one goes back: the checkpoint takes no more than half of the time, and where it comes late it is the way back.
/// What the next life stores is not.
@Test(arguments: [(UInt64(1), "'runner restore agent-7@3' undoes this\n"), (2, "runs again, from version 1\n")])
func aCheckpointThatComesLateIsTheWayBack(life: UInt64, end: String) throws {
    let stage = try Stage([], versions: 2)
    let text = String(decoding: try JSONText.encode(stage.running()), as: UTF8.self)
    stage.machine.supervisor = { request in
        switch request {
        case .status: return .success(.status(text))
        case .checkpoint:
            stage.machine.pass(.seconds(5))
            return .failure(.noAnswer)
        default:
            let request = CutRequest(
                agent: stage.agent, kind: .checkpoint, reason: .operator, takenAt: stage.machine.wallTime(),
                cooperative: CooperativePart(state: .bytes([4]), schema: "v1"), workspace: stage.work, incarnation: life)
            guard let staged = try? stage.store.cut(request, stagingID: "late"), (try? stage.store.commit(staged)) != nil else {
                return .failure(.system(5))
            }
            return .success(.done("'agent-7' runs again, from version 1"))
        }
    }
    let answer = stage.then("restore agent-7@1 --timeout 10s")
    #expect(answer.status == 0)
    #expect(answer.errors.hasSuffix(end), "\(answer.errors)")
    let waits = zip(stage.machine.asked, stage.machine.patience).filter { $0.0 != .status }.map(\.1)
    #expect(waits == [.seconds(5), .seconds(5)])
}

/// Somebody may write on while it is set aside: what is taken of that is better than no restore at all.
@Test(arguments: ["restore agent-7@1", "restore agent-7@1 --only count"])
func filesThatMoveAreSetAsideAsTheyWereRead(words: String) throws {
    let stage = try Stage([], versions: 2)
    var written: [UInt8] = Array("3\n".utf8)
    stage.machine.endsWhen = {
        if !stage.disk.peekNames("agents/agent-7/versions").contains("3") {
            written += Array("more\n".utf8)
            stage.work.plant("count", written)
        }
        return false
    }
    let answer = stage.then(words)
    #expect(answer.status == 0, "\(answer.errors)")
    #expect(try stage.count() == "1\n")
    #expect(try stage.store.manifest(stage.agent, VersionNumber(3)).notes == ["'count' changed while it was copied: taken as it was read"])
    // Said of checkpoints whose agent did not answer.
    #expect(!stage.then("versions agent-7 -o wide").output.contains("forced"))
}

/// Images that were tried in vain are not waited for.
@Test func memoryThatCannotBeUsedIsToldAsSuch() throws {
    let stage = try Stage([])
    for number in 1...2 {
        let version = try stage.storeImages(files: ["count": "\(number)\n"])
        try stage.store.markImagesUnusable(stage.agent, version, because: "a library is gone")
    }
    #expect(
        stage.then("restore agent-7@1 --dry-run").output.hasPrefix(
            "restoring 'agent-7@1' (stored, now) would start it anew, on the files of version 1, whose memory cannot be used: a library is gone\n"
        ))
    let planned = stage.then("restore agent-7@1 --only count --dry-run").output
    let told = "\nat its next start its processes start anew: memory of version 2 cannot be used: a library is gone\n"
    #expect(planned.contains(told), "\(planned)")
}

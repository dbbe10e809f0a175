import AgentModel
import Checkpoints
import Foundation
import OutsideWorld
import Synchronization
import Testing

@testable import LinuxWorld

/// Agents are removed, with the lock in them, while others take that lock: whoever holds one keeps the agent where it is.
@Suite struct MovedLockTests {
    /// A lock on the file that has just been moved away would guard nothing, and its holder would write into what is removed.
    @Test func whoHoldsTheLockHoldsTheAgent() throws {
        let scratch = try ScratchDirectory(isQuick: true)
        let agent = try #require(AgentName("agent-7"))
        let path = scratch.path + "/store"
        _ = try CheckpointStore.open(try LinuxDisk(at: path, create: true), create: true) { "0123456789abcdef" }
        let failures = Mutex<[String]>([])
        let held = Mutex(0)
        // One removes it again and again; the others come, hold it and work in it. Each may be told that somebody holds it or that it is gone.
        DispatchQueue.concurrentPerform(iterations: 4) { worker in
            do {
                let store = try CheckpointStore.open(try LinuxDisk(at: path, create: false), create: false) { "" }
                for round in 0..<1000 {
                    do {
                        try store.addAgent(agent)
                        let lock = try store.lock(agent, holder: "worker \(worker)")
                        defer { lock.release() }
                        if worker == 0 {
                            let moment = WallTime(seconds: Int64(round))
                            let removed = try store.removeAgent(agent, at: moment, keptUntil: moment)
                            lock.release()
                            try store.removeForGood(removed)
                        } else {
                            let mine = store.directory(of: agent) / "mine"
                            _ = try store.disk.open(mine, .createNew(mode: 0o600))
                            try store.disk.removeFile(mine)
                            held.withLock { $0 += 1 }
                        }
                    } catch let fault as StoreFault {
                        switch fault.kind {
                        case .held, .noSuchAgent: continue
                        default: failures.withLock { $0.append("worker \(worker), round \(round): \(fault.sentence)") }
                        }
                    }
                }
            } catch { failures.withLock { $0.append("worker \(worker): \(error)") } }
        }
        #expect(failures.withLock { $0 } == [])
        #expect(held.withLock { $0 } > 0)
    }
}

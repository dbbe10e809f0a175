internal import AgentModel
internal import Checkpoints
internal import CriuDriver
internal import OutsideWorld

/// Memory pages are most of a version with images: they are compared with what was stored while CRIU makes processes of them.
/// Documentation: docs/criu.md
extension Supervisor {
    /// Beside CRIU, which reads the same bytes at the same time. Nothing of the agent runs before they are known to be what was stored, but
    /// where its memory follows: then it is ended if they are not.
    func comparePages(for job: RestoreJob) {
        guard let version = imageRestore?.version.version else { return }
        imageRestore?.isCompared = true
        if job.request.isLazy { leavePagesUnchecked(version) }
        compare(version) { [self] comparison in
            guard let fault = comparison.fault else { return job.goOn() }
            if imageRestore?.job === job {
                imageRestore?.damage = fault
                imageRestore?.isPacked = comparison.isPacked
                job.callOff()
            } else {
                end(job.sandbox, version, fault)
            }
        }
    }

    /// As it was begun by a supervisor that did not see the end of it.
    func comparePages(of version: VersionNumber, in sandbox: SandboxID) {
        compare(version) { [self] comparison in if let fault = comparison.fault { end(sandbox, version, fault) } }
    }

    /// What came of a comparison.
    private struct Comparison: Sendable {
        /// nil: the pages are what was stored.
        var fault: StoreFault?
        /// The plain files are the nearest copy, and not the only one.
        var isPacked = false
    }

    private func compare(_ version: VersionNumber, then proceed: @escaping (Comparison) -> Void) {
        let store = store
        let agent = agent
        aside { () -> Comparison in
            do throws(StoreFault) {
                try store.verifyPages(agent, version)
                return Comparison()
            } catch {
                let isPacked = (try? store.isPacked(agent, version)) ?? false
                guard case .broken(let part, let how) = error.kind else { return Comparison(fault: error, isPacked: isPacked) }
                if case .damaged = store.lookAgain(agent, version) { return Comparison(fault: error, isPacked: isPacked) }
                // It may have come to memory as wrong as it came to us: it must not run, and the version is none the worse for it.
                let cause = FileFault(.damaged("\(how); read again, it may be whole"), doing: "read", what: part)
                return Comparison(fault: StoreFault(.system(cause), doing: error.doing, what: error.what), isPacked: isPacked)
            }
        } then: { [self] comparison in
            if uncheckedPages == version {
                uncheckedPages = nil
                memoryIsBehind = true
            }
            proceed(comparison)
        }
    }

    private func end(_ sandbox: SandboxID, _ version: VersionNumber, _ fault: StoreFault) {
        guard let life, life.sandbox == sandbox else { return }
        damaged(version, fault)
        world.kill(sandbox)
    }

    /// Where memory follows, the processor is the agent's until it runs.
    func comparePagesOnce(_ restore: ImageRestore) {
        if !restore.isCompared { comparePages(for: restore.job) }
    }

    func leavePagesUnchecked(_ version: VersionNumber) {
        uncheckedPages = version
        memoryIsBehind = true
    }
}

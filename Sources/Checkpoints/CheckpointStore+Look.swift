public import AgentModel
public import OutsideWorld

/// Room beside the versions for who holds no agent's lock: for a look into what comes from elsewhere, and for files that somebody needs for a while.
public struct Look {
    let whole: DiskPath
    let lock: any DiskLock
    /// Empty at first; below the store's root.
    public var directory: DiskPath { whole / "content" }
}

extension CheckpointStore {
    /// Makes room, and removes what others left who died while they looked.
    /// - Parameters:
    ///   - command: for which of runner's commands.
    ///   - inClear: what other programs write into it, or read there, at most; nil: none does.
    ///   - draw: gives a name that nobody else draws.
    public func openLook(for command: String, inClear: ByteCount? = nil, _ draw: () -> String) throws(StoreFault) -> Look {
        let article = command.first.map { "aeiou".contains($0) } == true ? "an" : "a"
        let errand = Errand("make room for \(article) \(command) in", disk.rootName)
        return try errand.inStore { () throws(FileFault) in
            for name in try disk.names(in: StoreLayout.staging) { _ = removeAbandonedLook(name) }
            var tries = 0
            while true {
                let whole = StoreLayout.staging / (StoreLayout.look + draw())
                try disk.makeDirectory(whole, mode: 0o700)
                do throws(FileFault) { return try hold(whole, for: command, inClear: inClear) } catch {
                    try? disk.removeTree(whole)  // the next look does
                    // Somebody tidied up before it was held.
                    guard error.kind == .missing || error.kind == .busy, tries < 8 else { throw error }
                    tries += 1
                }
            }
        }
    }

    private func hold(_ whole: DiskPath, for command: String, inClear: ByteCount?) throws(FileFault) -> Look {
        let look = Look(whole: whole, lock: try disk.lock(whole / "lock", holder: "'runner \(command)'"))
        if let sealing, let inClear {
            try sealing.openClear(look.directory, upTo: inClear)
        } else {
            try disk.makeDirectory(look.directory, mode: 0o700)
        }
        return look
    }

    public func close(_ look: Look) {
        try? disk.removeTree(look.whole)  // the next look does
        look.lock.release()
    }

    /// Removes what is of that name in staging, if it is a look that nobody holds. What cannot be removed is in nobody's way, and tried again.
    /// - Returns: its path, if it was removed.
    func removeAbandonedLook(_ name: String) -> DiskPath? {
        guard name.utf8.starts(with: StoreLayout.look.utf8), let path = StoreLayout.staging.appending(untrusted: name) else { return nil }
        guard let lock = try? disk.lock(path / "lock", holder: "who tidies up") else { return nil }
        defer { lock.release() }
        return (try? disk.removeTree(path)).map { path }
    }
}

public import AgentModel
internal import OutsideWorld

/// Copying while the agent stands still. What can wait (lists, fsync) waits for the commit.
extension CheckpointStore {
    /// Copies all that belongs to the version into a staging directory.
    /// - Parameter stagingID: new and unguessed: one path component.
    /// - Throws: `StoreFault`; nothing is left in the store then, or the next `recover` removes it.
    public func cut(_ request: CutRequest, stagingID: String) throws(StoreFault) -> StagedCheckpoint {
        let errand = Errand("take a checkpoint of", request.agent.text)
        guard request.cooperative != nil || request.workspace != nil else { throw errand.fault(.nothing) }
        try require(request.agent, errand)
        var job = job(for: request, in: staging(request.agent, stagingID), errand)
        try job.list()
        do throws(StoreFault) {
            try job.makeDirectory()
            try job.fill(from: try base(request, for: job.layout, errand))
        } catch {
            try? disk.removeTree(job.layout.directory)  // the next opening would
            throw error
        }
        return job.staged
    }

    /// Makes a staging directory with room for images of processes. `copy` completes it, or `discard` removes it.
    /// - Parameter room: what the images may take, where they get a room in memory: on a disk that is sealed; nil: what is written there is sealed like all
    ///   else.
    public func openCut(_ agent: AgentName, stagingID: String, room: ByteCount? = nil) throws(StoreFault) -> OpenedCut {
        let errand = Errand("take a checkpoint of", agent.text)
        try require(agent, errand)
        let layout = VersionLayout(directory: staging(agent, stagingID))
        try errand.inStore { () throws(FileFault) in
            try disk.makeDirectory(layout.directory, mode: 0o700)
            if let sealing, let room {
                try sealing.openClear(layout.process, upTo: room)
            } else {
                try disk.makeDirectory(layout.process, mode: 0o700)
            }
        }
        let made = sealing?.clear(layout.process)
        return OpenedCut(
            agent: agent, directory: layout.directory, images: place(of: layout.process), room: made?.size, bound: made?.bound)
    }

    /// As `openCut`, for what another program writes there: all of it in memory on a disk that is sealed, until the commit.
    public func openImport(_ agent: AgentName, stagingID: String, room: ByteCount) throws(StoreFault) -> OpenedCut {
        guard let sealing else { return try openCut(agent, stagingID: stagingID) }
        let errand = Errand("import a version of", agent.text)
        try require(agent, errand)
        let layout = VersionLayout(directory: staging(agent, stagingID))
        try errand.inStore { () throws(FileFault) in
            try sealing.openClear(layout.directory, upTo: room)
            try disk.makeDirectory(layout.process, mode: 0o700)
        }
        let made = sealing.clear(layout.directory)
        return OpenedCut(
            agent: agent, directory: layout.directory, images: place(of: layout.process), room: made?.size, bound: made?.bound)
    }

    /// As `cut`, into what `openCut` made.
    /// - Parameter images: whether images are made there; if not, their room is given back.
    /// - Throws: `StoreFault`; the directory is gone then.
    public func copy(_ request: CutRequest, into opened: OpenedCut, images: Bool) throws(StoreFault) -> StagedCheckpoint {
        let errand = Errand("take a checkpoint of", request.agent.text)
        var job = job(for: request, in: opened.directory, errand)
        do throws(StoreFault) {
            guard images || request.cooperative != nil || request.workspace != nil else { throw errand.fault(.nothing) }
            if !images { try errand.inStore { () throws(FileFault) in try disk.removeTree(job.layout.process) } }
            try job.list()
            try job.fill(from: try base(request, for: job.layout, errand))
        } catch {
            discard(opened)
            throw error
        }
        return job.staged
    }

    public func discard(_ opened: OpenedCut) {
        try? disk.removeTree(opened.directory)  // the next opening would
    }

    func staging(_ agent: AgentName, _ stagingID: String) -> DiskPath {
        guard let directory = StoreLayout.staging.appending(untrusted: StoreLayout.prefix(agent) + stagingID) else {
            preconditionFailure("'\(stagingID)' is not a path component")
        }
        return directory
    }

    private func job(for request: CutRequest, in directory: DiskPath, _ errand: Errand) -> CutJob {
        CutJob(store: disk, request: request, layout: VersionLayout(directory: directory), errand: errand)
    }

    /// Refuses what `cut` would refuse before it copies anything: too large, no room, a store that takes no writes.
    public func lookAhead(_ request: CutRequest, stagingID: String) throws(StoreFault) {
        let errand = Errand("take a checkpoint of", request.agent.text)
        try require(request.agent, errand)
        var job = job(for: request, in: staging(request.agent, stagingID), errand)
        try job.list()
        defer { try? disk.removeTree(job.layout.directory) }  // the next opening would
        try job.makeDirectory()
        try job.decide(from: try base(request, for: job.layout, errand))
    }

    /// Forgets a copy that will not be committed.
    public func discard(_ staged: StagedCheckpoint) {
        try? disk.removeTree(staged.directory)  // the next opening would
    }
}

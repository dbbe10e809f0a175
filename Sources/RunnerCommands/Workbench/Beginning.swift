internal import AgentModel
internal import Checkpoints
internal import Supervision

/// What the next life of an agent begins with: said before a restore and after it, so that nobody waits for memory that does not come.
enum Beginning: Hashable {
    case clean
    /// Its processes go on, or it is handed what it gave at the cut.
    case goesOn(VersionNumber)
    /// On files alone: images of processes fit only the files they were taken with.
    case anew(VersionNumber, Memory)

    /// What the version has of it.
    enum Memory: Hashable {
        case none
        /// It fits only the files it was taken with, and those are not rolled back.
        case left
        /// It was tried, and cannot be restored: why.
        case unusable(String)
    }

    /// - Parameters:
    ///   - summary: of the version it starts from. nil: it starts clean.
    ///   - rollsBackWorkspace: false: it starts on the workspace as it is.
    init(from summary: CheckpointSummary?, rollsBackWorkspace: Bool) {
        guard let summary else {
            self = .clean
            return
        }
        let fits = rollsBackWorkspace || !summary.parts.workspace
        switch (summary.parts.process, summary.imagesUnusable) {
        case _ where summary.parts.cooperative: self = .goesOn(summary.version)
        case (true, nil): self = fits ? .goesOn(summary.version) : .anew(summary.version, .left)
        case (true, let why?): self = .anew(summary.version, .unusable(why))
        case (false, _): self = .anew(summary.version, .none)
        }
    }

    var isAnew: Bool { if case .anew = self { true } else { false } }

    /// Behind "starts it" of a version that is restored whole.
    var words: String {
        switch self {
        case .clean: "from a clean state"
        case .goesOn(let version): "from version \(version)"
        case .anew(let version, .none): "anew, on the files of version \(version), which holds nothing of its memory"
        case .anew(let version, .left): "anew: memory of version \(version) is not used, since it fits only the files it was taken with"
        case .anew(let version, .unusable(let why)): "anew, on the files of version \(version), whose memory cannot be used: \(why)"
        }
    }

    /// A whole sentence of an agent whose workspace stays as it is but for some paths. nil: there is nothing that would be a surprise.
    func warning(of agent: AgentName) -> String? {
        guard case .anew(let version, let memory) = self else { return nil }
        let what =
            switch memory {
            case .none: "version \(version) holds files only"
            case .unusable(let why): "memory of version \(version) cannot be used: \(why)"
            case .left:
                "memory of version \(version) is not used, since it fits only the files it was taken with; "
                    + "'runner restore \(agent)@\(version)' brings both back"
            }
        return "its processes start anew: \(what)"
    }
}

extension Workbench {
    /// What the next start begins from if nobody says otherwise: what an operator's restore left as a wish, else the newest known-good version.
    func comingStart(of agent: AgentName, in store: CheckpointStore) throws(CommandFault) -> WantedFile {
        do {
            if let wish = try WantedFile.read(from: store.disk, below: store.directory(of: agent)) { return wish }
        } catch { throw CommandFault(inStore: error) }
        let newest = try versions(of: agent, in: store).last(where: \.isKnownGood)
        return WantedFile(startFrom: newest.map { .version($0.version) } ?? .clean, rollsBackWorkspace: true)
    }
}

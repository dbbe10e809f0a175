internal import AgentModel
internal import AgentSpecs
internal import Checkpoints
internal import OutsideWorld
internal import Recovery

/// What the agent has in its memory, since when. It goes on in every life that is restored from images, and ends with one that begins anew.
struct Lineage: Hashable, Codable {
    /// The first incarnation that has it.
    var incarnation: UInt64
    /// When it began; nil: not known.
    var began: WallTime?
    /// It began with what an older life had handed over at a cut; nil: not known.
    var hasState: Bool?
}

/// A cut without images of an agent that hands nothing over holds its files and nothing of its work in memory. Documentation: docs/recovery.md#which-version
extension Supervisor {
    /// The next incarnation begins anew, or from what was handed over.
    func beginLineage(hasState: Bool) {
        lineage = Lineage(incarnation: incarnations + 1, began: world.wallTime(), hasState: hasState)
    }

    /// The living agent came from a version and has neither its memory nor what was handed over: it began its work anew, on files.
    var beganAnew: Bool {
        guard let life, case .version = life.origin, !life.isFromImages, let lineage else { return false }
        return lineage.incarnation == life.incarnation && lineage.hasState == false
    }

    /// Nobody is to take a start on files for one that goes on.
    func tellStartAnew(_ run: LaunchRun) {
        guard case .version(let version) = run.origin else { return }
        var told = "started anew, on \(run.scope.workspace ? "the files of version \(version)" : "its workspace as it is")"
        if let summary = versions.first(where: { $0.version == version }), summary.parts.process {
            told += ": memory of version \(version) is not used"
            if let why = summary.imagesUnusable {
                told += ", since it cannot be restored: \(why)"
            } else if !run.scope.workspace, criuMissing == nil {
                told += "; 'runner restore \(agent)@\(version)' brings both back"
            }
        }
        note("start", "the agent is \(told)")
        say("'\(agent)' is \(told)")
    }

    /// The next incarnation is restored from images of `version`.
    func resumeLineage(of version: CheckpointSummary) {
        guard let known = lineage, let incarnation = version.incarnation, incarnation < known.incarnation else { return }
        lineage = Lineage(incarnation: incarnation, began: nil)
    }

    /// Why a cut with files only is worth less than an older version with images. To go back there loses what was done since; to begin anew on the files
    /// loses all that is in memory: the lesser loss counts. nil: it is not worth less.
    /// - Parameter because: why there are no images; nil: none were wanted.
    func whatMemoryItLacks(_ because: String?) -> String? {
        guard spec.checkpoint.mode != .cooperative, criuDriver != nil, criuMissing == nil, let kept = newestWithMemory() else { return nil }
        let lost = world.wallTime() - kept.takenAt
        if let began = lineage?.began, lost > kept.takenAt - began { return nil }
        return
            "version \(kept.version) has its memory, and this one has files only: \(because ?? "images of its processes were not wanted")"
    }

    private func newestWithMemory() -> CheckpointSummary? {
        versions.last { version in
            version.isKnownGood && version.parts.process && version.imagesUnusable == nil
                && !recovery.passedOver.contains { $0.contains(version.version) } && isOfThisLineage(version)
        }
    }

    private func isOfThisLineage(_ version: CheckpointSummary) -> Bool {
        guard let lineage else { return true }
        return (version.incarnation ?? 0) >= lineage.incarnation
    }
}

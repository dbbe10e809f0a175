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
}

/// A cut without images of an agent that hands nothing over holds its files and nothing of its work in memory. Documentation: docs/recovery.md#which-version
extension Supervisor {
    /// The next incarnation begins anew.
    func beginLineage() { lineage = Lineage(incarnation: incarnations + 1, began: world.wallTime()) }

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

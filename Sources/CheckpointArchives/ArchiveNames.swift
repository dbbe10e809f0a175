// CheckpointArchives: what versions are called and say of themselves where other programs read them: podman's archives and plain directories of
// CRIU. Computes. Documentation: docs/archives.md

/// Names of members, as `podman container checkpoint --export` writes them, and ours beside them, which other readers pass over.
public enum ArchiveNames {
    /// The directory of the images.
    public static let checkpoint = "checkpoint"
    public static let config = "config.dump"
    public static let spec = "spec.dump"
    public static let network = "network.status"
    /// Podman has it beside the images and not among them.
    public static let statistics = "stats-dump"

    /// The directory of what is ours.
    public static let ours = "runner"
    public static let manifest = "runner/manifest.json"
    public static let seal = "runner/seal"
    public static let state = "runner/state"
    public static let tree = "runner/tree"
    public static let images = "runner/images"
    public static let workspace = "runner/workspace"
    /// The effective spec of the agent.
    public static let agentSpec = "runner/spec.json"

    /// Directories above one another that a member may lie in. See `DEEPEST` of runner-archive.
    public static let deepest = 128
    /// Whether a member of that name is taken out of an archive again: it is not too deep.
    public static func takes(_ name: String) -> Bool { name.utf8.count { $0 == UInt8(ascii: "/") } <= deepest }

    /// What is taken out of an archive. All else (changes of a container's root file system, volumes, logs) is the engine's own.
    public static let wanted = [checkpoint + "/", config, spec, network, statistics, ours + "/"]
}

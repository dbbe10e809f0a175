public import AgentModel

/// `config.dump`: the part of podman's container configuration that its readers use. Unknown keys are passed over.
public struct ContainerConfig: Hashable, Sendable, Codable {
    /// 64 hexadecimal digits.
    public var id: String?
    public var name: String?
    public var rootfsImageName: String?
    /// The OCI runtime.
    public var runtime: String?
    public var command: [String]?
    /// RFC 3339.
    public var createdTime: String?
    public var checkpointedTime: String?
    public var restoredTime: String?
    public var restored: Bool?

    public init(id: String, name: String, command: [String], takenAt: WallTime) {
        self.id = id
        self.name = name
        self.command = command
        runtime = "runner"
        createdTime = takenAt.description
        checkpointedTime = takenAt.description
        // Go's zero time: never.
        restoredTime = "0001-01-01T00:00:00Z"
        restored = false
    }
}

/// `spec.dump`: a specification of the Open Container Initiative, as far as there is something to say.
public struct ContainerSpec: Hashable, Sendable, Codable {
    public struct Process: Hashable, Sendable, Codable {
        public var args: [String]?
        public var cwd: String?
    }
    public struct Root: Hashable, Sendable, Codable {
        public var path: String?
    }
    public var ociVersion: String?
    public var process: Process?
    public var root: Root?
    public var annotations: [String: String]?

    /// The key of the annotation that tells readers whose form the archive has.
    public static let manager = "io.container.manager"

    public init(agent: AgentName, version: VersionNumber, command: [String], workingDirectory: String?) {
        ociVersion = "1.0.2"
        process = Process(args: command, cwd: workingDirectory)
        root = Root(path: "/")
        annotations = [Self.manager: "libpod", "runner.agent": agent.text, "runner.version": "\(version)"]
    }
}

/// What a foreign archive says of the container it is of.
public struct ContainerFacts: Hashable, Sendable {
    public var name: String?
    public var image: String?
    public var runtime: String?
    public var checkpointedAt: WallTime?
    public var command: [String]
    public var workingDirectory: String?

    /// Of strangers: what is not there or not as it should be is not known.
    public init(config: [UInt8]?, spec: [UInt8]?) {
        let config = config.flatMap { try? JSONText.decode(ContainerConfig.self, from: $0) }
        let spec = spec.flatMap { try? JSONText.decode(ContainerSpec.self, from: $0) }
        name = config?.name
        image = config?.rootfsImageName
        runtime = config?.runtime
        checkpointedAt = config?.checkpointedTime.flatMap { WallTime(rfc3339: $0) }
        command = spec?.process?.args ?? config?.command ?? []
        workingDirectory = spec?.process?.cwd
    }

    /// "the container 'web' of the image 'nginx'"
    public var words: String {
        "the container '\(name ?? "?")'" + (image.map { " of the image '\($0)'" } ?? "")
    }
}

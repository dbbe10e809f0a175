public import AgentModel

/// A user of the host, as /etc/passwd has it.
public struct Account: Hashable, Sendable {
    public var name: String
    public var userID: UInt32
    public var groupID: UInt32
    public var home: String
    public init(name: String, userID: UInt32, groupID: UInt32, home: String) {
        self.name = name
        self.userID = userID
        self.groupID = groupID
        self.home = home
    }

    /// Reads /etc/passwd (see passwd(5)); lines that are not entries are left out.
    public static func all(inPasswd bytes: [UInt8]) -> [Account] {
        bytes.split(separator: UInt8(ascii: "\n")).compactMap { line in
            let fields = line.split(separator: UInt8(ascii: ":"), omittingEmptySubsequences: false).map {
                String(decoding: $0, as: UTF8.self)
            }
            guard fields.count == 7, !fields[0].isEmpty, let user = UInt32(fields[2]), let group = UInt32(fields[3]) else { return nil }
            return Account(name: fields[0], userID: user, groupID: group, home: fields[5])
        }
    }
}

/// Where on this host an agent is started, and what the runner itself has to hand on.
public struct LaunchPlace: Hashable, Sendable {
    /// What the control sockets and doors of one store stand under: `/run/runner/<store id>`. Absolute.
    public var runtimeDirectory: String
    /// Absolute.
    public var storeDirectory: String
    public var storeIdentity: String
    /// The file the spec was read from; nil: there is none. Absolute.
    public var specFile: String?
    /// The runner's own environment. Only PATH, HOME, LANG and TERM are handed on.
    public var environment: [String: String]
    public var accounts: [Account]

    public init(
        runtimeDirectory: String, storeDirectory: String, storeIdentity: String, specFile: String? = nil,
        environment: [String: String] = [:],
        accounts: [Account] = []
    ) {
        self.runtimeDirectory = runtimeDirectory
        self.storeDirectory = storeDirectory
        self.storeIdentity = storeIdentity
        self.specFile = specFile
        self.environment = environment
        self.accounts = accounts
    }

    /// Host directory with the sockets and the staging directory of one agent, and nothing else: the agent can see all of it.
    public func doors(of agent: AgentName) -> String { "\(runtimeDirectory)/\(agent.shortened)/doors" }
}

/// Why an agent cannot be started as its spec says, and must not be started otherwise.
public struct PlanFault: Error, Hashable, Sendable, CustomStringConvertible {
    public enum Code: String, Hashable, Sendable, CaseIterable {
        /// The user is not known, or the runner may not become it.
        case user = "E-LAUNCH-USER"
        /// The workspace and the store lie in one another.
        case workspace = "E-LAUNCH-WORKSPACE"
        /// A socket's path would be longer than the kernel takes.
        case path = "E-LAUNCH-PATH"
        /// What separates the agent from the rest cannot be had here.
        case fence = "E-LAUNCH-FENCE"

        /// What the code means and what to do, in a few sentences.
        public var explanation: String {
            switch self {
            case .user:
                "The spec names a user that /etc/passwd does not have, or the runner is not root and may not become it. An agent is "
                    + "never started as another user than its spec says."
            case .workspace:
                "The workspace holds the store, or lies in it. Every version would then hold all versions before it. Choose a "
                    + "workspace of its own for the agent, or another store with --store."
            case .path:
                "The path of one of the agent's sockets would be longer than the 107 bytes the kernel takes. A shorter agent name or a "
                    + "shorter XDG_RUNTIME_DIR helps."
            case .fence:
                "The spec wants the agent without a network, or its workspace seen at another path, and this host has no namespaces for it. "
                    + "An agent is never started with less separation than its spec says."
            }
        }
    }
    public let code: Code
    /// One line: what, why, what to do.
    public let sentence: String
    public var description: String { "\(sentence) [\(code.rawValue)]" }
}

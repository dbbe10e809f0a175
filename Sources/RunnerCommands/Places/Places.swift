internal import AgentModel

/// Where everything is: the store, and the runtime directories of supervisors. Computed from the environment, nothing is looked at.
struct Places: Hashable, Sendable {
    /// Which setting won.
    enum StoreOrigin: String, Hashable, Sendable, Encodable {
        case option = "--store"
        case variable = "RUNNER_STORE"
        case root = "default for root"
        case state = "XDG_STATE_HOME"
        case home = "default"
    }

    /// Absolute path of the store.
    let store: String
    let storeOrigin: StoreOrigin
    /// Absolute path of the file with the store's key, where one was named.
    let keyFile: String?
    /// Directories in which this user's runtime directories may lie, best first.
    private let runtimeBases: [String]
    /// Room that a base must leave for an agent's `shortened` name.
    private let longestName = 40

    init(environment: [String: String], userID: UInt32, workingDirectory: String, store option: String?, keyFile: String? = nil) {
        func variable(_ name: String) -> String? { environment[name].flatMap { $0.isEmpty ? nil : $0 } }
        let home = variable("HOME") ?? "/tmp/runner-\(userID)"
        (store, storeOrigin) =
            if let option {
                (Self.absolute(option, from: workingDirectory), .option)
            } else if let set = variable("RUNNER_STORE") {
                (Self.absolute(set, from: workingDirectory), .variable)
            } else if userID == 0 {
                ("/var/lib/runner", .root)
            } else if let state = variable("XDG_STATE_HOME"), state.hasPrefix("/") {
                (state + "/runner", .state)
            } else {
                (home + "/.local/state/runner", .home)
            }
        self.keyFile = (keyFile ?? variable("RUNNER_KEY_FILE")).map { Self.absolute($0, from: workingDirectory) }
        let fallback = "/tmp/runner-\(userID)"
        if userID == 0 {
            runtimeBases = ["/run/runner"]
        } else if let runtime = variable("XDG_RUNTIME_DIR"), runtime.hasPrefix("/") {
            runtimeBases = [runtime + "/runner", fallback]
        } else {
            runtimeBases = [fallback]
        }
    }

    /// What the runtime directories of all agents of one store lie in. A socket's path holds 107 bytes (sun_path is 108 with its NUL, see
    /// unix(7)), so a base that leaves too little for an agent's name gives way to a short one.
    func runtimeDirectory(storeID: String) -> String {
        let rest = "/doors/notify.sock".utf8.count + longestName
        let candidates = runtimeBases.map { "\($0)/\(storeID)" }
        return candidates.first { $0.utf8.count + rest <= 107 } ?? candidates[candidates.count - 1]
    }

    /// What the runtime directories of all stores lie in.
    var runtimeBase: String { String(runtimeDirectory(storeID: "0123456789abcdef").dropLast(17)) }

    /// The runtime directory of `agent`'s supervisor.
    func runtime(storeID: String, agent: AgentName) -> String { "\(runtimeDirectory(storeID: storeID))/\(agent.shortened)" }

    /// `path` without `.` and `..`, from `directory` when it is not absolute. Links are not looked at.
    static func absolute(_ path: String, from directory: String) -> String {
        var parts: [Substring] = []
        for part in (path.hasPrefix("/") ? path : directory + "/" + path).split(separator: "/") where part != "." {
            if part == ".." { _ = parts.popLast() } else { parts.append(part) }
        }
        return "/" + parts.joined(separator: "/")
    }
}

internal import AgentModel
public import LaunchPlans

extension LaunchPlan {
    /// The plan for a reader, one fact a line, without line ends: what `runner plan` shows.
    public func lines(secrets: SecretValues = .hidden) -> [String] {
        var lines = [
            "agent        \(agent), incarnation \(incarnation), from \(originText)",
            "command      \(arguments.map(ShellText.quoted).joined(separator: " "))",
            "directory    \(workingDirectory)",
            "user         \(userText)",
            "isolation    \(isolationText)",
        ]
        lines += groupLines
        if let openFileLimit { lines.append("open files   at most \(openFileLimit)") }
        lines.append("doors        \(doorsDirectory)" + (doorsInside == doorsDirectory ? "" : ", seen inside as \(doorsInside)"))
        lines += hiddenDirectories.map { "hidden       \($0)" }
        lines += binds.map { "bound        \($0.host), seen inside as \($0.inside)" }
        if network == .none { lines.append("network      none but a loopback") }
        lines.append("stop         \(SignalText.text(stopSignal)), after \(DurationText.text(stopDeadline)) SIGKILL")
        lines.append(
            "alone        "
                + (adoptWithin.map { "without a runner it is stopped after \(DurationText.text($0))" }
                    ?? "it may live without a runner for ever"))
        lines += environment.map { variable in
            let isHidden = secrets == .hidden && SecretName.isProbable(variable.name)
            return "environment  \(variable.name)=\(isHidden ? "(hidden)" : ShellText.quoted(variable.value))"
        }
        lines += losses.map { "lost         \($0)" }
        return lines
    }

    /// The same plan with the values hidden that are probably secrets, for a reader of its JSON.
    public func hidingSecrets() -> LaunchPlan {
        var plan = self
        plan.environment = environment.map { variable in
            SecretName.isProbable(variable.name) ? Variable(name: variable.name, value: "(hidden)") : variable
        }
        return plan
    }

    private var originText: String {
        switch origin {
        case .clean: "a clean state"
        case .version(let version): "version \(version)"
        }
    }

    private var userText: String {
        guard let userID else { return "as the runner" }
        return "\(userID)" + (groupID.map { ", group \($0)" } ?? "")
    }

    private var isolationText: String {
        switch isolation {
        case .namespaces(let hostName): "own process, mount, ipc and uts namespaces, host name \(hostName)"
        case .subreaper(let why): "none but supervision of the whole process tree: \(why)"
        }
    }

    private var groupLines: [String] {
        guard let group = controlGroup else { return ["limits       none: there is no control group"] }
        let limits = [
            group.memoryLimit.map { "memory \(SizeText.text($0))" }, group.cpuLimitMilli.map { "CPU \(ShareText.processorsText($0))" },
            group.processLimit.map { "\($0) processes" },
        ].compactMap(\.self)
        let version: String
        switch group.host {
        case .v1: version = "version 1"
        case .v2: version = "version 2"
        case .none: version = "none"
        }
        return [
            "group        \(group.path) (control groups \(version))",
            "limits       " + (limits.isEmpty ? "none asked for" : limits.joined(separator: ", ")),
        ]
    }
}

/// Words as a shell would have to be given them.
enum ShellText {
    static func quoted(_ word: String) -> String {
        let isPlain =
            !word.isEmpty
            && word.utf8.allSatisfy { byte in
                VariableName.mayHold(byte) || "-./:=@%+,".utf8.contains(byte)
            }
        if isPlain { return word }
        return "'" + shown(word, limit: 4096).split(separator: "'", omittingEmptySubsequences: false).joined(separator: "'\\''") + "'"
    }
}

internal import AgentModel

extension CommandFault {
    /// A supervisor that was started in the background ended before the agent ran. What it said last is told as it would have been told in
    /// the foreground, with the same status.
    init(detached agent: AgentName, _ status: Int32?, _ output: String, log: String) {
        let mark = "runner: "
        let known = status.flatMap(ExitStatus.init(rawValue:)) ?? .ok
        if known != .ok, let last = output.split(separator: "\n").last, last.hasPrefix(mark) {
            let code: ErrorCode =
                switch known {
                case .notExecutable: .launchNotExecutable
                case .commandNotFound: .launchNotFound
                default: .runFailed
                }
            self.init(code, String(last.dropFirst(mark.count)))
            self.status = known
        } else {
            let how = status.map { "ended with status \($0)" } ?? "was killed"
            self.init(
                .runFailed,
                "could not run '\(agent)' in the background: its supervisor \(how) before the agent ran. '\(log)' has what it said; without "
                    + "'--detach' it is told here")
        }
    }
}

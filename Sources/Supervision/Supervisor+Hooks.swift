internal import AgentModel
internal import AgentSpecs
internal import OutsideWorld

/// The executables of the spec's `hooks` directory, one a moment. Documentation: docs/hooks.md
extension Supervisor {
    static var hookTimeLimit: Duration { .seconds(10) }

    /// Runs the hook of that name, if there is one, then `proceed`. A hook that fails or is too slow is said and never stops the runner.
    func runHook(_ name: String, version: VersionNumber?, reason: String, _ proceed: @escaping () -> Void) {
        var values = [
            "RUNNER_MOMENT": name, "RUNNER_AGENT": agent.text, "RUNNER_STORE": request.place.store, "RUNNER_REASON": reason,
        ]
        values["RUNNER_WORKSPACE"] = spec.workspace
        values["RUNNER_VERSION"] = version?.description
        runHook(name, values, proceed)
    }

    func runHook(_ name: String, _ values: [String: String], _ proceed: @escaping () -> Void) {
        guard let directory = spec.hooks, let path = world.executables(in: directory).first(where: { $0.hasSuffix("/" + name) })
        else { return proceed() }
        var environment = request.launchPlace.environment.filter { ["PATH", "HOME", "LANG", "TZ"].contains($0.key) }
        environment.merge(values) { $1 }
        let id = WorkID(nextNumber())
        programs[id] = { [self] result in
            switch result {
            case .ended(.exited(0), _): break
            case .ended(let end, let output): hookFailed(name, "it ended with \(end.words)", output)
            case .timedOut(let output): hookFailed(name, "it took longer than \(Self.hookTimeLimit.inSeconds) s and was killed", output)
            case .couldNotStart(let why): hookFailed(name, why, "")
            }
            proceed()
        }
        world.start(
            id,
            Program(
                path: path, arguments: [name], environment: environment.map { "\($0.key)=\($0.value)" }.sorted(),
                timeLimit: Self.hookTimeLimit, input: []))
    }

    private func hookFailed(_ name: String, _ why: String, _ output: String) {
        let said = output.split(separator: "\n").last.map { " (it said: \($0))" } ?? ""
        note("hook", "hook '\(name)' failed: \(why)\(said)")
        say("hook '\(name)' failed: \(why)\(said), going on")
    }
}

extension ProcessEnd {
    /// "status 3", "signal 9", "signal 9 for lack of memory".
    var words: String {
        switch self {
        case .exited(let status): "status \(status)"
        case .signaled(let signal, let outOfMemory): outOfMemory ? "signal \(signal) for lack of memory" : "signal \(signal)"
        case .unknown: "no known status"
        }
    }
}

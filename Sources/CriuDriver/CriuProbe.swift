internal import CriuRequests
public import OutsideWorld

/// What was found out about one candidate.
public struct CriuVerdict: Hashable, Sendable, Codable {
    public var path: String
    /// It answers and its own check passes.
    public var program: CriuProgram?
    /// Why it is not used, or what it cannot do here; nil: nothing.
    public var problem: String?
    public init(path: String, program: CriuProgram?, problem: String?) {
        self.path = path
        self.program = program
        self.problem = problem
    }
}

/// Which CRIU is used here, and what became of the others.
public struct CriuFinding: Hashable, Sendable, Codable {
    /// nil: none works, and process checkpoints are not to be had.
    public var chosen: CriuProgram?
    /// In the order they were tried; those that are not there left out.
    public var tried: [CriuVerdict]
    public init(chosen: CriuProgram?, tried: [CriuVerdict]) {
        self.chosen = chosen
        self.tried = tried
    }
}

/// Chooses a CRIU by trying: the setting, the private prefix, then PATH. The first that works and can dump network sockets on this kernel is
/// taken; else the first that works. What was found out is remembered per kernel and file.
public struct CriuProbe {
    /// Names a CRIU that is tried before all others.
    public static let setting = "RUNNER_CRIU"
    /// Where `dev/install-criu` puts one.
    public static let privateProgram = "/opt/runner-criu/criu"
    private static let patience = Duration.seconds(10)

    private let machine: any Machine
    private let kernelRelease: String
    private let memory: VerdictMemory

    /// - Parameter memory: absolute path of the directory to remember verdicts in; it is made when missing. nil: nothing is remembered.
    public init(_ machine: any Machine, kernelRelease: String, memory: String?) {
        self.machine = machine
        self.kernelRelease = kernelRelease
        self.memory = VerdictMemory(machine: machine, directory: memory)
    }

    public func find() -> CriuFinding {
        var finding = CriuFinding(chosen: nil, tried: [])
        var known = memory.recall()
        let before = known
        for path in candidates() {
            guard let identity = machine.executableIdentity(path) else { continue }
            let key = "\(kernelRelease) \(path) \(identity)"
            let verdict = known[key] ?? judge(path)
            known[key] = verdict
            finding.tried.append(verdict)
            if verdict.problem == nil { break }
        }
        if known != before { memory.keep(known) }
        let working = finding.tried.filter { $0.program != nil }
        finding.chosen = (working.first { $0.problem == nil } ?? working.first)?.program
        return finding
    }

    private func candidates() -> [String] {
        let path = (machine.environment["PATH"] ?? "").split(separator: ":").filter { $0.hasPrefix("/") }.map(String.init)
        let directories = path + ["/usr/local/sbin", "/usr/sbin", "/sbin"].filter { !path.contains($0) }
        let setting = machine.environment[Self.setting].flatMap { $0.hasPrefix("/") ? $0 : nil }
        return [setting, Self.privateProgram].compactMap(\.self) + directories.map { $0 + "/criu" }
    }

    // MARK: One candidate

    private func judge(_ path: String) -> CriuVerdict {
        func fails(_ why: String) -> CriuVerdict { CriuVerdict(path: path, program: nil, problem: why) }
        guard machine.userID == 0 else { return fails("needs root") }
        switch ask(path, .version) {
        case .failure(let problem): return fails(problem.why)
        case .success(let answer):
            guard let version = answer.version else { return fails("does not tell its version") }
            guard version >= .oldest else { return fails("is version \(version), and \(CriuVersion.oldest) is the oldest that is used") }
            return judge(path, version)
        }
    }

    private func judge(_ path: String, _ version: CriuVersion) -> CriuVerdict {
        let check: CriuResult
        switch ask(path, .check) {
        case .failure(let problem): return CriuVerdict(path: path, program: nil, problem: "is version \(version) and \(problem.why)")
        case .success(let answer): check = answer
        }
        guard check.succeeded else {
            return CriuVerdict(
                path: path, program: nil, problem: "is version \(version) and does not work on Linux \(kernelRelease) (see '\(path) check')"
            )
        }
        let features = (try? ask(path, .features).get())?.features
        let program = CriuProgram(
            path: path, version: version,
            features: features ?? CriuFeatures(dirtyTracking: false, lazyPages: false, pidfdStore: false))
        let dumpsSockets = version.dumpsInternetSockets(on: KernelVersion(release: kernelRelease))
        return CriuVerdict(
            path: path, program: program,
            problem: dumpsSockets
                ? nil : "is version \(version), which cannot dump network sockets on Linux \(kernelRelease): that takes 4.2 or newer")
    }

    private struct Problem: Error { var why: String }

    private func ask(_ path: String, _ request: CriuRequest) -> Result<CriuResult, Problem> {
        switch machine.askCriu(path, request.packet(), within: Self.patience) {
        case .packet(let bytes):
            guard case .result(let result)? = CriuAnswer(packet: bytes) else {
                return .failure(Problem(why: "answers what no CRIU answers"))
            }
            return .success(result)
        case .silent(let output):
            let said = output.split(separator: "\n").last ?? "it says nothing"
            return .failure(Problem(why: "does not answer: \(said)"))
        case .couldNotStart(let sentence): return .failure(Problem(why: "cannot be started: \(sentence)"))
        }
    }
}

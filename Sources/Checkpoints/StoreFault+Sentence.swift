internal import AgentModel
internal import OutsideWorld

extension StoreFault {
    /// The stable code: docs/errors.md.
    public var code: String {
        switch kind {
        case .format: "E-STORE-FORMAT"
        case .full: "E-STORE-FULL"
        case .readOnly: "E-STORE-READ-ONLY"
        case .denied: "E-STORE-DENIED"
        case .held: "E-AGENT-HELD"
        case .noSuchAgent: "E-AGENT-UNKNOWN"
        case .noSuchVersion: "E-VERSION-UNKNOWN"
        case .broken: "E-VERSION-BROKEN"
        case .noSuchPart: "E-VERSION-PART"
        case .nothing: "E-CHECKPOINT-EMPTY"
        case .refused: "E-CHECKPOINT-REFUSED"
        case .system(let fault): Self.code(of: fault.kind)
        }
    }

    /// What could not be done, to what, why, what to do next.
    public var sentence: String { "could not \(doing) '\(what)': \(because)" }

    // MARK: Parts

    private static func code(of kind: FileFault.Kind) -> String {
        switch kind {
        case .full: "E-STORE-FULL"
        case .readOnly: "E-STORE-READ-ONLY"
        case .denied: "E-STORE-DENIED"
        case .missing, .exists, .notDirectory, .notEmpty, .tooLarge, .busy, .system: "E-STORE-IO"
        }
    }

    /// The agent's name out of "agent-7@42".
    private var agent: Substring { what.prefix { $0 != "@" } }

    private var because: String {
        switch kind {
        case .format(let how): "\(how). Use the runner that made it, or another directory with '--store'"
        case .full(let needed, let free): "the disk is full\(space(needed, free)). Free space, or run 'runner prune \(agent) --dry-run'"
        case .readOnly: "the file system of the store is read-only. Mount it writable, or choose another with '--store'"
        case .denied: "the store belongs to another user. Run the command as that user, or choose your own with '--store'"
        case .held(let holder): "\(holder) holds the agent. Stop that one first, or wait for it to end"
        case .noSuchAgent: "there is no such agent. 'runner ls' lists those there are"
        case .noSuchVersion: "there is no such version. 'runner versions \(agent)' lists those there are"
        case .broken(let part, let how): "its \(part) is damaged: \(how). 'runner versions \(agent)' shows which versions are whole"
        case .noSuchPart(let part): "it holds no \(part). 'runner show \(what)' tells what it holds"
        case .nothing: "there is neither state nor a workspace. Give the agent a workspace, or let it hand over state"
        case .refused(let why): "\(why). Limits stand under 'checkpoint' in agent.yaml"
        case .system(let fault): "could not \(fault.doing) '\(fault.what)': \(fault.because)"
        }
    }

    private func space(_ needed: ByteCount?, _ free: ByteCount?) -> String {
        let parts = [needed.map { "needs \($0)" }, free.map { "\($0) free" }].compactMap(\.self)
        return parts.isEmpty ? "" : " (\(parts.joined(separator: ", ")))"
    }
}

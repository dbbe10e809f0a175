internal import AgentModel
internal import OutsideWorld

/// How a person is told. Documentation: docs/store-format.md
extension StoreFault {
    /// The stable name of the fault, as `runner explain` takes it.
    public var code: String {
        switch kind {
        case .format: "E-STORE-FORMAT"
        case .unsafe: "E-STORE-UNSAFE"
        case .full: "E-STORE-FULL"
        case .readOnly: "E-STORE-READONLY"
        case .denied: "E-STORE-DENIED"
        case .held: "E-STORE-HELD"
        case .noSuchAgent: "E-AGENT-MISSING"
        case .agentExists: "E-AGENT-EXISTS"
        case .noSuchVersion: "E-VERSION-MISSING"
        case .broken, .damagedPack: "E-VERSION-BROKEN"
        case .noSuchPart, .noSuchFile: "E-VERSION-PART"
        case .nothing: "E-CHECKPOINT-EMPTY"
        case .refused: "E-CHECKPOINT-REFUSED"
        case .memory: "E-STORE-MEMORY"
        case .system where isStop: "E-STOPPED"
        case .system(let fault) where fault.isPrivileged: "E-STORE-DENIED"
        case .system: "E-STORE-IO"
        }
    }

    /// One line: what could not be done, to what, why, what to do next.
    public var sentence: String { "could not \(doing) '\(what)': \(reason)" }

    /// Why, and what to do next: the part of `sentence` after the colon.
    public var reason: String {
        switch kind {
        case .format(let how): "\(how). Give the store's directory with --store, or an empty one to make a new store"
        case .unsafe(let why): "\(why), or give another store with --store"
        case .full(let needed, let free):
            "the disk is full\(Self.figures(needed, free)). Free space, or \(isOfStore ? "give another store with --store" : "run 'runner prune \(agent) --dry-run'")"
        case .readOnly: "the store's disk is read-only. Remount it writable; older versions are untouched"
        case .denied: "permission denied. Run as the store's owner, or give another store with --store"
        case .held(let holder) where isOfStore: "\(holder) does so already. The same command goes on when that has ended"
        case .held(let holder): "it is held by \(holder). Look with 'runner status', or end it with 'runner stop' first"
        case .noSuchAgent: "there is no such agent. See 'runner ls'"
        case .agentExists: "there is an agent of that name again. 'runner rm \(agent)' makes room: 'runner undelete' lists both then"
        case .noSuchVersion: "there is no such version. See 'runner versions \(agent)'"
        case .broken(let part, let how): "'\(part)' is broken: \(how). Use another version, see 'runner versions \(agent)'"
        case .damagedPack(let pack, let how):
            "'\(pack)' is damaged: \(how). Its plain files are whole and stay; 'runner verify \(agent) --deep' tells what else is damaged"
        case .noSuchPart(let part): "it holds no \(part). See 'runner show \(what)'"
        case .noSuchFile(let path, nil):
            "it holds no file '\(path)'. Paths begin at the agent's workspace; 'runner files \(what)' lists those there are"
        case .noSuchFile(let path, let kind?):
            "'\(path)' is a \(kind.rawValue) and no file. 'runner ls \(what):\(path)' lists it"
        case .nothing:
            "there is nothing to keep: the agent handed over no state and has no workspace. "
                + "Give it a 'workspace', or let it answer 'prepare'"
        case .refused(let why): "\(why). Put that right, or leave it out of the checkpoint; older versions are untouched"
        case .memory(let needed, let free, let bound):
            "the store is encrypted, so they lie in memory while they are read, which takes \(needed), and \(bound.leaves(free)). "
                + "\(bound.remedy); nothing was changed"
        case .system where isStop: "it was stopped. The same command does it anew"
        case .system(let fault): "could not \(fault.doing) '\(fault.what)': \(Self.words(fault.kind)). Older versions are untouched"
        }
    }

    /// Whether nothing failed: somebody asked for its end.
    public var isStop: Bool {
        guard case .system(let fault) = kind else { return false }
        return fault.kind == .stopped
    }

    /// Of the whole store, named by its path, rather than of an agent.
    private var isOfStore: Bool { what.hasPrefix("/") }

    /// `what` without the version.
    private var agent: String { String(what.prefix { $0 != "@" }) }

    private static func figures(_ needed: ByteCount?, _ free: ByteCount?) -> String {
        switch (needed, free) {
        case (let needed?, let free?): " (needs \(needed), \(free) free)"
        case (let needed?, nil): " (needs \(needed))"
        case (nil, let free?): " (\(free) free)"
        case (nil, nil): ""
        }
    }

    private static func words(_ kind: FileFault.Kind) -> String {
        switch kind {
        case .missing: "it is not there"
        case .exists: "something is there already"
        case .full: "the disk is full"
        case .readOnly: "its disk is read-only"
        case .denied: "permission denied"
        case .notDirectory: "it is not a directory"
        case .notEmpty: "the directory is not empty"
        case .tooLarge: "it is too large"
        case .busy: "another holds it"
        case .damaged(let how): how
        case .privileged(let why): "it needs root or CAP_SYS_ADMIN: \(why). Run as root"
        case .stopped: "it was stopped"
        case .system(5): "input/output error"
        case .system(let number): "system error \(number)"
        }
    }
}

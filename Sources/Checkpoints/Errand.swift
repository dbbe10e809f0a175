internal import AgentModel
internal import OutsideWorld

/// What the store is about to do, and to what: turns a fault of the disk into one a person can read.
struct Errand: Sendable {
    let doing: String
    let what: String
    /// Whoever asks again later does not call damaged what the disk cannot give now.
    var asksAgain = false

    init(_ doing: String, _ what: String) {
        self.doing = doing
        self.what = what
    }
    init(_ doing: String, _ agent: AgentName, _ version: VersionNumber) { self.init(doing, "\(agent)@\(version)") }

    func fault(_ kind: StoreFault.Kind) -> StoreFault { StoreFault(kind, doing: doing, what: what) }

    /// Does `body` in the store.
    func inStore<Result>(_ body: () throws(FileFault) -> Result) throws(StoreFault) -> Result {
        do throws(FileFault) { return try body() } catch { throw fault(Self.kind(error)) }
    }

    /// Does `body` in a workspace or staging directory: "read-only" and "denied" are then not the store's own state.
    func outside<Result>(_ body: () throws(FileFault) -> Result) throws(StoreFault) -> Result {
        do throws(FileFault) { return try body() } catch {
            throw fault(error.kind == .full ? .full(needed: nil, free: nil) : .system(error))
        }
    }

    /// Reads a version's own bytes: what is missing, unreadable or of another kind there is damage.
    func reading<Result>(_ part: String, _ body: () throws(FileFault) -> Result) throws(StoreFault) -> Result {
        do throws(FileFault) { return try body() } catch {
            if asksAgain, case .system(5) = error.kind { throw fault(.system(error)) }
            if let damage = Self.damage(error.kind) { throw fault(.broken(part: part, how: damage)) }
            throw fault(Self.kind(error))
        }
    }

    private static func kind(_ fault: FileFault) -> StoreFault.Kind {
        switch fault.kind {
        case .full: .full(needed: nil, free: nil)
        case .readOnly: .readOnly
        case .denied: .denied
        default: .system(fault)
        }
    }

    private static func damage(_ kind: FileFault.Kind) -> String? {
        switch kind {
        case .missing: "it is missing"
        case .tooLarge: "it is longer than what was stored"
        case .damaged(let how): how
        case .notDirectory: "it is not a directory"
        case .system(5): "it cannot be read (input/output error)"
        case .system(6), .system(21), .system(22), .system(40): "it is not a plain file"  // ENXIO, EISDIR, EINVAL, ELOOP
        case .system(74), .system(117): "it cannot be read (the file system is damaged)"  // EBADMSG, EUCLEAN
        case .exists, .full, .readOnly, .denied, .notEmpty, .busy, .privileged, .stopped, .system: nil
        }
    }
}

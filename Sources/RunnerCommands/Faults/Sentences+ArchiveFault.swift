internal import AgentModel
internal import OutsideWorld

extension CommandFault {
    /// Why an archive could not be taken apart.
    /// - Parameter limit: what it was allowed to unpack to.
    init(_ fault: ArchiveFault, importing path: String, limit: ArchiveLimits) {
        let what = "could not import '\(path)': "
        let member = fault.member.map { "its member '\($0)'" } ?? "it"
        let hostile = "Nothing was imported; find out who made it"
        let damaged = "Nothing was imported; copy or export it once more"
        switch fault.kind {
        case .damaged:
            let words = fault.detail ?? "it is damaged"
            self.init(.archiveDamaged, what + "it is no whole archive (\(words)). \(damaged)")
        case .absolute: self.init(.archiveHostile, what + "\(member) has an absolute name. \(hostile)")
        case .above: self.init(.archiveHostile, what + "\(member) leads out of it by '..'. \(hostile)")
        case .name: self.init(.archiveHostile, what + "a member has a name that cannot be used (empty, too long or too deep). \(hostile)")
        case .link where fault.member?.hasSuffix("checkpoint/parent") == true:
            self.init(
                .importImages,
                what + "its images lean on older ones ('checkpoint/parent'). Dump without '--parent-path' or '--pre-checkpoint'"
            )
        case .link: self.init(.archiveHostile, what + "\(member) is a link. \(hostile)")
        case .special: self.init(.archiveHostile, what + "\(member) is a device, a pipe or a socket. \(hostile)")
        case .twice: self.init(.archiveHostile, what + "\(member) is there twice, or lies below a file. \(hostile)")
        case .size:
            self.init(
                .archiveTooLarge,
                what
                    + "with \(member) it unpacks to more than the \(limit.bytes) it may, or than it says. Raise '--size-limit' or free space"
            )
        case .many: self.init(.archiveTooLarge, what + "it has more than \(limit.members) members. Nothing was imported")
        case .memory: self.init(.archiveTooLarge, what + "unpacking it takes too much memory. Pack it anew with a smaller window")
        case .full: self.init(.storeFull, what + "the store's disk is full. Free space, or give another store with --store")
        case .readOnly: self.init(.storeReadOnly, what + "the store's disk is read-only. Remount it writable; older versions are untouched")
        case .denied: self.init(.fileDenied, what + "permission denied. Run as the owner of it and of the store")
        case .changed, .system:
            self.init(.fileIO, what + "\(fault.detail ?? "the machine failed to read it"). Look at the path and the disk")
        case .stopped: self.init(.stopped, what + "it was stopped. Nothing was imported; the same command begins anew")
        case .helper, .timedOut: self.init(helper: fault, what)
        }
    }

    /// Why an archive could not be made.
    init(_ fault: ArchiveFault, exporting version: String, to path: String) {
        let what = "could not export '\(version)' to '\(path)': "
        switch fault.kind {
        case .full: self.init(.fileFull, what + "the disk is full. Free space, or give another path with '--output'")
        case .readOnly: self.init(.fileReadOnly, what + "the disk is read-only. Give another path with '--output'")
        case .denied: self.init(.fileDenied, what + "permission denied. Give another path with '--output'")
        case .name:
            let member = fault.member.map { "the name '\($0)'" } ?? "a name"
            self.init(
                .exportName,
                what
                    + "no archive takes \(member) in, which is too long or too deep. Export its processes with '--format criu', or move "
                    + "the file up in the workspace and export a later version")
        case .stopped: self.init(.stopped, what + "it was stopped. Nothing of it is left there; the same command begins anew")
        case .helper, .timedOut: self.init(helper: fault, what)
        default:
            let member = fault.member.map { " ('\($0)')" } ?? ""
            self.init(
                .fileIO, what + "\(fault.detail ?? "a file of the version changed")\(member). Look at the disk, and at 'runner verify'")
        }
    }

    private init(helper fault: ArchiveFault, _ what: String) {
        let words = fault.kind == .timedOut ? "it did not end within two hours" : fault.detail ?? "it said nothing"
        let isThere = !words.hasPrefix("cannot execute")
        self.init(
            .archiveHelper, what + (isThere ? "'runner-archive' failed: \(words). Try again; if it stays so, please report it" : words))
    }
}

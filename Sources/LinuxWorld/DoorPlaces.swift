internal import CLinuxShims  // its headers define `stat` as well, and which module owns it depends on the order of compilation
internal import Glibc
internal import OutsideWorld

/// Where the doors of one agent stand, and who may reach them.
///
/// The runtime directory is ours alone. `doors/` is what the agent sees; `doors/staging/` is where it leaves its state. An agent with our own
/// user number uses both as they are; another user gets `staging/` for its own and only a way through the rest.
struct DoorPlaces {
    private let place: SupervisorPlace

    init(_ place: SupervisorPlace) { self.place = place }

    func path(of door: Door) -> String {
        switch door {
        case .agent: place.doors + "/agent.sock"
        case .notify: place.doors + "/notify.sock"
        case .control: place.controlSocket
        }
    }

    /// Makes the directories that `door` needs, mode 0700, and takes away what a dead supervisor or an agent left in its place.
    func makeRoom(for door: Door) throws(FileFault) {
        let runtime = try LinuxDisk(at: place.runtime, create: true)
        try requireOwn(runtime)
        if door != .control {
            try makeOwn("doors", of: runtime)
            try makeOwn("doors/staging", of: runtime)
        }
        switch door {
        case .agent: try runtime.removeTree("doors/agent.sock")
        case .notify: try runtime.removeTree("doors/notify.sock")
        case .control: try runtime.removeTree("control.sock")
        }
    }

    /// Below /tmp anybody may have been faster and own what we take for ours; then the sockets would be theirs to replace.
    private func requireOwn(_ runtime: LinuxDisk) throws(FileFault) {
        let root = try runtime.rootEntry()
        var isOpen = !root.isOurs || root.mode & 0o022 != 0 || root.openDirectoryAbove != nil
        for directory in [parent(of: place.runtime), parent(of: parent(of: place.runtime))] {
            var status = stat()
            if stat(directory, &status) == 0, status.st_uid != 0, status.st_uid != geteuid() { isOpen = true }
        }
        if isOpen { throw FileFault(.denied, doing: "use, because others could put their own in its place,", what: place.runtime) }
    }

    /// Makes a directory; whatever else an agent put in its place goes.
    private func makeOwn(_ path: DiskPath, of disk: LinuxDisk) throws(FileFault) {
        let entry = try disk.entry(at: path)
        if entry?.kind == .directory { return }
        if entry != nil { try disk.removeFile(path) }
        try disk.makeDirectory(path, mode: 0o700)
    }

    /// Lets an agent of another user in: `staging/` becomes its own; it may pass through `doors/`, the runtime directory and the two above
    /// it where these are ours, and list none of them.
    func admit(userID: UInt32, groupID: UInt32?) throws(FileFault) {
        if userID == geteuid() { return }
        let runtime = try LinuxDisk(at: place.runtime, create: false)
        let staging = try runtime.call("open", "doors/staging") { directory, name in
            openat(directory, name, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC)
        }
        let owned = Descriptor(staging)
        let result = uninterrupted { fchown(owned.raw, userID, groupID ?? gid_t.max) }
        if result < 0 { throw FileFault(errno: -result, doing: "give away", what: runtime.full("doors/staging")) }
        try runtime.setMode("doors", 0o711)
        for directory in [place.runtime, parent(of: place.runtime), parent(of: parent(of: place.runtime))] { openWay(through: directory) }
    }

    /// Best effort: where it fails the agent finds its door shut, and its launch or its silence tells.
    private func openWay(through directory: String) {
        var status = stat()
        guard stat(directory, &status) == 0, status.st_uid == geteuid(), status.st_mode & 0o011 != 0o011 else { return }
        chmod(directory, status.st_mode & 0o7777 | 0o011)
    }

    private func parent(of path: String) -> String {
        guard let slash = path.lastIndex(of: "/"), slash != path.startIndex else { return "/" }
        return String(path[..<slash])
    }
}

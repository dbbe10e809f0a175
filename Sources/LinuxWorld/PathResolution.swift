internal import CLinuxShims
internal import Glibc
internal import OutsideWorld

/// How a path is walked without leaving the root and without following a link.
enum PathResolution {
    /// openat2(2) with RESOLVE_BENEATH and RESOLVE_NO_SYMLINKS: one call. Linux 5.6.
    case byKernel
    /// One openat(2) with O_NOFOLLOW a component: where a seccomp filter or an old kernel knows no openat2.
    case byComponent

    /// What works here, tried on an open directory.
    static func best(at directory: Int32) -> PathResolution {
        let tried = shim_open_beneath(directory, ".", O_PATH | O_DIRECTORY | O_CLOEXEC, 0)
        guard tried >= 0 else { return .byComponent }
        close(tried)
        return .byKernel
    }

    /// - Returns: a descriptor or the negated errno; -ENOTDIR where a component on the way, or the last one when `flags` ask for a directory,
    ///   is a link.
    func open(_ path: DiskPath, below root: Int32, _ flags: Int32) -> Int32 {
        let result =
            switch self {
            case .byKernel: FileNames.withBytes(of: path.text) { name in retried { shim_open_beneath(root, name, flags, 0) } }
            case .byComponent: walk(path, below: root, flags)
            }
        return result == -ELOOP ? -ENOTDIR : result
    }

    /// The shim already gives -errno. EAGAIN: something was renamed in the middle of the walk, see openat2(2); a few more tries settle it.
    private func retried(_ call: () -> Int32) -> Int32 {
        var result = call()
        for _ in 0..<16 where result == -EINTR || result == -EAGAIN { result = call() }
        return result
    }

    private func walk(_ path: DiskPath, below root: Int32, _ flags: Int32) -> Int32 {
        let components = path.text.split(separator: "/").map(String.init)
        var directory = root
        defer { if directory != root { close(directory) } }
        for component in components.dropLast() {
            let next = openComponent(component, in: directory, O_PATH | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC)
            if next < 0 { return next }
            if directory != root { close(directory) }
            directory = next
        }
        return openComponent(path.name, in: directory, flags | O_NOFOLLOW)
    }

    private func openComponent(_ name: String, in directory: Int32, _ flags: Int32) -> Int32 {
        FileNames.withBytes(of: name) { name in uninterrupted { openat(directory, name, flags) } }
    }
}

/// Makes the directory `path` with mode 0700, and what is missing above it.
func makeMissingDirectories(upTo path: String) throws(FileFault) {
    var made = ""
    for component in path.split(separator: "/", omittingEmptySubsequences: true) {
        made += (made.isEmpty && !path.hasPrefix("/") ? "" : "/") + component
        let result = uninterrupted { mkdir(made, 0o700) }
        // Whatever stands in the way of an existing directory (EEXIST, EROFS, EACCES on a parent) is told by the open that follows.
        if result < 0, result != -EEXIST, access(made, F_OK) != 0 {
            throw FileFault(errno: -result, doing: "make the directory", what: made)
        }
    }
}

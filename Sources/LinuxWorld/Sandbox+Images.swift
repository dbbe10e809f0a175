internal import CLinuxShims
internal import Glibc
internal import OutsideWorld

/// What dumps and restores need of a sandbox beside its agent.
extension Sandbox {
    func raiseProcessNumbers(above pid: Int32) -> Bool { shim_raise_pids(initHandle.number, pid) == 0 }

    /// The kernel names it as it names the descriptors of the sandbox's processes.
    func place(of path: String) -> String? {
        guard let pid = ProcessLook.pid(ofHandle: initHandle.number) else { return nil }
        let root = HeldDescriptor(open("/proc/\(pid)/root", O_PATH | O_DIRECTORY | O_CLOEXEC))
        guard root.number >= 0 else { return nil }
        let there = HeldDescriptor(FileNames.withBytes(of: path) { shim_open_in_root(root.number, $0) })
        return there.number >= 0 ? linkTarget(of: "/proc/self/fd/\(there.number)") : nil
    }

    /// nil where the sandbox has the host's.
    func sharedMemory() -> LinuxDisk? {
        let name = "/dev/shm"
        guard let pid = ProcessLook.pid(ofHandle: initHandle.number) else { return nil }
        let own = open("/proc/\(pid)/root\(name)", O_RDONLY | O_DIRECTORY | O_CLOEXEC)
        var (inside, outside) = (stat(), stat())
        guard own >= 0 else { return nil }
        guard fstat(own, &inside) == 0, stat(name, &outside) != 0 || inside.st_dev != outside.st_dev else {
            close(own)
            return nil
        }
        return try? LinuxDisk(rootName: name, resolution: nil) { own }
    }

    /// None of them can end meanwhile and leave its number to another: they stand still.
    func goOn() {
        for process in look(for: .connections)?.processes ?? [] where process.hostPid > 0 { Glibc.kill(process.hostPid, SIGCONT) }
    }

    func mappedFiles() -> Set<UInt64>? {
        guard let pid = ProcessLook.pid(ofHandle: initHandle.number) else { return nil }
        return TreeLook(initPid: pid, initHandle: initHandle.number, for: .connections).mappedFiles()
    }

    func look(for purpose: LookPurpose) -> TreeSight? {
        guard let pid = ProcessLook.pid(ofHandle: initHandle.number) else { return nil }
        var sight = TreeLook(initPid: pid, initHandle: initHandle.number, for: purpose).sight()
        sight.awaitsMemory = servesPages
        sight.terminal = terminal?.sight
        for (stream, pipe) in streams {
            var status = stat()
            // Both ends of a pipe have one inode.
            if fstat(pipe.number, &status) == 0 { sight.outputPipes[stream] = UInt64(status.st_ino) }
        }
        return sight
    }
}

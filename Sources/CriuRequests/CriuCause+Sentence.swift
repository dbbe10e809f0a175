extension CriuCause {
    /// Why, and what to do about it: the second half of a sentence that says what could not be done.
    public var sentence: String {
        switch self {
        case .socketsTooNewForIt:
            "this CRIU is too old for network sockets on this kernel. Install CRIU 4.2 or newer: 'dev/install-criu'"
        case .outsideSocket: "a socket leads to a process outside the sandbox. Let the agent close it in its before-checkpoint step"
        case .establishedConnection: "a TCP connection is open. Set 'tcp: close', so that it is closed in what is restored"
        case .unsupportedSocket(let family):
            "a socket of the family \(family)\(family == 40 ? " (vsock)" : "") is open, which CRIU cannot dump. Close it before a checkpoint"
        case .unsupportedDescriptor(let number, let what):
            "fd \(number) is \(Self.plain(what)), which CRIU cannot dump. Close it before a checkpoint"
        case .unsendableDescriptor:
            "a process holds an io_uring, which CRIU cannot dump. Turn io_uring off in the program (Node: UV_USE_IO_URING=0)"
        case .outsideMount(let number, let path):
            "fd \(number) is '\(path)', which was opened outside the sandbox. Open it inside"
        case .outsideProcessHandle: "a process holds a pidfd of a process outside the sandbox. Close it before a checkpoint"
        case .deletedFileTooLarge(let path, let bytes):
            "the deleted file '\(path)' is still open and has \(bytes) bytes, more than an image takes. Close it, or keep its name"
        case .linkLost(let path):
            "the name of the open file '\(path)' is gone and cannot be made again. Restore the workspace with its files"
        case .locked: "files are locked. Release the locks before a checkpoint"
        case .systemVSharedMemory:
            "System V shared memory is attached, which needs an ipc namespace in the image. Use POSIX shared memory (/dev/shm)"
        case .secretMemory: "a process holds secret memory (memfd_secret), which nobody else can read. Close it"
        case .mappedDevice(let process):
            "process \(process) maps a device, as programs that use a GPU do, which CRIU cannot dump. Let go of it before a checkpoint"
        case .outsideTerminal: "the agent uses a terminal from outside the sandbox. Start it without one"
        case .traced(let process): "process \(process) is traced by a debugger or by strace. End the tracer"
        case .nestedNamespace(let kind, let process):
            "process \(process) has a \(kind) namespace of its own, as sandboxing tools make. Start the tool without it"
        case .noSuchProcess: "the agent's process is gone"
        case .deadRoot: "the agent's main process is dead"
        case .guardedMemory: "a program uses guarded memory pages, which this CRIU is too old for. Install CRIU 4.2 or newer"
        case .notPermitted(let what):
            "the kernel does not tell '\(what)' of another user's process. Give the runner CAP_SYS_RESOURCE, or run the agent as its user"
        case .processNumberTaken(let number):
            "the process number \(number.map(String.init) ?? "of one of its threads") is taken. Restore into a fresh sandbox"
        case .connectionNotGiven: "a socket to the outside was not given anew. This is a fault of the runner: tell its makers"
        case .unacceptedConnection:
            "the image holds a connection that its other side had not yet taken. Use another version"
        case .tcpNotClosed: "the image was made with 'tcp: close' and is restored without. Use the setting it was made with"
        case .portTaken:
            "the port the agent listened on is in use, by another process or by old connections, which linger for a minute. Free it, or let the "
                + "program set SO_REUSEADDR"
        case .networkDiffers:
            "an address the agent was bound to, or the way to one it was connected to, is not there. See to the network of this machine"
        case .fileSizeDiffers(let path, let found, let expected):
            "the file '\(path)' has \(found) bytes, and had \(expected) when the image was made. Roll the workspace back with it"
        case .fileModeDiffers(let path): "the file '\(path)' has another mode than when the image was made. Roll the workspace back with it"
        case .fileMissing(let path): "the file '\(path)' is gone. Roll the workspace back with the image"
        case .terminalNotGiven: "the image has a terminal and none was given. Start the agent without one"
        case .nestedNamespaceInImage(let kind):
            "a child has a \(kind) namespace of its own: such an image can be made and never be restored. Use another version"
        case .processorDiffers: "this processor lacks what the one had that the image was made on. Restore on a machine like it"
        case .pluginMissing(let name):
            "the image was made with CRIU's plugin '\(name)', which this CRIU does not have. Restore with one that has it"
        case .damagedImage(let what): "the images are damaged: \(what). Use an older version"
        case .dirtyTrackingMissing: "this kernel does not track written pages. Make full dumps"
        case .couldNotStop: "a process does not stop: it waits in the kernel, or somebody else froze it. Try again"
        case .diskFull: "the disk is full. Free space, or run 'runner prune'"
        case .declined: "the runner called it off"
        case .other(let text): "CRIU says: \(text)"
        }
    }

    /// CRIU's words for a kind of file, without the ones that say nothing.
    private static func plain(_ what: String) -> String {
        let mark = "anon anon_inode:"
        guard what.hasPrefix(mark) else { return "'\(what)'" }
        return "a \(what.dropFirst(mark.count).filter { $0 != "[" && $0 != "]" })"
    }

    /// Whether another try of the same, in a fresh sandbox or a little later, may go well.
    public var mayPass: Bool {
        switch self {
        case .processNumberTaken, .couldNotStop, .portTaken, .networkDiffers, .diskFull, .declined: true
        default: false
        }
    }
}

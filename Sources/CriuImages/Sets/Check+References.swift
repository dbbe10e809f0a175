/// Numbers that must lead somewhere: descriptors, mappings and directories to open files, open files to what describes them.
extension Check {
    private static let regular: UInt64 = 1

    mutating func lookAtReferences(of pid: UInt64) {
        guard filesAreKnown else { return }
        if let memory = facts.memories[pid] {
            requireFile(memory.executable, "mm-\(pid).img", "its executable")
            for area in memory.areas {
                if area.hasFile { requireFile(area.file, "mm-\(pid).img", "the file mapped at \(hexadecimal(area.range.lowerBound))") }
            }
        }
        if let directories = facts.directories[pid] {
            requireFile(directories.number("cwd_id") ?? 0, "fs-\(pid).img", "its working directory")
            requireFile(directories.number("root_id") ?? 0, "fs-\(pid).img", "its root")
        }
    }

    /// What could not be read or is not there is told once, not for every number in it.
    private var filesAreKnown: Bool { directory.files["files.img"] != nil && facts.faults["files.img"] == nil }

    private mutating func requireFile(_ id: UInt64, _ file: String, _ what: String) {
        if facts.files[id] == nil {
            add(.error, file, "\(what) is file \(id), which files.img does not have", "CRIU stops, or crashes what it restores")
        }
    }

    mutating func lookAtFilesTable() {
        if !facts.descriptors.isEmpty { require("files.img", "nothing is known of any open file") }
        for id in facts.repeatedFiles { add(.error, "files.img", "file \(id) is in it twice", "which of them is restored is chance") }
        guard filesAreKnown else { return }
        for (table, descriptors) in facts.descriptors {
            var numbers: Set<UInt64> = []
            for descriptor in descriptors {
                let name = "fdinfo-\(table).img"
                requireFile(descriptor.file, name, "descriptor \(descriptor.number)")
                if !numbers.insert(descriptor.number).inserted {
                    add(.error, name, "descriptor \(descriptor.number) is in it twice", "one of the two cannot be opened")
                }
                if let file = facts.files[descriptor.file], file.number("type") != descriptor.type {
                    add(
                        .error, name, "descriptor \(descriptor.number) is of another kind than file \(descriptor.file) in files.img",
                        "CRIU does not find it")
                }
            }
        }
        for (id, file) in facts.files { lookAt(file, id) }
        for lock in facts.locks {
            guard let pid = lock.number("pid"), !facts.tasks.contains(where: { $0.pid == pid }) else { continue }
            add(.warning, "filelocks.img", "a lock belongs to process \(pid), which is not in pstree.img", "nobody will hold it")
        }
        for remap in facts.remaps { lookAt(remap: remap) }
        for queued in facts.queued where facts.files[queued.owner] == nil {
            add(.warning, queued.file, "it has bytes for file \(queued.owner), which files.img does not have", "they are lost")
        }
    }

    private mutating func lookAt(_ file: ImageMessage, _ id: UInt64) {
        if let terminal = file.message("tty"), let info = terminal.number("tty_info_id"), !facts.terminals.contains(info),
            facts.faults["tty-info.img"] == nil
        {
            add(.error, "tty-info.img", "it does not have terminal \(info) of file \(id)", "CRIU cannot open it")
        }
        if let memory = file.message("memfd"), let inode = memory.number("inode_id"), facts.faults["memfd.img"] == nil {
            if let known = facts.memoryFiles[inode] {
                require("pagemap-shmem-\(known.number("shmid") ?? 0).img", "the content of memory file \(inode) is gone")
            } else {
                add(.error, "memfd.img", "it does not have memory file \(inode) of file \(id)", "CRIU cannot open it")
            }
        }
        for (part, field) in [("fifo", "regf_id"), ("tty", "regf_id")] {
            guard let other = file.message(part)?.number(field), facts.files[other] == nil else { continue }
            add(.error, "files.img", "file \(id) belongs to file \(other), which is not there", "CRIU cannot open it")
        }
        if let socket = file.message("isk"), socket.number("proto") == 6, socket.number("state") == 1, let inode = socket.number("ino"),
            facts.inventory?.closesTCP != true
        {
            require("tcp-stream-\(String(inode, radix: 16)).img", "the TCP connection of file \(id) cannot go on")
        }
    }

    private mutating func lookAt(remap: ImageMessage) {
        guard let id = remap.number("remap_id") else { return }
        let original = remap.number("orig_id") ?? 0
        switch remap.number("remap_type") {
        case 1: require("ghost-file-\(String(id, radix: 16)).img", "the content of deleted file \(original) is gone")
        case 0:
            if facts.files[id] == nil {
                add(
                    .error, "remap-fpath.img", "file \(original) is found at file \(id), which files.img does not have",
                    "CRIU cannot open it")
            }
        default: break
        }
    }
}

internal import CriuImages
internal import OutsideWorld

/// The images of the simulated agent, as CRIU would write them of one process that holds one pipe and one page of memory: whoever checks or
/// reads them finds nothing amiss.
struct SimulatedImageSet {
    static let pages: DiskPath = "pages-1.img"
    static let pageSize = 4096
    static let memory: Range<UInt64> = 0x10000..<0x11000

    /// All but the pages.
    let files: [(name: DiskPath, bytes: [UInt8])]

    /// - Parameter paths: files that the agent holds as well.
    init(holding paths: [String]) {
        let ids = #"{"vm_id": 2, "files_id": 2, "fs_id": 2, "sighand_id": 2}"#
        let held = paths.enumerated().map { Self.regular(4 + $0.offset, $0.element) }
        let files = [Self.regular(1, "/agent"), Self.regular(2, "/workspace"), Self.pipe(3)] + held
        let texts: [(DiskPath, String, String)] = [
            ("inventory.img", "INVENTORY", #"{"img_version": 2, "fdinfo_per_id": true, "root_ids": \#(ids), "tcp_close": true}"#),
            ("pstree.img", "PSTREE", #"{"pid": 1000, "ppid": 0, "pgid": 1000, "sid": 1000, "threads": [1000]}"#),
            (
                "core-1000.img", "CORE",
                #"{"mtype": "X86_64", "tc": {"task_state": 1, "exit_code": 0, "personality": 0, "flags": 0, "blk_sigset": 0, "comm": "agent"}}"#
            ),
            ("ids-1000.img", "IDS", ids),
            ("fdinfo-2.img", "FDINFO", #"{"id": 3, "flags": 0, "type": "PIPE", "fd": 1}"#),
            ("files.img", "FILES", files.joined(separator: ", ")),
            ("fs-1000.img", "FS", #"{"cwd_id": 2, "root_id": 2}"#), ("mm-1000.img", "MM", Self.map),
            (
                "pagemap-1000.img", "PAGEMAP",
                #"{"pages_id": 1}, {"vaddr": \#(Self.memory.lowerBound), "compat_nr_pages": 0, "flags": 4, "nr_pages": 1}"#
            ),
            ("seccomp.img", "SECCOMP", "{}"),
        ]
        self.files = texts.map { name, magic, entries in
            var bytes: [UInt8] = []
            do throws(ImageFault) {
                try ImageEncoding.encode(Array(#"{"magic": "\#(magic)", "entries": [\#(entries)]}"#.utf8)) { bytes += $0 }
            } catch { preconditionFailure("\(name): \(error.sentence)") }
            return (name, bytes)
        }
    }

    private static let owner = #""fown": {"uid": 0, "euid": 0, "signum": 0, "pid_type": 0, "pid": 0}"#

    private static func regular(_ id: Int, _ path: String) -> String {
        #"{"type": "REG", "id": \#(id), "reg": {"id": \#(id), "flags": 0, "pos": 0, \#(owner), "name": "\#(path)"}}"#
    }

    private static func pipe(_ id: Int) -> String {
        #"{"type": "PIPE", "id": \#(id), "pipe": {"id": \#(id), "pipe_id": 100, "flags": 1, \#(owner)}}"#
    }

    private static var map: String {
        let places = [
            "start_code", "end_code", "start_data", "end_data", "start_stack", "start_brk", "brk", "arg_start", "arg_end", "env_start",
            "env_end",
        ]
        let area =
            #"{"start": \#(memory.lowerBound), "end": \#(memory.upperBound), "pgoff": 0, "shmid": 0, "prot": 3, "flags": 34, "status": 513, "fd": -1}"#
        return "{" + places.map { #""mm_\#($0)": 0, "# }.joined() + #""exe_file_id": 1, "vmas": [\#(area)]}"#
    }

    /// A page that holds `bytes`.
    static func page(_ bytes: [UInt8]) -> [UInt8] {
        precondition(bytes.count <= pageSize, "\(bytes.count) bytes in a page")
        return bytes + [UInt8](repeating: UInt8(ascii: " "), count: pageSize - bytes.count)
    }
}

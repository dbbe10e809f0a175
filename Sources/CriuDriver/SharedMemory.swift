internal import AgentModel
internal import OutsideWorld

/// What lies in an agent's /dev/shm, in one file beside CRIU's images. To CRIU it is a file system like any other, which is no part of an
/// image; to the agent it is memory.
///
///     FILE ::= LENGTH LIST { CONTENT }     LENGTH: 8 bytes, little-endian; LIST: JSON, so many bytes; the contents of the files in its order
enum SharedMemory {
    static let file: DiskPath = "shared-memory"
    /// Read and written at once.
    private static let piece = 1 << 20
    private static let listLimit: UInt64 = 64 << 20

    private struct Item: Codable {
        var path: String
        /// nil: a directory.
        var size: UInt64?
        var mode: UInt32
        var user: UInt32
        var group: UInt32
    }

    /// Writes the file, if there is anything to write. Nobody may change what is read: the agent stands still.
    static func save(_ memory: any Disk, beside images: any Disk) throws(FileFault) {
        let items = try list(memory, nil)
        guard !items.isEmpty else { return }
        guard let text = try? JSONText.encode(items) else { return }
        let target = try images.open(file, .createNew(mode: 0o600))
        try target.write((0..<8).map { UInt8(truncatingIfNeeded: text.count >> ($0 * 8)) } + text)
        for item in items {
            guard let size = item.size, let path = DiskPath(item.path) else { continue }
            let source = try memory.open(path, .read)
            try copy(size, from: source, to: target)
        }
    }

    /// Puts back what was saved; nothing where nothing was.
    static func restore(from images: any Disk, to memory: any Disk) throws(FileFault) {
        guard try images.entry(at: file) != nil else { return }
        let source = try images.open(file, .read)
        let length = try source.read(8).enumerated().reduce(UInt64(0)) { $0 | UInt64($1.element) << ($1.offset * 8) }
        guard length <= listLimit, let items = try? JSONText.decode([Item].self, from: try source.read(Int(length))) else {
            throw FileFault(.system(74), doing: "read", what: file.text)  // EBADMSG
        }
        for item in items {
            guard let path = DiskPath(item.path) else { continue }
            if let size = item.size {
                try copy(size, from: source, to: try memory.open(path, .createNew(mode: item.mode)))
            } else {
                try memory.makeDirectory(path, mode: item.mode)
            }
            let owner = FileOwner(user: item.user, group: item.group)
            if memory.mayGive(owner) { try memory.setOwner(path, owner) }
        }
    }

    /// Directories before what is in them. Sockets and pipes there are made anew by CRIU.
    private static func list(_ memory: any Disk, _ directory: DiskPath?) throws(FileFault) -> [Item] {
        var items: [Item] = []
        for name in try memory.names(in: directory).sorted() {
            guard let path = directory.map({ $0.appending(untrusted: name) }) ?? DiskPath(name), let entry = try memory.entry(at: path)
            else { continue }
            var item = Item(path: path.text, size: nil, mode: entry.mode, user: entry.owner.user, group: entry.owner.group)
            switch entry.kind {
            case .file:
                item.size = entry.size
                items.append(item)
            case .directory: items += [item] + (try list(memory, path))
            case .symbolicLink, .other: break
            }
        }
        return items
    }

    private static func copy(_ size: UInt64, from source: any DiskFile, to target: any DiskFile) throws(FileFault) {
        var left = size
        while left > 0 {
            let bytes = try source.read(Int(min(left, UInt64(piece))))
            guard !bytes.isEmpty else { throw FileFault(.system(74), doing: "read", what: file.text) }
            try target.write(bytes)
            left -= UInt64(bytes.count)
        }
    }
}

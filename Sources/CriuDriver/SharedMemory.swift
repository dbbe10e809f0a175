internal import AgentModel
internal import OutsideWorld

/// What lies in an agent's /dev/shm, in one file beside CRIU's images. To CRIU it is a file system like any other, which is no part of an
/// image; to the agent it is memory.
///
///     FILE ::= LENGTH LIST { CONTENT }     LENGTH: of the list; LIST: JSON; CONTENT: of each file that has a size, in the order of the list
///     CONTENT ::= { HOLE DATA BYTES }      HOLE: so many zeros, left out; DATA: so many BYTES follow. Until the file has its size
///
/// Every number has 8 bytes, little-endian.
struct SharedMemory {
    static let file: DiskPath = "shared-memory"
    /// Read and written at once.
    private static let piece = 1 << 18
    private static let listLimit = 64 << 20

    private struct Item: Codable {
        var path: String
        /// Of a file.
        var size: UInt64?
        /// Of a link.
        var target: String?
        var mode: UInt32
        var user: UInt32
        var group: UInt32
    }

    private let memory: any Disk
    /// Directories before what is in them.
    private let items: [Item]

    /// Looks at what is there; nothing is read yet.
    init(_ memory: any Disk) throws(FileFault) {
        self.memory = memory
        items = try Self.list(memory, nil)
    }

    /// Of all files, holes included: as much is read, at least.
    var size: ByteCount { ByteCount(items.reduce(UInt64(0)) { $0.addingSaturating($1.size ?? 0) }) }

    /// Writes the file, if there is anything to write. Nobody may change what is read: the agent stands still.
    func save(beside images: any Disk) throws(FileFault) {
        guard !items.isEmpty else { return }
        guard let text = try? JSONText.encode(items) else { throw Self.damaged("write") }
        guard text.count <= Self.listLimit else { throw FileFault(.tooLarge, doing: "write", what: Self.file.text) }
        let target = try images.open(Self.file, .createNew(mode: 0o600))
        try target.write(Self.number(UInt64(text.count)) + text)
        for item in items {
            guard let size = item.size, let path = DiskPath(item.path) else { continue }
            try Self.save(size, of: try memory.open(path, .read), to: target)
        }
    }

    private static func save(_ size: UInt64, of source: any DiskFile, to target: any DiskFile) throws(FileFault) {
        var (hole, left) = (UInt64(0), size)
        while left > 0 {
            let bytes = try source.read(Int(min(left, UInt64(piece))))
            guard !bytes.isEmpty else { throw damaged("read") }
            left -= UInt64(bytes.count)
            if bytes.allSatisfy({ $0 == 0 }) {
                hole += UInt64(bytes.count)
                if left == 0 { try target.write(number(hole) + number(0)) }
            } else {
                try target.write(number(hole) + number(UInt64(bytes.count)) + bytes)
                hole = 0
            }
        }
    }

    /// Puts back what was saved; nothing where nothing was.
    static func restore(from images: any Disk, to memory: any Disk) throws(FileFault) {
        guard try images.entry(at: file) != nil else { return }
        let source = try images.open(file, .read)
        let length = try number(from: source)
        guard length <= listLimit, let items = try? JSONText.decode([Item].self, from: try read(length, from: source)) else {
            throw damaged("read")
        }
        for item in items {
            guard let path = DiskPath(item.path) else { continue }
            if let size = item.size {
                try restore(size, from: source, to: try memory.open(path, .createNew(mode: item.mode)))
            } else if let target = item.target {
                try memory.makeSymbolicLink(path, to: target)
            } else {
                try memory.makeDirectory(path, mode: item.mode)
            }
            let owner = FileOwner(user: item.user, group: item.group)
            if memory.mayGive(owner) { try memory.setOwner(path, owner) }
        }
    }

    private static func restore(_ size: UInt64, from source: any DiskFile, to target: any DiskFile) throws(FileFault) {
        var left = size
        while left > 0 {
            let (hole, data) = (try number(from: source), try number(from: source))
            guard hole <= left, data <= left - hole, data <= UInt64(piece), hole + data > 0 else { throw damaged("read") }
            if hole > 0 { try target.skip(hole) }
            if data > 0 { try target.write(try read(data, from: source)) }
            left -= hole + data
        }
    }

    /// Sockets and pipes there are made anew by CRIU.
    private static func list(_ memory: any Disk, _ directory: DiskPath?) throws(FileFault) -> [Item] {
        var items: [Item] = []
        for name in try memory.names(in: directory).sorted() {
            guard let path = directory.map({ $0.appending(untrusted: name) }) ?? DiskPath(name), let entry = try memory.entry(at: path)
            else { continue }
            var item = Item(path: path.text, mode: entry.mode, user: entry.owner.user, group: entry.owner.group)
            switch entry.kind {
            case .file:
                item.size = entry.size
                items.append(item)
            case .symbolicLink(let target):
                item.target = target
                items.append(item)
            case .directory: items += [item] + (try list(memory, path))
            case .other: break
            }
        }
        return items
    }

    // MARK: Bytes

    private static func number(_ value: UInt64) -> [UInt8] { (0..<8).map { UInt8(truncatingIfNeeded: value >> ($0 * 8)) } }

    private static func number(from source: any DiskFile) throws(FileFault) -> UInt64 {
        try read(8, from: source).reversed().reduce(0) { $0 << 8 | UInt64($1) }
    }

    /// All of them: a disk may give less at once.
    private static func read(_ count: UInt64, from source: any DiskFile) throws(FileFault) -> [UInt8] {
        var bytes: [UInt8] = []
        while bytes.count < count {
            let some = try source.read(Int(count) - bytes.count)
            guard !some.isEmpty else { throw damaged("read") }
            bytes += some
        }
        return bytes
    }

    private static func damaged(_ doing: String) -> FileFault { FileFault(.system(74), doing: doing, what: file.text) }  // EBADMSG
}

extension UInt64 {
    fileprivate func addingSaturating(_ other: UInt64) -> UInt64 {
        let (sum, isTooMuch) = addingReportingOverflow(other)
        return isTooMuch ? .max : sum
    }
}

extension Disk {
    /// Of the files in its root.
    func sizeOfRoot() throws(FileFault) -> ByteCount {
        var size: UInt64 = 0
        for name in try names(in: nil) {
            if let path = DiskPath(name), let entry = try entry(at: path), entry.kind == .file { size = size.addingSaturating(entry.size) }
        }
        return ByteCount(size)
    }
}

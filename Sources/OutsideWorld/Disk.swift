// OutsideWorld: the seam. Protocols and the values they speak, no behaviour. Two twins: LinuxWorld and SimulatedWorld.

public import AgentModel

/// A path below the root of a `Disk`: components joined by '/', never absolute, never empty, no "." or ".." component, no NUL.
public struct DiskPath: Hashable, Sendable, Comparable, CustomStringConvertible, ExpressibleByStringLiteral {
    public let text: String

    /// nil when `text` could leave the root or names nothing.
    public init?(_ text: String) {
        var text = text
        guard text.withUTF8(Self.isSound) else { return nil }
        self.text = text
    }
    /// In one pass: paths are made all the time.
    private static func isSound(_ bytes: UnsafeBufferPointer<UInt8>) -> Bool {
        var length = 0
        var dots = 0
        for byte in bytes {
            switch byte {
            case 0: return false
            case UInt8(ascii: "/"):
                if length == 0 || length <= 2 && dots == length { return false }
                (length, dots) = (0, 0)
            default:
                length += 1
                if byte == UInt8(ascii: ".") { dots += 1 }
            }
        }
        return length > 2 || length > 0 && dots < length
    }

    /// For paths written in our own source. Traps when the rule above is broken.
    public init(stringLiteral text: String) {
        guard let path = DiskPath(text) else { preconditionFailure("'\(text)' is not a path below a root") }
        self = path
    }
    public static func / (path: DiskPath, component: String) -> DiskPath {
        guard let joined = DiskPath(path.text + "/" + component) else {
            preconditionFailure("'\(component)' is not a component below '\(path)'")
        }
        return joined
    }
    /// As `/`, for a name that came from outside; nil when it is not one sound component.
    public func appending(untrusted component: String) -> DiskPath? {
        component.utf8.contains(UInt8(ascii: "/")) ? nil : DiskPath(text + "/" + component)
    }
    /// nil at the top level.
    public var parent: DiskPath? { lastSlash.flatMap { DiskPath(String(decoding: text.utf8[..<$0], as: UTF8.self)) } }
    public var name: String {
        lastSlash.map { String(decoding: text.utf8[text.utf8.index(after: $0)...], as: UTF8.self) } ?? text
    }
    public var description: String { text }

    // By bytes, not by characters: a file name may begin with a combining mark that would swallow the '/', and two names that look the
    // same ("é" composed and decomposed) are two files.
    private var lastSlash: String.Index? { text.utf8.lastIndex(of: UInt8(ascii: "/")) }
    public static func == (a: DiskPath, b: DiskPath) -> Bool {
        guard a.text == b.text, a.text.utf8.count == b.text.utf8.count else { return false }
        // Plain ASCII, as nearly always, has no second way to be written in as many bytes; counting costs nothing then.
        return a.text.utf8.count == a.text.utf16.count || a.text.utf8.elementsEqual(b.text.utf8)
    }
    public static func < (a: DiskPath, b: DiskPath) -> Bool {
        // Lists of files are sorted and searched all the time.
        var (a, b) = (a.text, b.text)
        return a.withUTF8 { a in
            b.withUTF8 { b in
                let length = min(a.count, b.count)
                var index = 0
                while index < length, a[index] == b[index] { index += 1 }
                return index < length ? a[index] < b[index] : a.count < b.count
            }
        }
    }
    public func hash(into hasher: inout Hasher) {
        var text = text
        text.withUTF8 { hasher.combine(bytes: UnsafeRawBufferPointer($0)) }
    }
    /// Whether this path lies below `directory`.
    public func isBelow(_ directory: DiskPath) -> Bool {
        text.utf8.count > directory.text.utf8.count && text.utf8.starts(with: (directory.text + "/").utf8)
    }
}

/// Whose a file is, by number: names mean nothing on another host.
public struct FileOwner: Hashable, Sendable, Codable, CustomStringConvertible {
    public var user: UInt32
    public var group: UInt32
    public init(user: UInt32, group: UInt32) {
        self.user = user
        self.group = group
    }
    public static let root = FileOwner(user: 0, group: 0)
    public var description: String { "\(user):\(group)" }
}

/// Which file it is, and when it was last changed. As long as all of it is the same, so is what the file holds.
public struct FileIdentity: Hashable, Sendable {
    public var device: UInt64
    public var inode: UInt64
    /// Its ctime: of the last change of its content, its names or any of its attributes. Nobody can set it.
    public var changedAt: WallTime
    public init(device: UInt64, inode: UInt64, changedAt: WallTime) {
        self.device = device
        self.inode = inode
        self.changedAt = changedAt
    }
}

/// Which file it is, on this machine and until it is removed: the same for all of its names.
public struct FileNumber: Hashable, Sendable {
    public var device: UInt64
    public var inode: UInt64
    public init(device: UInt64, inode: UInt64) {
        self.device = device
        self.inode = inode
    }
}

/// What lies at a path. Symbolic links are never followed.
public struct DiskEntry: Hashable, Sendable {
    public enum Kind: Hashable, Sendable {
        case file, directory
        case symbolicLink(target: String)
        /// A socket, pipe or device: not part of any snapshot.
        case other
    }
    public var kind: Kind
    public var size: UInt64
    /// Permission bits, `0o7777`.
    public var mode: UInt32
    public var modifiedAt: WallTime
    public var owner: FileOwner
    /// Whether the same file has other names, here or anywhere on its file system: what is done to it is done to those too. Never of a
    /// directory.
    public var hasOtherNames: Bool
    /// nil: not known.
    public var number: FileNumber?
    /// nil where the file system is not known to tell of every change.
    public var identity: FileIdentity?
    /// Bytes it takes on the disk: fewer than its size where it has holes.
    public var allocated: UInt64
    /// - Parameter allocated: nil: as many as its size.
    public init(
        kind: Kind, size: UInt64, mode: UInt32, modifiedAt: WallTime, owner: FileOwner = .root, hasOtherNames: Bool = false,
        number: FileNumber? = nil, identity: FileIdentity? = nil, allocated: UInt64? = nil
    ) {
        self.kind = kind
        self.size = size
        self.mode = mode
        self.modifiedAt = modifiedAt
        self.owner = owner
        self.hasOtherNames = hasOtherNames
        self.number = number
        self.identity = identity
        self.allocated = allocated ?? size
    }
}

/// Why a disk operation failed.
public struct FileFault: Error, Hashable, Sendable {
    public enum Kind: Hashable, Sendable {
        case missing, exists, full, readOnly, denied, notDirectory, notEmpty, tooLarge, busy
        /// What is read is not what was written: how, as in "it ends too early".
        case damaged(String)
        /// Only root or who has CAP_SYS_ADMIN may: why it is needed at all.
        case privileged(String)
        /// Whoever asked for it asked for its end: nothing failed.
        case stopped
        /// Anything else, by errno.
        case system(Int32)
    }
    public var kind: Kind
    /// What was being done, as a verb phrase without object: "write", "make the directory".
    public var doing: String
    /// To what: the path as a person would type it.
    public var what: String
    public init(_ kind: Kind, doing: String, what: String) {
        self.kind = kind
        self.doing = doing
        self.what = what
    }
}

/// What came of the wish that two files share their place on the disk.
public enum Sharing: Hashable, Sendable {
    case shared
    /// Not with what it is now, or where it is to go; another may.
    case notThisFile
    /// The two file systems are not one, or it knows no such thing.
    case never
}

/// An open file, closed when the last reference goes.
public protocol DiskFile: AnyObject {
    /// Reads on from where the last read or write ended, at most `count` bytes; empty at the end of the file.
    func read(_ count: Int) throws(FileFault) -> [UInt8]
    /// As `read` of so many bytes, in place of what `piece` holds: a whole piece gives its memory to the next one.
    func read(_ count: Int, into piece: inout [UInt8]) throws(FileFault)
    /// Reads from `offset` on, at most `count` bytes; empty at the end of the file. Where `read` goes on does not change.
    func read(_ count: Int, at offset: UInt64) throws(FileFault) -> [UInt8]
    /// Writes all of `bytes` where the last read or write ended, or at the end in append mode; on a fault some may have been written.
    func write(_ bytes: [UInt8]) throws(FileFault)
    /// As `write` of so many zeros at the end of the file; where the file system can, they take no space.
    func skip(_ count: UInt64) throws(FileFault)
    /// As `write` of the first `count` bytes of `source`, but nothing is copied: both have the same place on the disk until one of them is written.
    /// Unless it is `shared`, nothing was done.
    func share(_ count: UInt64, of source: any DiskFile) throws(FileFault) -> Sharing
    /// On return the content is on stable storage. See fsync(2).
    func sync() throws(FileFault)
    /// Sets the content on its way and does not wait: `sync` of many files, one after the other, then waits for all of them together.
    /// Nothing is durable by it, and what goes wrong is told by `sync`.
    func beginSync()
    /// Of a file that was made: nothing is written to it any more. A fault of a write that was put off is told now; `sync` does this, too.
    func finish() throws(FileFault)
    /// Those of the file that is open, whatever has its name by now: see `Disk.attributes`. Everyone answers for himself: who watches a file and forgot
    /// to ask it would lose them, and nothing would tell.
    func attributes(limit: ByteCount) throws(FileFault) -> [ExtendedAttribute]
}

extension DiskFile {
    public func read(_ count: Int, into piece: inout [UInt8]) throws(FileFault) { piece = try read(count) }
    public func skip(_ count: UInt64) throws(FileFault) {
        var left = count
        while left > 0 {
            let piece = min(left, 1 << 16)
            try write([UInt8](repeating: 0, count: Int(piece)))
            left -= piece
        }
    }
    public func share(_ count: UInt64, of source: any DiskFile) throws(FileFault) -> Sharing { .never }
    /// Nothing: `sync` does it all.
    public func beginSync() {}
    /// Nothing: no write is put off.
    public func finish() throws(FileFault) {}
}

public enum OpenMode: Hashable, Sendable {
    /// The file must exist. Never follows a symbolic link.
    case read
    /// The file must not exist yet.
    case createNew(mode: UInt32)
    /// Made when missing; every write goes to the end.
    case append(mode: UInt32)
}

/// A lock that is gone when it is released or its holder dies.
public protocol DiskLock: AnyObject {
    func release()
}

/// The root of a disk.
public struct DiskRoot: Hashable, Sendable {
    public var owner: FileOwner
    /// Permission bits, `0o7777`.
    public var mode: UInt32
    /// Whether the root belongs to the user we are.
    public var isOurs: Bool
    /// A directory above in which anybody may rename what is ours: open to all and without the sticky bit. nil: there is none.
    public var openDirectoryAbove: String?
    public init(owner: FileOwner, mode: UInt32, isOurs: Bool, openDirectoryAbove: String? = nil) {
        self.owner = owner
        self.mode = mode
        self.isOurs = isOurs
        self.openDirectoryAbove = openDirectoryAbove
    }
}

/// One directory tree. All paths are below its root, which no path leaves; no symbolic link is ever followed on the way.
/// Nothing is durable before the file's `sync` and `syncDirectory` of its directory returned. Callable from any thread.
public protocol Disk: AnyObject, Sendable {
    /// As a person knows the root: "/var/lib/runner".
    var rootName: String { get }
    /// The root itself, and who could put something else in its place.
    func rootEntry() throws(FileFault) -> DiskRoot
    func open(_ path: DiskPath, _ mode: OpenMode) throws(FileFault) -> any DiskFile
    /// All of each of these small files in one directory, in their order: what is wrong with one is no other's. `tooLarge` beyond its limit.
    func read(_ files: [SmallFile], in directory: DiskPath) -> [Result<[UInt8], FileFault>]
    /// nil: nothing is there.
    func entry(at path: DiskPath) throws(FileFault) -> DiskEntry?
    /// As `entry`, of so many names in one directory (nil: the root), in their order.
    func entries(_ names: [String], in directory: DiskPath?) throws(FileFault) -> [DiskEntry?]
    /// Names in a directory (nil: the root), without "." and "..", in no order.
    func names(in directory: DiskPath?) throws(FileFault) -> [String]
    /// The parent must exist; `exists` when something is there already.
    func makeDirectory(_ path: DiskPath, mode: UInt32) throws(FileFault)
    func makeSymbolicLink(_ path: DiskPath, to target: String) throws(FileFault)
    /// Replaces what is at `target`, atomically. See rename(2).
    func rename(_ source: DiskPath, to target: DiskPath) throws(FileFault)
    /// As `rename`, but `exists` when something is at `target`; of links and directories, too.
    func renameNew(_ source: DiskPath, to target: DiskPath) throws(FileFault)
    /// Removes a file or a link.
    func removeFile(_ path: DiskPath) throws(FileFault)
    /// The directory must be empty.
    func removeDirectory(_ path: DiskPath) throws(FileFault)
    /// Refuses a file that has other names (EMLINK, 31): one of them may be somebody else's.
    func setMode(_ path: DiskPath, _ mode: UInt32) throws(FileFault)
    /// Of a file this may take set-user and set-group bits away; of a link it is the link's own. `denied` unless `mayGive(owner)`; refuses a file
    /// that has other names, as `setMode`. nil: the root.
    func setOwner(_ path: DiskPath?, _ owner: FileOwner) throws(FileFault)
    /// Whether what is made here may be given this owner: any when we are root; else our own number with one of our groups.
    func mayGive(_ owner: FileOwner) -> Bool
    func setModified(_ path: DiskPath, _ time: WallTime) throws(FileFault)
    /// The extended attributes of a file or directory that can be kept, sorted by name. `tooLarge` when names and values take more than `limit`.
    func attributes(at path: DiskPath, limit: ByteCount) throws(FileFault) -> [ExtendedAttribute]
    /// Of a file or directory; nil: removes it. Refuses a file that has other names, as `setMode`, and a name that is not kept (`denied`).
    func setAttribute(_ name: String, of path: DiskPath, to value: [UInt8]?) throws(FileFault)
    /// Whether what is made here may be given an attribute of this name, and taken it again.
    func mayGive(attribute name: String) -> Bool
    /// Makes `path` another name of the file `existing`.
    func makeLink(_ path: DiskPath, to existing: DiskPath) throws(FileFault)
    /// Whether files of `other` may well share their place with files here. Only trying tells.
    func mayShare(with other: any Disk) -> Bool
    /// On return the names in the directory (nil: the root) are on stable storage.
    func syncDirectory(_ path: DiskPath?) throws(FileFault)
    /// Bytes that may still be written.
    func freeSpace() throws(FileFault) -> ByteCount
    /// Bytes of the whole file system; nil: not known.
    var totalSpace: ByteCount? { get }
    /// Takes the lock named `path` (a file, made when missing; its content is `holder`).
    /// - Throws: `busy` when another holds it; `lockHolder(path)` then tells who.
    func lock(_ path: DiskPath, holder: String) throws(FileFault) -> any DiskLock
    func lockHolder(_ path: DiskPath) -> String?
}

/// A file by its name in a directory, and the most bytes it may hold.
public struct SmallFile: Hashable, Sendable {
    public var name: String
    public var limit: ByteCount
    public init(_ name: String, limit: ByteCount) { (self.name, self.limit) = (name, limit) }
}

extension Disk {
    public var totalSpace: ByteCount? { nil }

    public func read(_ files: [SmallFile], in directory: DiskPath) -> [Result<[UInt8], FileFault>] {
        files.map { file in whole(file, in: directory) }
    }

    /// One of those files, as `read` has it.
    public func whole(_ file: SmallFile, in directory: DiskPath) -> Result<[UInt8], FileFault> {
        do throws(FileFault) { return .success(try read(directory / file.name, limit: file.limit)) } catch { return .failure(error) }
    }

    // A disk that knows no extended attributes and no second names says so.
    public func attributes(at path: DiskPath, limit: ByteCount) throws(FileFault) -> [ExtendedAttribute] { [] }
    public func setAttribute(_ name: String, of path: DiskPath, to value: [UInt8]?) throws(FileFault) {
        throw FileFault(.system(95), doing: "set an attribute of", what: "\(rootName)/\(path)")  // EOPNOTSUPP
    }
    public func mayGive(attribute name: String) -> Bool { false }
    public func mayShare(with other: any Disk) -> Bool { false }
    public func makeLink(_ path: DiskPath, to existing: DiskPath) throws(FileFault) {
        throw FileFault(.system(95), doing: "make another name of", what: "\(rootName)/\(existing)")  // EOPNOTSUPP
    }

    public func entries(_ names: [String], in directory: DiskPath?) throws(FileFault) -> [DiskEntry?] {
        var found: [DiskEntry?] = []
        for name in names {
            guard let path = directory.map({ $0.appending(untrusted: name) }) ?? DiskPath(name) else {
                found.append(nil)
                continue
            }
            found.append(try entry(at: path))
        }
        return found
    }
}

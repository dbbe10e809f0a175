public import AgentModel

/// How an archive is made smaller.
public enum ArchiveCompression: String, Hashable, Sendable, CaseIterable {
    case zstd, gzip, none
}

/// One member of an archive that is to be made.
public struct ArchiveMember: Hashable, Sendable {
    public enum Content: Hashable, Sendable {
        /// A file, by its path below the source.
        case file(DiskPath)
        case bytes([UInt8])
        case directory
    }
    /// Of a directory without a '/' at its end.
    public var name: DiskPath
    public var content: Content
    /// Permission bits.
    public var mode: UInt32
    public var modifiedAt: WallTime
    public init(_ name: DiskPath, _ content: Content, mode: UInt32 = 0o600, modifiedAt: WallTime) {
        self.name = name
        self.content = content
        self.mode = mode
        self.modifiedAt = modifiedAt
    }
}

/// What an archive of a stranger may hold.
public struct ArchiveLimits: Hashable, Sendable {
    /// All members together, unpacked, also those that nobody wants; each that is written counts a block of 4096 bytes more.
    public var bytes: ByteCount
    /// Directories that are made for them count, too.
    public var members: Int
    /// What may be written of it.
    public var room: ByteCount
    /// - Parameter room: nil: as much as all members together.
    public init(bytes: ByteCount, members: Int, room: ByteCount? = nil) {
        self.bytes = bytes
        self.members = members
        self.room = room ?? bytes
    }
}

/// Why an archive could not be made or taken apart.
public struct ArchiveFault: Error, Hashable, Sendable {
    public enum Kind: String, Hashable, Sendable, CaseIterable {
        /// It is none, ends too early, or does not add up.
        case damaged
        /// A member's name leads out of the archive.
        case absolute, above
        /// A member's name is empty, too long or too deep.
        case name
        /// A member is a link.
        case link
        /// A member is a device, a pipe or a socket.
        case special
        /// Two members have one name, or one lies below a file.
        case twice
        /// A member's size is over what is allowed, or not what was announced.
        case size
        /// There are more members than allowed.
        case many
        /// Unpacking takes more memory than it may have.
        case memory
        /// A file changed while it was packed.
        case changed
        case full
        case readOnly = "read-only"
        case denied
        /// Another error of the system.
        case system
        /// The helper could not be started, ended by itself, or does not understand us.
        case helper
        case timedOut
        /// Somebody asked this command to end, and it was ended.
        case stopped
    }
    public var kind: Kind
    /// The member it is about; nil: the archive.
    public var member: String?
    /// What is known beside that, in the words of whoever found it.
    public var detail: String?
    public init(_ kind: Kind, member: String? = nil, detail: String? = nil) {
        self.kind = kind
        self.member = member
        self.detail = detail
    }
}

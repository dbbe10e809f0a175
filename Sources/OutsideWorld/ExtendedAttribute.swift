/// An extended attribute of a file or directory. See xattr(7).
public struct ExtendedAttribute: Hashable, Sendable {
    /// "user.note"; bytes that are not UTF-8 are in it as they are in names of files.
    public var name: String
    public var value: [UInt8]
    public init(_ name: String, _ value: [UInt8]) {
        self.name = name
        self.value = value
    }

    /// Of a file's capabilities: who runs it may then do more than its owner.
    public static let capability = "security.capability"
    /// Access lists, as the kernel gives and takes them.
    public static let accessList = "system.posix_acl_access"
    public static let defaultList = "system.posix_acl_default"

    /// What a user gave a file, its access lists and its capabilities. Everything else belongs to the machine: labels of its policies, marks of its
    /// file systems.
    public static func isKept(_ name: String) -> Bool {
        switch name {
        case capability, accessList, defaultList: true
        default: name.utf8.count > 5 && name.utf8.count <= 1024 && name.utf8.starts(with: "user.".utf8) && !name.utf8.contains(0)
        }
    }
}

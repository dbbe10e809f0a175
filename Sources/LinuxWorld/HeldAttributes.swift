internal import AgentModel
internal import CLinuxShims
internal import Glibc
internal import OutsideWorld

/// The extended attributes of what a descriptor holds, so that nobody can put another thing in its place between two calls.
struct HeldAttributes {
    let descriptor: Int32
    /// Of what is held by O_PATH, which is not open: flistxattr(2) refuses that, and it is reached by its name in /proc.
    private let path: String?
    /// As a person would type it.
    let name: String

    /// Of an open file: one call tells that it has none, as most files.
    init(open descriptor: Int32, name: String) { (self.descriptor, path, self.name) = (descriptor, nil, name) }
    init(held descriptor: Int32, name: String) { (self.descriptor, path, self.name) = (descriptor, "/proc/self/fd/\(descriptor)", name) }

    private static var doing: String { "list the attributes of" }

    /// See `Disk.attributes`.
    func all(limit: ByteCount) throws(FileFault) -> [ExtendedAttribute] {
        var found: [ExtendedAttribute] = []
        var size: UInt64 = 0
        for attribute in try keptNames() {
            guard let value = try value(of: attribute) else { continue }
            size += UInt64(attribute.utf8.count + value.count)
            if size > limit.bytes { throw FileFault(.tooLarge, doing: Self.doing, what: name) }
            found.append(ExtendedAttribute(attribute, value))
        }
        return found
    }

    private func keptNames() throws(FileFault) -> [String] {
        var room = 1024
        while true {
            var bytes = [CChar](repeating: 0, count: room)
            let count = uninterrupted {
                path.map { listxattr($0, &bytes, bytes.count) } ?? flistxattr(descriptor, &bytes, bytes.count)
            }
            if count == -Int(ERANGE), room < Self.mostNames {
                room = Self.mostNames
                continue
            }
            // A file system that has none.
            if count == -Int(EOPNOTSUPP) || count == 0 { return [] }
            if count < 0 { throw fault(count) }
            let names = bytes.prefix(count).split(separator: 0).map { name in FileNames.text(of: name.map { UInt8(bitPattern: $0) }) }
            return names.filter(ExtendedAttribute.isKept).sorted { $0.utf8.lexicographicallyPrecedes($1.utf8) }
        }
    }

    /// More than the kernel gives at once is E2BIG, in whatever room.
    private func fault(_ result: Int) -> FileFault {
        if result == -Int(E2BIG) || result == -Int(ERANGE) { return FileFault(.tooLarge, doing: Self.doing, what: name) }
        return FileFault(errno: Int32(-result), doing: Self.doing, what: name)
    }

    /// XATTR_LIST_MAX and XATTR_SIZE_MAX of the kernel.
    private static let mostNames = 64 << 10
    private static let longestValue = 64 << 10

    /// nil: it is gone.
    private func value(of attribute: String) throws(FileFault) -> [UInt8]? {
        var room = 256
        while true {
            var bytes = [UInt8](repeating: 0, count: room)
            let count = FileNames.withBytes(of: attribute) { attribute in
                uninterrupted {
                    path.map { getxattr($0, attribute, &bytes, bytes.count) } ?? fgetxattr(descriptor, attribute, &bytes, bytes.count)
                }
            }
            if count == -Int(ERANGE), room < Self.longestValue {
                room = Self.longestValue
                continue
            }
            if count == -Int(ENODATA) { return nil }
            if count < 0 { throw fault(count) }
            return Array(bytes.prefix(count))
        }
    }
}

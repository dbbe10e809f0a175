import AgentModel
import OutsideWorld
import SimulatedWorld

/// An archive that is remembered instead of written.
struct FakeArchive {
    var members: [(name: String, bytes: [UInt8])]
    var compression = ArchiveCompression.none
    func bytes(_ name: String) -> [UInt8]? { members.first { $0.name == name }?.bytes }
}

extension FakeMachine {
    func pack(
        _ members: [ArchiveMember], below source: String, to output: String, _ compression: ArchiveCompression, tick: () -> Void
    ) throws(ArchiveFault) {
        if let archiveFault { throw archiveFault }
        onPack?()
        var archive = FakeArchive(members: [], compression: compression)
        for member in members {
            switch member.content {
            case .directory: archive.members.append((member.name.text + "/", []))
            case .bytes(let bytes): archive.members.append((member.name.text, bytes))
            case .file(let path):
                guard let bytes = try? disks[source]?.read(path, limit: .mebibytes(64)) else {
                    throw ArchiveFault(.system, member: member.name.text, detail: "No such file or directory")
                }
                archive.members.append((member.name.text, bytes))
            }
        }
        guard let place = place(of: output), let file = place.path else { throw ArchiveFault(.denied, member: output) }
        place.disk.plant(file, Array("archive".utf8))
        archives[output] = archive
    }

    func unpack(
        _ archive: String, into directory: String, wanted: [String], limits: ArchiveLimits, tick: () -> Void
    ) throws(ArchiveFault) {
        archiveLimits.append(limits)
        if let archiveFault { throw archiveFault }
        guard let found = archives[archive] ?? archives.first(where: { $0.key.hasPrefix(archive + ".") })?.value else {
            throw ArchiveFault(.damaged, detail: "Unrecognized archive format")
        }
        guard let place = place(of: directory) else { throw ArchiveFault(.denied, member: directory) }
        for member in found.members where wanted.contains(where: { $0 == member.name || $0.hasSuffix("/") && member.name.hasPrefix($0) }) {
            do throws(FileFault) {
                let isDirectory = member.name.hasSuffix("/")
                let name = isDirectory ? String(member.name.dropLast()) : member.name
                guard let path = DiskPath((place.path.map { $0.text + "/" } ?? "") + name) else {
                    throw FileFault(.missing, doing: "", what: name)
                }
                if isDirectory { try place.disk.makeDirectories(path) }
                if let parent = path.parent { try place.disk.makeDirectories(parent) }
                if !isDirectory { try place.disk.open(path, .createNew(mode: 0o600)).write(member.bytes) }
            } catch { throw ArchiveFault(.system, member: member.name, detail: "\(error)") }
        }
    }

    /// The disk an absolute path lies on, and where there; nil path: its root.
    private func place(of path: String) -> (disk: SimulatedDisk, path: DiskPath?)? {
        for (root, disk) in disks.sorted(by: { $0.key.count > $1.key.count }) {
            if path == root { return (disk, nil) }
            if path.hasPrefix(root + "/") { return (disk, DiskPath(String(path.dropFirst(root.count + 1)))) }
        }
        return nil
    }
}

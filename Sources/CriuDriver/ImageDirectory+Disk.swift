public import CriuImages
public import OutsideWorld

extension ImageFile {
    /// A file of a disk. Opened for every piece that is read: a set of many processes has more files than may be open at once.
    public init(_ path: DiskPath, _ entry: DiskEntry, on disk: any Disk) {
        self.init(name: path.name, size: entry.size) { (offset, count) throws(ImageFault) in
            do throws(FileFault) {
                let file = try disk.open(path, .read)
                var bytes: [UInt8] = []
                while bytes.count < count {
                    let piece = try file.read(count - bytes.count, at: offset + UInt64(bytes.count))
                    if piece.isEmpty { break }
                    bytes += piece
                }
                guard bytes.count == count else { throw FileFault(.busy, doing: "read", what: path.name) }
                return bytes
            } catch { throw ImageFault(.unreadable, error.because) }
        }
    }
}

extension ImageDirectory {
    /// All files of a disk's root. A link to an older set is not followed: the runner's own dumps have none.
    public init(on disk: any Disk) throws(FileFault) {
        var files: [ImageFile] = []
        for name in try disk.names(in: nil).sorted() {
            guard let path = DiskPath(name), let entry = try disk.entry(at: path), entry.kind == .file else { continue }
            files.append(ImageFile(path, entry, on: disk))
        }
        self.init(name: disk.rootName, files: files)
    }
}

public import OutsideWorld

/// A remote that is a directory of this machine, or one that is mounted here. A file is there whole, on stable storage, or not at all.
public final class DirectoryCarrier: Carrier {
    public let name: String
    private let root: any Disk
    private let progress: (UInt64) -> Void
    private let isWanted: () -> Bool
    /// Ends the name of a file that is not whole yet.
    static let partEnding = ".part"

    /// - Parameters:
    ///   - progress: told of every few bytes that were copied.
    ///   - isWanted: asked before every piece.
    public init(_ root: any Disk, progress: @escaping (UInt64) -> Void = { _ in }, isWanted: @escaping () -> Bool = { true }) {
        self.root = root
        name = root.rootName
        self.progress = progress
        self.isWanted = isWanted
    }

    public func list(_ directory: DiskPath?) throws(CarrierFault) -> [RemoteFile] {
        try onDisk { () throws(FileFault) in
            if let directory, try root.entry(at: directory)?.kind != .directory { return [] }
            var found: [RemoteFile] = []
            try list(directory, into: &found)
            return found
        }
    }

    private func list(_ directory: DiskPath?, into found: inout [RemoteFile]) throws(FileFault) {
        for name in try root.names(in: directory) {
            guard let path = directory.map({ $0.appending(untrusted: name) }) ?? DiskPath(name), let entry = try root.entry(at: path) else {
                continue
            }
            switch entry.kind {
            case .directory: try list(path, into: &found)
            case .file where !name.hasSuffix(Self.partEnding): found.append(RemoteFile(path: path.text, size: entry.size))
            case .file, .symbolicLink, .other: continue
            }
        }
    }

    public func send(_ files: [DiskPath], below directory: DiskPath?, of disk: any Disk) throws(CarrierFault) {
        var touched: Set<DiskPath> = []
        for file in files {
            try copy(directory?.joined(file) ?? file, of: disk, to: file, of: root)
            if let parent = file.parent { touched.insert(parent) }
        }
        try onDisk { () throws(FileFault) in
            for directory in touched.sorted() where try root.entry(at: directory) != nil { try root.syncDirectory(directory) }
        }
    }

    public func fetch(_ files: [RemoteFile], into directory: DiskPath, of disk: any Disk) throws(CarrierFault) {
        for file in files {
            guard let path = DiskPath(file.path) else { throw .failed("'\(file.path)' is no path below a root") }
            try copy(path, of: root, to: directory.joined(path), of: disk, limit: file.size)
        }
    }

    public func remove(_ files: [DiskPath]) throws(CarrierFault) {
        try onDisk { () throws(FileFault) in
            var touched: Set<DiskPath> = []
            for file in files where try root.entry(at: file) != nil {
                try root.removeFile(file)
                if let parent = file.parent { touched.insert(parent) }
            }
            for directory in touched.sorted() {
                try root.syncDirectory(directory)
                if try root.names(in: directory).isEmpty { try root.removeDirectory(directory) }
            }
        }
    }

    // MARK: One file

    /// Under another name until it is whole.
    private func copy(
        _ source: DiskPath, of disk: any Disk, to target: DiskPath, of other: any Disk, limit: UInt64 = .max
    ) throws(CarrierFault) {
        guard let part = DiskPath(target.text + Self.partEnding) else { preconditionFailure("'\(target)' has no sibling") }
        let file: any DiskFile
        do throws(FileFault) { file = try disk.open(source, .read) } catch {
            if error.kind == .missing { return }
            throw Self.fault(error)
        }
        var done: UInt64 = 0
        do throws(FileFault) {
            if let parent = target.parent { try makeDirectories(parent, on: other) }
            if try other.entry(at: part) != nil { try other.removeFile(part) }
            let copy = try other.open(part, .createNew(mode: 0o600))
            var piece: [UInt8] = []
            while isWanted() {
                try file.read(pieceSize, into: &piece)
                if piece.isEmpty { break }
                done += UInt64(piece.count)
                guard done <= limit else { break }
                try copy.write(piece)
                progress(UInt64(piece.count))
            }
            if isWanted(), done <= limit {
                try copy.sync()
                return try other.rename(part, to: target)
            }
        } catch {
            try? other.removeFile(part)  // the next copy of the file does
            throw Self.fault(error)
        }
        try? other.removeFile(part)  // the next copy of the file does
        throw done > limit ? .tooMuch : .stopped
    }

    /// As `makeDirectories`, each durable before something is in it.
    private func makeDirectories(_ path: DiskPath, on disk: any Disk) throws(FileFault) {
        if try disk.entry(at: path) != nil { return }
        if let parent = path.parent { try makeDirectories(parent, on: disk) }
        do throws(FileFault) { try disk.makeDirectory(path, mode: 0o700) } catch {
            guard error.kind == .exists else { throw error }
        }
        try disk.syncDirectory(path.parent)
    }

    private func onDisk<Result>(_ body: () throws(FileFault) -> Result) throws(CarrierFault) -> Result {
        do throws(FileFault) { return try body() } catch { throw Self.fault(error) }
    }

    private static func fault(_ fault: FileFault) -> CarrierFault { fault.kind == .stopped ? .stopped : .failed(words(fault)) }

    private static func words(_ fault: FileFault) -> String {
        let why =
            switch fault.kind {
            case .full: "the disk is full"
            case .readOnly: "the disk is read-only"
            case .denied: "permission denied"
            case .missing: "it is not there"
            case .system(let number): "system error \(number)"
            default: "\(fault.kind)"
            }
        return "could not \(fault.doing) '\(fault.what)': \(why)"
    }
}

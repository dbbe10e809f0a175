internal import AgentModel
internal import Checkpoints
internal import CriuDriver
internal import CriuImages
internal import OutsideWorld

/// Images of CRIU as commands meet them: files and directories that a person names, or those of a version: `agent-7@41`,
/// `agent-7@41/mm-1000.img`.
extension Workbench {
    /// The images of the version that the word begins with, wherever their bytes lie, and what of the word is below them. nil: it is a path. What
    /// is there under that name goes before a version of that name.
    private func version(in word: String) throws(CommandFault) -> (disk: any Disk, rest: String)? {
        let first = String(word.prefix { $0 != "/" })
        guard let reference = AgentReference(argument: first), let version = reference.version else { return nil }
        let there = Places.absolute(first, from: machine.workingDirectory)
        if (try? machine.disk(at: there, create: false)) != nil { return nil }
        let store = try openStore()
        let agent = try named(reference.agent, in: store)
        let summary = try self.version(version, of: agent, in: store)
        guard summary.parts.process else {
            throw CommandFault(
                StoreFault(.noSuchPart("images of processes"), doing: "look into", what: "\(agent)@\(summary.version)"))
        }
        let rest = word.dropFirst(first.count).split(separator: "/").joined(separator: "/")
        do throws(StoreFault) { return (try store.imagesDisk(agent, summary.version), rest) } catch { throw CommandFault(error) }
    }

    /// One file. Nothing of it is read yet.
    func image(_ path: String) throws(CommandFault) -> ImageFile {
        let (disk, name) = try directory(of: path)
        guard let file = DiskPath(name) else {
            throw CommandFault(.usage, "'\(path)' names no file. See 'runner image --help'")
        }
        do throws(FileFault) {
            guard let entry = try disk.entry(at: file) else { throw FileFault(.missing, doing: "read", what: path) }
            return ImageFile(file, entry, on: disk)
        } catch { throw CommandFault(error) }
    }

    private func directory(of path: String) throws(CommandFault) -> (disk: any Disk, name: String) {
        if let version = try version(in: path) { return (version.disk, version.rest) }
        let parts = Places.absolute(path, from: machine.workingDirectory).split(separator: "/").map(String.init)
        guard let name = parts.last else { throw CommandFault(.usage, "'\(path)' names no file. See 'runner image --help'") }
        return (try openDirectory("/" + parts.dropLast().joined(separator: "/")), name)
    }

    /// A set of images, with the older ones it leans on.
    /// - Throws: `E-IMAGE-SET` when there are no images in the directory.
    func images(_ path: String) throws(CommandFault) -> ImageDirectory {
        let directory: ImageDirectory
        if let version = try version(in: path) {
            do throws(FileFault) {
                guard version.rest.isEmpty else { throw FileFault(.missing, doing: "look into", what: path) }
                directory = try images(on: version.disk, at: version.disk.rootName, named: path, depth: 0)
            } catch { throw CommandFault(error) }
        } else {
            let whole = Places.absolute(path, from: machine.workingDirectory)
            do { directory = try images(at: whole, named: path, depth: 0) } catch { throw CommandFault(error) }
        }
        guard directory.files.keys.contains(where: { $0.hasSuffix(".img") }) else {
            throw CommandFault(.imageSet, "could not look into '\(path)': there are no images in it. Name the directory CRIU dumped into")
        }
        return directory
    }

    /// Images that lie in a directory of the store.
    static func images(in directory: DiskPath, of disk: any Disk, named name: String) throws(FileFault) -> ImageDirectory {
        var files: [ImageFile] = []
        for name in try disk.names(in: directory) {
            guard let path = directory.appending(untrusted: name), let entry = try disk.entry(at: path), entry.kind == .file else {
                continue
            }
            files.append(ImageFile(path, entry, on: disk))
        }
        return ImageDirectory(name: name, files: files)
    }

    private func images(at path: String, named name: String, depth: Int) throws(FileFault) -> ImageDirectory {
        try images(on: try machine.disk(at: path, create: false), at: path, named: name, depth: depth)
    }

    private func images(on disk: any Disk, at path: String, named name: String, depth: Int) throws(FileFault) -> ImageDirectory {
        var files: [ImageFile] = []
        var parent = ImageDirectory.Parent.none
        for name in try disk.names(in: nil) {
            guard let file = DiskPath(name), let entry = try disk.entry(at: file) else { continue }
            switch entry.kind {
            case .file: files.append(ImageFile(file, entry, on: disk))
            case .symbolicLink(let target) where name == ImageDirectory.parentLink && depth < ImageDirectory.longestChain:
                let older = Places.absolute(target, from: path)
                do { parent = .set(try images(at: older, named: target, depth: depth + 1)) } catch { parent = .missing(target: target) }
            case .symbolicLink, .directory, .other: continue
            }
        }
        return ImageDirectory(name: name, files: files, parent: parent)
    }

    private func openDirectory(_ path: String) throws(CommandFault) -> any Disk {
        do { return try machine.disk(at: path, create: false) } catch { throw CommandFault(error) }
    }

    /// What CRIU calls this machine's architecture; nil: it has no name for it.
    static var architecture: String? {
        #if arch(x86_64)
            "X86_64"
        #elseif arch(arm64)
            "AARCH64"
        #else
            nil
        #endif
    }
}

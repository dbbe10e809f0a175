internal import AgentModel
internal import Checkpoints
internal import OutsideWorld
internal import Sealing

/// Encrypted stores. Documentation: docs/encryption.md
extension Workbench {
    /// The disk on which the files of a store are, over the one that it lies on: the same where it is not encrypted.
    /// - Parameter create: whether a store is made where none is; encrypted where a key was named.
    func disk(over below: any Disk, create: Bool) throws(CommandFault) -> any Disk {
        let found: StoreEncryption?
        do throws(KeyFault) { found = try StoreEncryption.read(from: below) } catch { throw CommandFault(error, store: places.store) }
        if let found { return try sealed(below, try dataKey(of: found)) }
        guard let file = places.keyFile else { return below }
        do throws(FileFault) {
            if try below.entry(at: "format") != nil { throw FileFault(.exists, doing: "", what: "") }
        } catch {
            guard error.kind == .exists else { throw CommandFault(inStore: error) }
            throw CommandFault(
                .keyUnused,
                "could not open the store '\(places.store)' with a key: it is not encrypted. Leave '--key-file' and RUNNER_KEY_FILE out, or give a new "
                    + "store with --store: that is encrypted from its first file on")
        }
        guard create else { return below }  // there is none
        let key = try key(in: file)
        let data = SecretKey.random()
        do throws(StoreFault) { try CheckpointStore.requireEmpty(below) } catch { throw CommandFault(error) }
        let encryption = StoreEncryption(of: data, with: key, keyFile: file, machine.randomNumber)
        if try write(encryption, first: below) { return try sealed(below, data) }
        // Another command was faster: its key counts, for it may have sealed something.
        return try disk(over: below, create: create)
    }

    /// Durably, and never over another: what was sealed with the key in that would be lost. - Returns: whether there was none.
    private func write(_ encryption: StoreEncryption, first below: any Disk) throws(CommandFault) -> Bool {
        let temporary = DiskPath(stringLiteral: "\(StoreEncryption.path).\(draw()).new")
        do throws(FileFault) {
            let file = try below.open(temporary, .createNew(mode: 0o600))
            do throws(FileFault) {
                try file.write(encryption.encoded())
                try file.sync()
                try below.renameNew(temporary, to: StoreEncryption.path)
            } catch {
                try? below.removeFile(temporary)  // the fault that is told came first
                throw error
            }
            try below.syncDirectory(nil)
            return true
        } catch {
            guard error.kind == .exists, (try? below.entry(at: StoreEncryption.path)) ?? nil != nil else {
                throw CommandFault(inStore: error)
            }
            return false
        }
    }

    /// Another disk that is encrypted with a key of ours.
    func disk(over below: any Disk, with encryption: StoreEncryption) throws(CommandFault) -> any Disk {
        try sealed(below, try dataKey(of: encryption))
    }

    private func sealed(_ below: any Disk, _ data: SecretKey) throws(CommandFault) -> any Disk {
        let machine = UncheckedMachine(machine: machine)
        return SealedDisk(below, key: data, draw: { machine.machine.randomNumber() }) { size throws(FileFault) in
            try machine.machine.makeRoom(upTo: size)
        }
    }

    /// The disk of a supervisor's world as that of an opened store is.
    func disk(over below: any Disk, as opened: any Disk) -> any Disk {
        guard let opened = opened as? SealedDisk else { return below }
        return opened.over(below)
    }

    // MARK: Keys

    func dataKey(of encryption: StoreEncryption) throws(CommandFault) -> SecretKey {
        guard let file = places.keyFile ?? encryption.keyFile else {
            throw CommandFault(
                .keyMissing,
                "could not open the store '\(places.store)': it is encrypted. Say where its key \(encryption.keyName) is with '--key-file FILE' or RUNNER_KEY_FILE"
            )
        }
        let key = try key(in: file)
        do throws(KeyFault) { return try encryption.open(with: key, from: file) } catch {
            throw CommandFault(error, store: places.store)
        }
    }

    /// The key in a file that nobody else may read.
    func key(in file: String) throws(CommandFault) -> SecretKey {
        func unusable(_ why: String) -> CommandFault { CommandFault(.unusable(file: file, why: why), store: places.store) }
        if let complaint = KeyFile.complaint(aboutPath: file) {
            throw CommandFault(.unusable(file: withoutControls(file), why: complaint), store: places.store)
        }
        guard let slash = file.lastIndex(of: "/"), let name = DiskPath(String(file[file.index(after: slash)...])) else {
            throw unusable("it has no name")
        }
        let parent = slash == file.startIndex ? "/" : String(file[..<slash])
        let found: (disk: any Disk, entry: DiskEntry)?
        do throws(FileFault) {
            let disk = try machine.disk(at: parent, create: false)
            found = try disk.entry(at: name).map { (disk, $0) }
        } catch {
            guard error.kind == .missing || error.kind == .notDirectory else { throw unusable(error.because) }
            throw noKeyFile(file)
        }
        guard let (disk, entry) = found else { throw noKeyFile(file) }
        let store = (try? machine.disk(at: places.store, create: false).rootName) ?? places.store
        if (disk.rootName + "/").hasPrefix(store + "/") || file.hasPrefix(places.store + "/") {
            throw unusable("it lies in the store, whose every copy would hold its own key. Move it elsewhere")
        }
        guard entry.kind == .file else { throw unusable("it is no regular file. Give the file itself") }
        guard entry.owner.user == machine.userID else {
            throw unusable("it belongs to user \(entry.owner.user). Run as that user, or give a file of your own")
        }
        guard entry.mode & 0o077 == 0 else {
            throw unusable("others may read it (mode \(String(entry.mode, radix: 8))). Run 'chmod 600 \(file)'")
        }
        let isNone = "it is no key file. 'runner store key new FILE' makes one"
        guard entry.size <= KeyFile.limit.bytes else { throw unusable(isNone) }
        var content: [UInt8]
        // At once, into one piece of memory that is wiped.
        do throws(FileFault) { content = try disk.open(name, .read).read(Int(KeyFile.limit.bytes)) } catch { throw unusable(error.because) }
        guard let key = KeyFile.key(wiping: &content) else { throw unusable(isNone) }
        return key
    }

    func withoutControls(_ text: String) -> String {
        String(String.UnicodeScalarView(text.unicodeScalars.map { $0.value < 0x20 || $0.value == 0x7f ? "?" : $0 }))
    }

    private func noKeyFile(_ file: String) -> CommandFault {
        CommandFault(
            .keyMissing,
            "could not open the store '\(places.store)': there is no key file '\(file)'. Name it with '--key-file FILE' or RUNNER_KEY_FILE; "
                + "'runner store key new FILE' makes one for a new store")
    }
}

/// A machine draws numbers and makes rooms from any thread: it holds nothing for that.
private struct UncheckedMachine: @unchecked Sendable {
    let machine: any Machine
}

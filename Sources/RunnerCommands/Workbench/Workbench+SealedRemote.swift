internal import AgentModel
internal import Checkpoints
internal import OutsideWorld
internal import Sealing

/// Copies elsewhere of encrypted stores: they are encrypted with the key of the store's content, and hold its `encryption`, so that a copy and the key
/// file are enough to get everything back. Documentation: docs/encryption.md#copies
extension Workbench {
    /// The carrier to a remote that is a directory. - Parameter make: makes one of a disk.
    func carrier(
        to remote: any Disk, for store: CheckpointStore, _ use: RemoteUse, _ make: (any Disk) -> DirectoryCarrier
    ) throws(CopyFault) -> any Carrier {
        let there: StoreEncryption?
        do throws(KeyFault) { there = try StoreEncryption.read(from: remote) } catch { throw Self.fault(error) }
        guard let own = try ownEncryption(of: store) else {
            if there != nil { throw Self.isEncrypted }
            return make(remote)
        }
        guard let there else {
            let isEmpty: Bool
            do throws(FileFault) { isEmpty = try remote.names(in: nil).isEmpty } catch { throw .carrier(.failed(error.sentence)) }
            guard isEmpty else { throw Self.isClear }
            if use == .send { try write(own, to: remote) }
            return SealedCarrier(make(remote))
        }
        if own.dataName == there.dataName {
            if use == .check { try check(there, against: own) }
            if use == .send, there.encoded() != own.encoded() { try write(own, to: remote) }
            return SealedCarrier(make(remote))
        }
        // Of another store, with a key that the same file opens: what is carried is encrypted anew.
        do throws(CommandFault) { return make(try disk(over: remote, with: there)) } catch {
            throw .noCopy("it was encrypted with the key \(there.keyName), which is not in the key file")
        }
    }

    private func write(_ own: StoreEncryption, to remote: any Disk) throws(CopyFault) {
        do throws(FileFault) { try remote.replace(StoreEncryption.path, with: own.encoded()) } catch {
            throw .carrier(.failed(error.sentence))
        }
    }

    /// When the store is lost, its copy is opened with what lies there: it has to be whole, and of the key that the store has now.
    private func check(_ there: StoreEncryption, against own: StoreEncryption) throws(CopyFault) {
        func damage(_ how: String) -> CopyFault { .remote(part: StoreEncryption.path.text, how: how + ". 'runner store sync' renews it") }
        guard there.keyName == own.keyName else {
            throw damage("it opens with the former key \(there.keyName), and this store with \(own.keyName)")
        }
        // What opened the store opens this, too.
        guard let file = places.keyFile ?? own.keyFile, let key = try? key(in: file) else { return }
        do throws(KeyFault) { _ = try there.open(with: key, from: file) } catch { throw damage("its key was changed") }
    }

    /// rclone carries files as they lie on the disk.
    func sealed(_ carrier: RcloneCarrier, for store: CheckpointStore, _ use: RemoteUse) throws(CopyFault) -> any Carrier {
        let own = try ownEncryption(of: store)
        let files: [RemoteFile]
        do throws(CarrierFault) { files = try carrier.list(nil) } catch { throw .carrier(error) }
        let isThere = files.contains { $0.path == StoreEncryption.path.text }
        guard let own, store.isSealed else {
            if isThere { throw Self.isEncrypted }
            return carrier
        }
        func send() throws(CopyFault) {
            do throws(CarrierFault) { try carrier.send([StoreEncryption.path], below: nil, of: store.disk) } catch { throw .carrier(error) }
        }
        if isThere {
            let there = try encryption(of: carrier, in: store)
            guard there.dataName == own.dataName else {
                throw .noCopy(
                    "it was encrypted by another store. Put its 'encryption' into an empty directory and give that with --store: it becomes a store of the same key"
                )
            }
            if use == .check { try check(there, against: own) }
            if use == .send, there.encoded() != own.encoded() { try send() }
        } else {
            guard files.isEmpty else { throw Self.isClear }
            if use == .send { try send() }
        }
        return SealedCarrier(carrier)
    }

    /// With which key the copy's content is encrypted.
    private func encryption(of carrier: RcloneCarrier, in store: CheckpointStore) throws(CopyFault) -> StoreEncryption {
        let look: Look
        do throws(StoreFault) { look = try store.openLook(for: "look at a copy", draw) } catch { throw .store(error) }
        defer { store.close(look) }
        do throws(CarrierFault) {
            try carrier.fetch([RemoteFile(path: StoreEncryption.path.text, size: 1024)], into: look.directory, of: store.disk)
        } catch { throw .carrier(error) }
        guard let below = store.disk as? any SealingDisk,
            let bytes = try? below.below.read(look.directory / StoreEncryption.path.text, limit: .kibibytes(8)),
            let there = StoreEncryption(decoding: bytes)
        else {
            throw Self.fault(.damaged(""))
        }
        return there
    }

    private func ownEncryption(of store: CheckpointStore) throws(CopyFault) -> StoreEncryption? {
        guard let sealed = store.disk as? any SealingDisk else { return nil }
        do throws(KeyFault) { return try StoreEncryption.read(from: sealed.below) } catch { throw Self.fault(error) }
    }

    private static func fault(_ fault: KeyFault) -> CopyFault {
        if case .disk(let fault) = fault { return .carrier(.failed(fault.sentence)) }
        return .noCopy("its 'encryption' is damaged. Where it is a copy of this store, put the store's own 'encryption' there")
    }

    private static var isClear: CopyFault { .noCopy("it is not encrypted, and this store is") }
    private static var isEncrypted: CopyFault {
        .noCopy("it is encrypted, and this store is not. Make a new store with '--store DIR --key-file FILE' for it")
    }
}

/// A remote whose files are encrypted as they lie on the store's disk: they are carried as they are, and told with the sizes of what is in them.
private final class SealedCarrier: Carrier {
    private let carrier: any Carrier
    var name: String { carrier.name }

    init(_ carrier: any Carrier) { self.carrier = carrier }

    func list(_ directory: DiskPath?) throws(CarrierFault) -> [RemoteFile] {
        try carrier.list(directory).compactMap { file in
            guard file.path != StoreEncryption.path.text, let path = DiskPath(file.path) else { return nil }
            return RemoteFile(path: file.path, size: SealedDisk.contentSize(of: path, stored: file.size))
        }
    }
    func send(_ files: [DiskPath], below directory: DiskPath?, of disk: any Disk) throws(CarrierFault) {
        try carrier.send(files, below: directory, of: Self.below(disk))
    }
    func fetch(_ files: [RemoteFile], into directory: DiskPath, of disk: any Disk) throws(CarrierFault) {
        let stored = files.map { file in
            DiskPath(file.path).map { RemoteFile(path: file.path, size: SealedDisk.storedSize(of: $0, content: file.size)) } ?? file
        }
        try carrier.fetch(stored, into: directory, of: Self.below(disk))
    }
    private static func below(_ disk: any Disk) -> any Disk { (disk as? any SealingDisk)?.below ?? disk }
    func remove(_ files: [DiskPath]) throws(CarrierFault) { try carrier.remove(files) }
}

internal import AgentModel
internal import Checkpoints
internal import OutsideWorld
internal import Sealing

struct StoreKeyCommand: Command {
    enum Action: String, ArgumentValue {
        case new, show, change
        init?(argument: String) { self.init(rawValue: argument) }
        static var expected: String { "'new', 'show' or 'change'" }
    }
    var action: Action?
    var file: String?
    var json = false

    static var manual: Manual {
        Manual(
            name: "store key", group: .keep, summary: "make the key of an encrypted store, or give it another",
            examples: [
                .init("runner store key new /etc/runner/key", "a new key; a store that is made with it is encrypted"),
                .init("runner --key-file /etc/runner/key run -d agent.yaml", "the first run makes the store, encrypted"),
                .init("runner store key show", "which key the store wants, and where that lies"),
                .init("runner --key-file OLD store key change NEW", "from now on the store opens with the key in NEW alone"),
            ],
            notes: [
                "Whoever loses the key loses the store: keep a copy of the file apart from it. The store remembers where its key file lies, so that it need "
                    + "not be named each time; '--key-file' and RUNNER_KEY_FILE go before that.",
                "Copies elsewhere take the new key with their next 'runner store sync'. Until then they need the former one: keep its file until every copy is synced.",
                "'change' encrypts the key of the content anew and not the content: it takes no time, and supervisors that run go on. Whoever has the "
                    + "former key and an old copy of the store can read that, and what is written later with the same key of the content. It also tells the store "
                    + "where the file lies: 'change' with the key it has already only does that.",
            ],
            exits: [
                (.ok, "it is done"), (.usage, "the command line is wrong"), (.cannotCreate, "there is something of that name already"),
                (.denied, "the key is missing, or another one"),
                (.badConfiguration, "the key file cannot be used, or the store is not encrypted"),
                (.noInput, "there is no store"),
            ])
    }
    static var options: [Option<Self>] { [.json(\.json)] }
    static var operands: [Operand<Self>] {
        [
            .one("ACTION", \.action, "'new', 'show' or 'change'."),
            .optional("FILE", \.file, "The key file: the new one; of 'show' one to tell the name of, instead of the store's."),
        ]
    }

    func validate() throws(CommandFault) {
        if action != .show, file == nil { throw CommandFault(.usage, "say which file. See 'runner store key --help'") }
    }

    func run(on bench: Workbench) throws(CommandFault) -> Ending {
        let file = file.map { Places.absolute($0, from: bench.machine.workingDirectory) }
        switch (action, file) {
        case (.new, let file?): try make(file, on: bench)
        case (.show, let file?): try tell(try bench.key(in: file).name, file, on: bench)
        case (.show, nil):
            let encryption = try bench.encryption().found
            try tell(encryption.keyName, bench.places.keyFile ?? encryption.keyFile, on: bench)
        case (.change, let file?): try change(to: file, on: bench)
        default: return .ok
        }
        return .ok
    }

    private func tell(_ name: String, _ file: String?, on bench: Workbench) throws(CommandFault) {
        if json { return try bench.answer(json: ShownKey(key: name, file: file)) }
        bench.answer("\(name)\(file.map { "  \($0)" } ?? "")\n")
    }

    private func make(_ file: String, on bench: Workbench) throws(CommandFault) {
        guard let slash = file.lastIndex(of: "/"), let name = DiskPath(String(file[file.index(after: slash)...])) else {
            throw CommandFault(.usage, "'\(file)' names no file. See 'runner store key --help'")
        }
        if let complaint = KeyFile.complaint(aboutPath: file) {
            throw CommandFault(.keyFile, "could not make the key file '\(bench.withoutControls(file))': \(complaint)")
        }
        guard !file.hasPrefix(bench.places.store + "/") else {
            throw CommandFault(.keyFile, "could not make the key file '\(file)': it would lie in the store. Give a path outside of it")
        }
        let key = SecretKey.random()
        var content = KeyFile.content(of: key)
        defer { KeyFile.forget(&content) }
        do throws(FileFault) {
            let disk = try bench.machine.disk(at: slash == file.startIndex ? "/" : String(file[..<slash]), create: true)
            let made = try disk.open(name, .createNew(mode: 0o600))
            try made.write(content)
            try made.sync()
            try disk.syncDirectory(nil)
        } catch {
            guard error.kind == .exists else { throw CommandFault(error) }
            throw CommandFault(
                .exportExists,
                "could not make the key file '\(file)': something is there already, and a key that is gone is gone. Give another path")
        }
        bench.answer("\(key.name)\n")
        bench.talk("the key is in '\(file)'. Keep a copy of it elsewhere: without it nobody reads a store that was encrypted with it")
    }

    private func change(to file: String, on bench: Workbench) throws(CommandFault) {
        let (disk, encryption) = try bench.encryption()
        let data = try bench.dataKey(of: encryption)
        let new = StoreEncryption(of: data, with: try bench.key(in: file), keyFile: file, bench.machine.randomNumber)
        do throws(FileFault) { try disk.replace(StoreEncryption.path, with: new.encoded()) } catch { throw CommandFault(inStore: error) }
        bench.talk("the store '\(bench.places.store)' opens with the key \(new.keyName) in '\(file)' from now on")
        bench.talk(
            "copies elsewhere open with the former key until 'runner store sync' was run to each of them: do that before you destroy the former key file"
        )
    }
}

private struct ShownKey: Encodable {
    var key: String
    var file: String?
}

extension Workbench {
    /// What the store says of its key, and where that lies.
    fileprivate func encryption() throws(CommandFault) -> (disk: any Disk, found: StoreEncryption) {
        let disk: any Disk
        do throws(FileFault) { disk = try machine.disk(at: places.store, create: false) } catch {
            guard error.kind == .missing else { throw CommandFault(inStore: error) }
            throw CommandFault(
                .storeMissing,
                "could not open the store '\(places.store)': there is none yet. 'runner run' makes it; '--store' chooses another")
        }
        do throws(KeyFault) {
            if let found = try StoreEncryption.read(from: disk) { return (disk, found) }
        } catch { throw CommandFault(error, store: places.store) }
        throw CommandFault(
            .keyUnused,
            "could not look at the key of the store '\(places.store)': it is not encrypted. docs/encryption.md tells how to move to one that is"
        )
    }
}

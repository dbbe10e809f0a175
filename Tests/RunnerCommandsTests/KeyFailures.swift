import AgentModel
import OutsideWorld
import Sealing
import SimulatedWorld

@testable import RunnerCommands

// Encrypted stores: no key, another key, a key that others can read, a key where none is needed.

private func key(_ byte: UInt8) -> SecretKey {
    var bytes = [UInt8](repeating: byte, count: SecretKey.length)
    return SecretKey(wiping: &bytes)
}

/// "/keys/one" and "/keys/two", and a store that wants the first.
private func encrypted(naming file: String? = nil, _ more: @escaping @Sendable (Stage, SimulatedDisk) throws -> Void = { _, _ in })
    -> @Sendable (Stage) throws -> Void
{
    { stage in
        let keys = SimulatedDisk(seed: 1, rootName: "/keys")
        keys.plant("one", KeyFile.content(of: key(1)))
        keys.plant("two", KeyFile.content(of: key(2)))
        keys.plant("text", Array("no key\n".utf8))
        stage.machine.disks["/keys"] = keys
        stage.machine.userID = 0
        let encryption = StoreEncryption(of: key(9), with: key(1), keyFile: file) { 7 }
        stage.disk.plant(StoreEncryption.path, encryption.encoded())
        try more(stage, keys)
    }
}

let keyFailures: [Failure] = [
    Failure(
        "ls", 77, "E-KEY-MISSING",
        "could not open the store '/store': it is encrypted. Say where its key \(key(1).name) is with '--key-file FILE' or RUNNER_KEY_FILE",
        encrypted()),
    Failure(
        "ls", 77, "E-KEY-MISSING",
        "could not open the store '/store': there is no key file '/keys/gone'. Name it with '--key-file FILE' or RUNNER_KEY_FILE; 'runner store key new FILE' makes one for a new store",
        encrypted(naming: "/keys/gone")),
    Failure(
        "run agent-7", 77, "E-KEY-MISSING",
        "could not open the store '/store': there is no key file '/keys/gone'. Name it with '--key-file FILE' or RUNNER_KEY_FILE; 'runner store key new FILE' makes one for a new store",
        encrypted(naming: "/keys/gone") { stage, _ in
            for directory in ["agents", "agents/agent-7"] as [DiskPath] where try stage.disk.entry(at: directory) == nil {
                try stage.disk.makeDirectory(directory, mode: 0o700)
            }
            stage.disk.plant("agents/agent-7/spec.json", [1])
        }),
    Failure(
        "--key-file /keys/two ls", 77, "E-KEY-WRONG",
        "could not open the store '/store': the key in '/keys/two' is \(key(2).name), and the store wants \(key(1).name). Name the right file with --key-file",
        encrypted(naming: "/keys/one")),
    Failure(
        "store key show /keys/none", 77, "E-KEY-MISSING",
        "could not open the store '/store': there is no key file '/keys/none'. Name it with '--key-file FILE' or RUNNER_KEY_FILE; 'runner store key new FILE' makes one for a new store",
        encrypted()),
    Failure(
        "--key-file /keys/one ls", 78, "E-KEY-FILE",
        "could not use the key file '/keys/one': others may read it (mode 644). Run 'chmod 600 /keys/one'",
        encrypted { _, keys in try keys.setMode("one", 0o644) }),
    Failure(
        "--key-file /keys/one ls", 78, "E-KEY-FILE",
        "could not use the key file '/keys/one': it belongs to user 0. Run as that user, or give a file of your own",
        encrypted { stage, _ in stage.machine.userID = 1000 }),
    Failure(
        "--key-file /keys/text ls", 78, "E-KEY-FILE",
        "could not use the key file '/keys/text': it is no key file. 'runner store key new FILE' makes one", encrypted()),
    Failure(
        "--key-file /store/key ls", 78, "E-KEY-FILE",
        "could not use the key file '/store/key': it lies in the store, whose every copy would hold its own key. Move it elsewhere",
        encrypted { stage, _ in stage.disk.plant("key", KeyFile.content(of: key(1))) }),
    Failure(
        "store key new /store/key", 78, "E-KEY-FILE",
        "could not make the key file '/store/key': it would lie in the store. Give a path outside of it"),
    Failure(
        "store key new /keys/one", 73, "E-EXPORT-EXISTS",
        "could not make the key file '/keys/one': something is there already, and a key that is gone is gone. Give another path",
        encrypted()),
    Failure(
        "store key new /keys/a\u{1}b", 78, "E-KEY-FILE",
        "could not make the key file '/keys/a?b': its path holds a control character, such as a newline. Give it another name"),
    Failure(
        "--key-file /keys/a\u{1}b ls", 78, "E-KEY-FILE",
        "could not use the key file '/keys/a?b': its path holds a control character, such as a newline. Give it another name", encrypted()),
    Failure("store key new", 64, "E-USAGE", "say which file. See 'runner store key --help'"),
    Failure(
        "--key-file /keys/one ls", 78, "E-KEY-UNUSED",
        "could not open the store '/store' with a key: it is not encrypted. Leave '--key-file' and RUNNER_KEY_FILE out, or give a new store with --store: that is encrypted from its first file on",
        encrypted { stage, _ in try stage.disk.removeFile(StoreEncryption.path) }),
    Failure(
        "store key show", 78, "E-KEY-UNUSED",
        "could not look at the key of the store '/store': it is not encrypted. docs/encryption.md tells how to move to one that is"),
    Failure(
        "store key show --store /nowhere", 66, "E-STORE-MISSING",
        "could not open the store '/nowhere': there is none yet. 'runner run' makes it; '--store' chooses another"),
    Failure(
        "--key-file /keys/one ls", 65, "E-STORE-FORMAT",
        "could not open the store '/store': its 'encryption' is damaged: it is not what was written. Put back a copy of it: every 'runner store sync' makes one",
        encrypted { stage, _ in stage.disk.plant(StoreEncryption.path, Array("x".utf8)) }),
    Failure(
        "ls", 65, "E-STORE-FORMAT",
        "could not open the store '/store': it is encrypted, and its 'encryption' is gone. Give the store's directory with --store, or an empty one to make a new store"
    ) { stage in stage.disk.plant("format", Array("runner-store 3\n".utf8)) },
]

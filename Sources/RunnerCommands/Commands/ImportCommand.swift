internal import AgentModel
internal import AgentSpecs
internal import Checkpoints
internal import OutsideWorld

struct ImportCommand: Command {
    var path: String?
    var name: AgentName?
    var sizeLimit = ByteCount.mebibytes(10 * 1024)
    var json = false

    static var manual: Manual {
        Manual(
            name: "import", group: .keep, summary: "take a version in that was exported, or dumped by another CRIU",
            examples: [
                .init("runner import agent-7@41.tar.zst", "the next version of 'agent-7', which is made if there is none"),
                .init("runner import /tmp/dump --as counter", "a directory that 'criu dump' wrote, as a version of 'counter'"),
            ],
            notes: [
                "Takes archives of 'runner export' and of 'podman container checkpoint --export' (zstd, gzip or plain), and directories of images. "
                    + "All of it is checked before it becomes a version, or nothing is imported. A version from elsewhere has the standing "
                    + "'stored'; one whose processes cannot be restored here, such as a container's, is 'suspect' and is not restored by itself.",
                "Images and specs say which programs run, as whom, and where files are put back: import only what comes from somebody whose "
                    + "programs you would run.",
            ],
            exits: [
                (.ok, "imported; the answer is its name"),
                (.badData, "it is damaged, hostile, too large, or cannot be restored on such a machine"),
                (.noInput, "there is nothing at that path"), (.cannotCreate, "the store's disk is full or read-only"),
                (.inputOutput, "it could not be read"), (.tryAgain, "another supervisor holds the agent"),
                (.denied, "it may not be read"),
                (.interrupted, "stopped by ctrl-c, and 143 by SIGTERM; nothing was imported"), (.usage, "the command line is wrong"),
            ])
    }
    static var options: [Option<Self>] {
        [
            .optional("as", nil, \.name, as: "NAME", "The agent it becomes a version of; as it was called unless said otherwise."),
            .value("size-limit", nil, \.sizeLimit, as: "SIZE", "Refuse what unpacks to more; 10 GiB unless said otherwise."),
            .json(\.json),
        ]
    }
    static var operands: [Operand<Self>] { [.one("PATH", \.path, "An archive, or a directory of images.")] }

    func run(on bench: Workbench) throws(CommandFault) -> Ending {
        let path = path ?? ""
        let plain = try bench.createStore()
        let imported = try bench.long(quietly: json) { work throws(CommandFault) in
            let source = try VersionSource(path, sizeLimit: sizeLimit, bench: bench)
            let store = work.watch(plain)
            work.say("importing '\(path)'")
            let agent: AgentName
            if let name { agent = name } else { agent = try source.name(store) }
            return try VersionImport(agent: agent, source: source, store: store, work: work, bench: bench).perform()
        } stopped: {
            "could not import '\(path)': it was stopped. Nothing was imported; the same command begins anew"
        }
        if json {
            try bench.answer(json: imported)
        } else {
            bench.answer("\(imported.agent)@\(imported.version)\n")
        }
        for sentence in imported.sentences { bench.talk(sentence) }
        return .ok
    }
}

extension ByteCount: ArgumentValue {
    init?(argument: String) {
        guard let size = try? SizeText.parse(argument) else { return nil }
        self = size
    }
    static var expected: String { "a size such as 512MB or 2GiB" }
    static func read(_ word: String) throws(WordFault) -> ByteCount {
        do { return try SizeText.parse(word) } catch { throw WordFault(error) }
    }
}

internal import CriuImages

struct ImageDecodeCommand: Command {
    var file: String?
    var pretty = false

    static var manual: Manual {
        Manual(
            name: "image decode", group: .images, summary: "print an image as JSON",
            examples: [
                .init("runner image decode dump/core-1001.img --pretty", "registers, signals, limits and credentials of a thread"),
                .init("runner image decode dump/files.img > files.json", "for programs, and for 'runner image encode'"),
            ],
            notes: [
                "The JSON is what 'crit decode' prints, and with --pretty what 'crit decode --pretty' does. "
                    + "Entries are printed as they are read; of a damaged file those before the damage."
            ],
            exits: [
                (.ok, "printed"), (.badData, "the file is damaged, or no image with entries"), (.noInput, "there is no such file"),
                (.usage, "the command line is wrong"),
            ])
    }
    static var options: [Option<Self>] {
        [.flag("pretty", "p", \.pretty, "Flags, addresses and devices in words; one value a line.")]
    }
    static var operands: [Operand<Self>] { [.one("FILE", \.file, "The image, or one of a version: agent-7@41/mm-1000.img.")] }

    func run(on bench: Workbench) throws(CommandFault) -> Ending {
        let name = file ?? ""
        let image = try bench.image(name)
        do {
            try ImageDecoding.decode(image, form: pretty ? .pretty : .plain) { (piece) throws(ImageFault) in
                bench.answer(piece)
            }
        } catch { throw CommandFault(error, doing: "decode", name) }
        return .ok
    }
}

internal import AgentModel
internal import CriuImages
internal import OutsideWorld

struct ImageEncodeCommand: Command {
    var file: String?
    var output: String?

    static var manual: Manual {
        Manual(
            name: "image encode", group: .images, summary: "make an image of JSON",
            examples: [
                .init("runner image encode files.json -o dump/files.img", "write what 'runner image decode' printed, changed by hand"),
                .init("runner image encode core.json | cmp - dump/core-1001.img", "what was not changed gives the same bytes"),
            ],
            notes: [
                "Takes plain and pretty JSON, ours and crit's. An output file is replaced in one step, and only when all of it could be made."
            ],
            exits: [
                (.ok, "made"), (.badData, "the JSON describes no image"), (.noInput, "there is no such file"),
                (.cannotCreate, "the image could not be written"), (.usage, "the command line is wrong"),
            ])
    }
    static var options: [Option<Self>] {
        [.optional("output", "o", \.output, as: "FILE", "Write it there instead of standard output.")]
    }
    static var operands: [Operand<Self>] { [.one("JSON", \.file, "What 'runner image decode' printed.")] }

    func run(on bench: Workbench) throws(CommandFault) -> Ending {
        let name = file ?? ""
        let json: [UInt8]
        do {
            json = try bench.machine.readFile(Places.absolute(name, from: bench.machine.workingDirectory), limit: .mebibytes(1024))
        } catch { throw CommandFault(error) }
        var image: [UInt8] = []
        do { image = try Self.image(of: json) } catch { throw CommandFault(error, doing: "make an image of", name) }
        if let output { try write(image, to: output, on: bench) } else { bench.answer(image) }
        return .ok
    }

    private static func image(of json: [UInt8]) throws(ImageFault) -> [UInt8] {
        // Whole before anything of it is written: half an image is worse than none.
        var image: [UInt8] = []
        try withoutActuallyEscaping({ (piece: [UInt8]) throws(ImageFault) in image += piece }) { (sink) throws(ImageFault) in
            try ImageEncoding.encode(json, sink: sink)
        }
        return image
    }

    private func write(_ image: [UInt8], to output: String, on bench: Workbench) throws(CommandFault) {
        let parts = Places.absolute(output, from: bench.machine.workingDirectory).split(separator: "/").map(String.init)
        guard let name = parts.last.flatMap({ DiskPath($0) }) else {
            throw CommandFault(.usage, "'\(output)' names no file. See 'runner image encode --help'")
        }
        do {
            try bench.machine.disk(at: "/" + parts.dropLast().joined(separator: "/"), create: false).replace(name, with: image)
        } catch { throw CommandFault(error) }
    }
}

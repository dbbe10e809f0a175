internal import CriuImages
internal import StatusViews

struct ImageCatCommand: Command {
    var directory: String?
    var process: Int?
    var address: Address?
    var length = 256
    var raw = false

    static var manual: Manual {
        Manual(
            name: "image cat", group: .images, summary: "print bytes of the memory of one process",
            examples: [
                .init("runner image cat /tmp/dump 1001 0x7ffc3a10", "256 bytes in hexadecimal and as text"),
                .init("runner image cat /tmp/dump 1001 0x400000 --length 4096 --raw > page", "one page, as it was"),
            ],
            notes: ["Ends early where a page is not in the images; fails when the first one is not."],
            exits: [
                (.ok, "printed"), (.badData, "the page map or the file of pages is damaged"),
                (.noInput, "there is no such directory, process or page"), (.usage, "the command line is wrong"),
            ])
    }
    static var options: [Option<Self>] {
        [
            .value("length", "n", \.length, as: "BYTES", "So many bytes; 256 unless said otherwise."),
            .flag("raw", nil, \.raw, "The bytes themselves."),
        ]
    }
    static var operands: [Operand<Self>] {
        [
            .images(\.directory),
            .one("PID", \.process, "The process, by its number in the images."),
            .one("ADDRESS", \.address, "Where, as 0x7ffc3a10 or as a number."),
        ]
    }

    func run(on bench: Workbench) throws(CommandFault) -> Ending {
        let memory = try bench.memory(of: process ?? 0, in: directory ?? "")
        var dump = HexDump(from: address?.number ?? 0)
        do {
            try memory.read(at: address?.number ?? 0, count: UInt64(length)) { (bytes) throws(ImageFault) in
                if raw { bench.answer(bytes) } else { bench.answer(dump.lines(bytes)) }
            }
        } catch { throw CommandFault(error, doing: "read the memory of process \(process ?? 0) in", directory ?? "") }
        if !raw { bench.answer(dump.rest()) }
        return .ok
    }

    /// An address in memory, hexadecimal with `0x`.
    struct Address: ArgumentValue {
        var number: UInt64
        init?(argument: String) {
            let number = argument.hasPrefix("0x") ? UInt64(argument.dropFirst(2), radix: 16) : UInt64(argument)
            guard let number else { return nil }
            self.number = number
        }
        static var expected: String { "an address such as 0x7ffc3a10" }
    }
}

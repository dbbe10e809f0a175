internal import CriuImages
internal import StatusViews

struct ImageStringsCommand: Command {
    var directory: String?
    var process: Int?
    var length = 8
    var find: String?

    static var manual: Manual {
        Manual(
            name: "image strings", group: .images, summary: "print the texts in the memory of one process",
            examples: [
                .init("runner image strings /tmp/dump 1001 --find API_KEY", "whether a secret is in the images, and where"),
                .init("runner image strings /tmp/dump 1001 --length 20", "every printable text of at least 20 characters"),
            ],
            notes: [
                "Each line is an address and a text, as 'runner image cat' takes the address. Images hold all that a process knew: keep them as safe as it."
            ],
            exits: [
                (.ok, "printed, even if nothing was found"), (.badData, "the page map or the file of pages is damaged"),
                (.noInput, "there is no such directory or process"), (.usage, "the command line is wrong"),
            ])
    }
    static var options: [Option<Self>] {
        [
            .value("length", "n", \.length, as: "N", "Texts of at least N characters; 8 unless said otherwise."),
            .optional("find", nil, \.find, as: "TEXT", "Only those that hold this text."),
        ]
    }
    static var operands: [Operand<Self>] {
        [.images(\.directory), .one("PID", \.process, "The process, by its number in the images.")]
    }

    func run(on bench: Workbench) throws(CommandFault) -> Ending {
        let memory = try bench.memory(of: process ?? 0, in: directory ?? "")
        do {
            try memory.strings(atLeast: max(1, length)) { (address, text) throws(ImageFault) in
                let shown = String(decoding: text, as: UTF8.self)
                if find.map({ Self.holds(shown, $0) }) ?? true { bench.answer("0x\(String(address, radix: 16)) \(printable(shown))\n") }
                return true
            }
        } catch { throw CommandFault(error, doing: "read the memory of process \(process ?? 0) in", directory ?? "") }
        return .ok
    }

    private static func holds(_ text: String, _ part: String) -> Bool {
        let text = Array(text.utf8)
        let part = Array(part.utf8)
        guard !part.isEmpty, part.count <= text.count else { return part.isEmpty }
        return (0...text.count - part.count).contains { text[$0] == part[0] && text[$0..<$0 + part.count].elementsEqual(part) }
    }
}

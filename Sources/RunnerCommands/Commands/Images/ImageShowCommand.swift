internal import CriuImages
internal import StatusViews

struct ImageShowCommand: Command {
    var directory: String?
    var json = false
    var files = false
    var sockets = false

    static var manual: Manual {
        Manual(
            name: "image show", group: .images, summary: "show what is in a directory of images",
            examples: [
                .init("runner image show /tmp/dump", "the tree of processes with commands, memory and open files in numbers"),
                .init("runner image show /tmp/dump --files", "with every descriptor: paths, pipes, sockets with their ends"),
            ],
            notes: [
                "Commands are read from the memory of the processes, as they were when they were dumped. Files that cannot be read are named "
                    + "and left out; 'runner image check' says what is wrong with them."
            ],
            exits: [
                (.ok, "shown"), (.noInput, "there is no such directory, or no images in it"), (.usage, "the command line is wrong"),
            ])
    }
    static var options: [Option<Self>] {
        [
            .flag("files", nil, \.files, "With every open file of each process."),
            .flag("sockets", nil, \.sockets, "With the sockets of each process."), .json(\.json),
        ]
    }
    static var operands: [Operand<Self>] { [.images(\.directory)] }

    func run(on bench: Workbench) throws(CommandFault) -> Ending {
        let summary = SetSummary(of: try bench.images(directory ?? ""))
        if json {
            try bench.answer(json: summary)
        } else {
            bench.answer(
                ImageText.lines(summary, detail: files ? .files : sockets ? .sockets : .counts).map { printable($0) + "\n" }.joined())
        }
        return .ok
    }
}

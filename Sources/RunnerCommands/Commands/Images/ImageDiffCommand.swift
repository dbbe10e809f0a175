internal import CriuImages
internal import StatusViews

struct ImageDiffCommand: Command {
    var before: String?
    var after: String?
    var json = false

    static var manual: Manual {
        Manual(
            name: "image diff", group: .images, summary: "compare two directories of images",
            examples: [
                .init("runner image diff /tmp/dump-1 /tmp/dump-2", "processes, open files, and how many pages changed"),
                .init("runner image diff /tmp/dump-1 /tmp/dump-2 --json", "the same for programs"),
            ],
            notes: ["Pages are compared byte by byte, those of older sets that a directory leans on too."],
            exits: [
                (.ok, "compared, whether they differ or not"), (.badData, "a page map or a file of pages is damaged"),
                (.noInput, "there is no such directory, or no images in it"), (.usage, "the command line is wrong"),
            ])
    }
    static var options: [Option<Self>] { [.json(\.json)] }
    static var operands: [Operand<Self>] {
        [.one("BEFORE", \.before, "The older directory, or a version."), .one("AFTER", \.after, "The newer one, or another version.")]
    }

    func run(on bench: Workbench) throws(CommandFault) -> Ending {
        let older = try bench.images(before ?? "")
        let newer = try bench.images(after ?? "")
        let difference: SetDifference
        do { difference = try SetDifference(from: older, to: newer) } catch { throw CommandFault(error, doing: "compare with", newer.name) }
        if json {
            try bench.answer(json: difference)
        } else {
            bench.answer(ImageText.lines(difference).map { printable($0) + "\n" }.joined())
        }
        return .ok
    }
}

internal import AgentModel
internal import CriuImages
internal import StatusViews

struct ImagePagesCommand: Command {
    var directory: String?
    var process: Int?
    var format = ListFormat.table

    static var manual: Manual {
        Manual(
            name: "image pages", group: .images, summary: "list the runs of pages of one process",
            examples: [
                .init("runner image pages /tmp/dump 1001", "addresses, how many pages, and where each run lies"),
                .init("runner image pages /tmp/dump 1001 -o json", "the same for programs"),
            ],
            exits: [
                (.ok, "listed"), (.badData, "the page map is damaged"), (.noInput, "there is no such directory or process"),
                (.usage, "the command line is wrong"),
            ])
    }
    static var options: [Option<Self>] { .list(\.format) }
    static var operands: [Operand<Self>] {
        [.images(\.directory), .one("PID", \.process, "The process, by its number in the images.")]
    }

    func run(on bench: Workbench) throws(CommandFault) -> Ending {
        let memory = try bench.memory(of: process ?? 0, in: directory ?? "")
        try bench.answer(memory.runs.map { PageRow(run: $0, file: "pages-\(memory.pagesID).img") }, as: format)
        return .ok
    }
}

private struct PageRow: Listable {
    var run: ProcessMemory.Run
    var file: String

    static var columns: [Column] {
        [
            Column("ADDRESS"), Column("PAGES", alignsRight: true), Column("SIZE", alignsRight: true), Column("WHERE"),
            Column("OFFSET", alignsRight: true),
        ]
    }
    func row(at now: WallTime) -> [Cell] {
        let (bytes, overflow) = run.pages.multipliedReportingOverflow(by: 4096)
        return [
            Cell(quietValue), Cell("\(run.pages)"), Cell("\(ByteCount(overflow ? .max : bytes))"),
            Cell(run.place == "here" ? file : run.place == "parent" ? "older set" : "not dumped"),
            run.offset.map { Cell("\($0)") } ?? .nothing,
        ]
    }
    var quietValue: String { "0x" + String(run.address, radix: 16) }
    func encode(to encoder: any Encoder) throws { try run.encode(to: encoder) }
}

extension Workbench {
    /// The memory of one process of a set.
    func memory(of process: Int, in directory: String) throws(CommandFault) -> ProcessMemory {
        let images = try images(directory)
        do { return try ProcessMemory(of: UInt64(process), in: images) } catch {
            throw CommandFault(error, doing: "read the memory of process \(process) in", directory)
        }
    }
}

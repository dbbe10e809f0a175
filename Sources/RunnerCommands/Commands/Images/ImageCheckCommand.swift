internal import AgentModel
internal import CriuImages
internal import StatusViews

struct ImageCheckCommand: Command {
    var directory: String?
    var format = ListFormat.table
    var anyMachine = false

    static var manual: Manual {
        Manual(
            name: "image check", group: .images, summary: "tell what a restore of a directory of images would meet",
            examples: [
                .init("runner image check /tmp/dump", "every finding, the worst first, with what follows from it"),
                .init("runner image check /tmp/dump -o json", "the same for programs; exit status 65 when there is an error"),
            ],
            notes: [
                "Looks at magic numbers, lengths, missing files, numbers that lead nowhere, page maps against the sizes of page files, "
                    + "namespaces and the machine's architecture. Pages are counted, not read: a changed byte of memory is found by "
                    + "'runner verify' of a version, which has hashes."
            ],
            exits: [
                (.ok, "no error; warnings and notes may be there"), (.badData, "at least one error"),
                (.noInput, "there is no such directory, or no images in it"), (.usage, "the command line is wrong"),
            ])
    }
    static var options: [Option<Self>] {
        .list(\.format) + [.flag("any-machine", nil, \.anyMachine, "Images of another architecture are no error.")]
    }
    static var operands: [Operand<Self>] { [.images(\.directory)] }

    func run(on bench: Workbench) throws(CommandFault) -> Ending {
        let images = try bench.images(directory ?? "")
        let findings = Check.check(images, architecture: anyMachine ? nil : Workbench.architecture)
        if findings.isEmpty, format == .table || format == .wide {
            bench.talk("'\(images.name)' is whole: \(images.files.count) files and nothing wrong with them")
        } else {
            try bench.answer(findings.map { FindingRow($0) }, as: format)
        }
        let errors = findings.count { $0.severity == .error }
        guard errors > 0 else { return .ok }
        let fault = CommandFault(
            .imageDamaged,
            "could not trust '\(images.name)': \(errors) \(errors == 1 ? "error" : "errors") in its images. Restore another version, or dump anew"
        )
        bench.talk(fault.sentence)
        return .ours(fault.status)
    }
}

private struct FindingRow: Listable {
    var finding: Finding
    init(_ finding: Finding) { self.finding = finding }

    static var columns: [Column] {
        [Column("SEVERITY"), Column("FILE"), Column("WHAT", narrow: .cut(to: 40)), Column("CONSEQUENCE", narrow: .leftOut(order: 1))]
    }
    func row(at now: WallTime) -> [Cell] {
        let tint: Cell.Tint = finding.severity == .error ? .bad : finding.severity == .warning ? .attention : .plain
        return [Cell(finding.severity.rawValue, tint), Cell(finding.file), Cell(finding.what), Cell(finding.consequence)]
    }
    var quietValue: String { printable(finding.file) }
    func encode(to encoder: any Encoder) throws { try finding.encode(to: encoder) }
}

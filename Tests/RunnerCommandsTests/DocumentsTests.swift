import Foundation
import Testing

@testable import RunnerCommands

/// Pages of docs/ that are made from the code, and what they must hold. `make golden` writes them.
private let pages: [(path: String, text: String)] = {
    let commands = allCommands().map(describe)
    return commands.map { ("docs/commands/\($0.pageName).md", Documents.page($0)) } + [
        ("docs/commands/README.md", Documents.index(commands)), ("docs/commands/exit-codes.md", Documents.exitCodes()),
        ("docs/errors.md", Documents.errors()),
    ]
}()

@Test(arguments: pages.indices)
func theGoldenDocumentsAgreeWithTheCode(index: Int) throws {
    let root = URL(fileURLWithPath: #filePath).deletingLastPathComponent().deletingLastPathComponent().deletingLastPathComponent()
    let file = root.appending(path: pages[index].path)
    if ProcessInfo.processInfo.environment["GOLDEN"] == "renew" { try Data(pages[index].text.utf8).write(to: file) }
    let written = try String(contentsOf: file, encoding: .utf8)
    #expect(written == pages[index].text, "run 'make golden' and read the difference of \(pages[index].path)")
}

@Test func everyCommandHasTwoExamplesAndItsExitStatuses() {
    for command in allCommands().map(describe) {
        #expect(command.examples.count >= 2, "\(command.name)")
        #expect(command.exits.contains { $0.status == 0 }, "\(command.name)")
        #expect(command.exits.contains { $0.status == 64 }, "\(command.name)")
        let longest = helpText(command).split(separator: "\n").map(\.count).max() ?? 0
        #expect(longest <= 80 || command.examples.contains { $0.line.count > 76 }, "\(command.name): \(longest) columns")
    }
}

@Test func everyCodeIsExplainedOnce() {
    let codes = catalogue().map(\.code)
    #expect(Set(codes).count == codes.count)
    for (code, entry) in catalogue() {
        #expect(code.hasPrefix("E-") && !entry.title.isEmpty && entry.explanation.hasSuffix(".") && !entry.remedy.isEmpty, "\(code)")
    }
}

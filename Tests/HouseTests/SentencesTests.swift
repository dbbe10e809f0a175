import Foundation
import Testing

/// Every documented error code and exit status has a test of its whole sentence.
///
/// The convention that is checked: in some table of a test the code stands as a literal and the whole sentence as the literal behind it,
/// `"E-STORE-FULL", "could not …"`, where it is an error with an exit status with the number before it, `73, "E-STORE-FULL", "could not …"`;
/// or, as notices of a spec are shown, the sentence ends with its code, `"3:1: error: … [E-SPEC-UNIT]"`.
private let root = URL(fileURLWithPath: #filePath).deletingLastPathComponent().deletingLastPathComponent().deletingLastPathComponent()

private func text(of path: String) throws -> String { try String(contentsOf: root.appending(path: path), encoding: .utf8) }

private func files(below folder: String, _ suffixes: [String]) throws -> [(path: String, text: String)] {
    let walk = try #require(FileManager.default.enumerator(atPath: root.appending(path: folder).path))
    let names = walk.compactMap { $0 as? String }.filter { name in suffixes.contains { name.hasSuffix($0) } && !name.contains("build/") }
    return try names.sorted().map { ("\(folder)/\($0)", try text(of: "\(folder)/\($0)")) }
}

/// A sentence that a test expects.
private struct Row {
    var path: String
    var code: String
    var sentence: String
    /// nil: the row is of a library, which knows no exit status.
    var status: Int?

    /// What could not be done, to what, why, and what to do next, in one line. A notice of a spec stands at its place instead: line, column,
    /// what was said, and mostly what was meant.
    var isWhole: Bool {
        if code.hasPrefix("E-SPEC-"), sentence.contains(": error: ") || sentence.contains(": warning: ") { return true }
        let begins = ["could not ", "unknown ", "say ", "what did not ", "'"].contains { sentence.hasPrefix($0) }
        let advises = [". ", "; did you mean ", ": leave out "].contains { sentence.contains($0) }
        return begins && advises && !sentence.contains("\\n")
    }
}

private let rows: [Row] = {
    guard let swift = try? files(below: "Tests", [".swift"]), let python = try? files(below: "Tests/EndToEnd", [".py"]) else { return [] }
    return (swift + python).flatMap { path, text -> [Row] in
        // A literal that goes on in the next line is one sentence.
        let joined = text.replacing(#/"\s*\n\s*(\+ )?f?"/#, with: "")
        let pairs = joined.matches(of: #/(?:(\d+),\s*)?"(E-[A-Z]+(?:-[A-Z]+)*)",\s*f?"([^"\n]+)"/#).map { match in
            Row(path: path, code: String(match.output.2), sentence: String(match.output.3), status: match.output.1.flatMap { Int($0) })
        }
        let notices = joined.matches(of: #/"([^"\n]+) \[(E-[A-Z]+(?:-[A-Z]+)*)\]"/#).map { match in
            Row(path: path, code: String(match.output.2), sentence: String(match.output.1), status: nil)
        }
        return pairs + notices
    }
}()

/// Code and exit status, as docs/errors.md has them.
private func documented() throws -> [String: Int] {
    let entries = try text(of: "docs/errors.md").matches(of: #/\n## (E-[A-Z-]+)\n\n\*[^*]+\* \(exit status (\d+)\)/#)
    return Dictionary(uniqueKeysWithValues: entries.map { (String($0.output.1), Int($0.output.2) ?? -1) })
}

@Test func everyErrorCodeHasATestOfItsWholeSentence() throws {
    let codes = try documented()
    #expect(codes.count > 80)
    let tested = Set(rows.filter(\.isWhole).map(\.code))
    for code in codes.keys.sorted() { #expect(tested.contains(code), "no test expects the whole sentence of \(code)") }
    for row in rows where row.isWhole {
        guard let documented = codes[row.code], let status = row.status, status != 0 else { continue }
        // Whoever is stopped ends with 128 and the signal's number; documented is that of Ctrl-C.
        let isOfSignal = documented == 130 && [129, 130, 143].contains(status)
        #expect(status == documented || isOfSignal, "\(row.path): \(row.code) is documented with exit status \(documented)")
    }
}

@Test func everyExitStatusHasATestOfItsWholeSentence() throws {
    let table = try text(of: "docs/commands/exit-codes.md")
    let statuses = table.matches(of: #/\n\| (\d+) \|/#).compactMap { Int($0.output.1) }
    #expect(statuses.count > 10)
    let tested = Set(rows.filter(\.isWhole).compactMap(\.status))
    for status in statuses { #expect(tested.contains(status), "no test expects a whole sentence that ends with \(status)") }
}

// MARK: Raised and documented are the same

/// Where codes are only listed and explained.
private let lists = ["Faults/ErrorCode.swift", "Faults/ErrorCatalogue", "Faults/AgentCode.swift", "AgentSpecs/SpecCode.swift"]

@Test func everyRaisedCodeIsDocumented() throws {
    let codes = try documented()
    for (path, text) in try files(below: "Sources", [".swift"]) + files(below: "sdk/python/src", [".py"]) {
        for match in text.matches(of: #/["'](E-[A-Z]+(-[A-Z]+)*)["']/#) {
            #expect(codes[String(match.output.1)] != nil, "\(path): \(match.output.1) is not in docs/errors.md")
        }
    }
}

@Test func everyDocumentedCodeIsRaised() throws {
    let sources = try files(below: "Sources", [".swift"]).filter { file in !lists.contains { file.path.contains($0) } }
    let literals = Set(sources.flatMap { $0.text.matches(of: #/"(E-[A-Z]+(-[A-Z]+)*)"/#).map { String($0.output.1) } })
    // `CommandFault(.usage, …)`, `self.init(.usage, …)`, `case .full: .fileFull`; a notice says `.cycle` in any way.
    let byName = try names(in: "RunnerCommands/Faults/ErrorCode").merging(names(in: "AgentSpecs/SpecCode")) { first, _ in first }
    let front = sources.filter { $0.path.contains("RunnerCommands/") }.map(\.text).joined()
    let specs = sources.filter { $0.path.contains("AgentSpecs/") }.map(\.text).joined()
    for code in try documented().keys.sorted() where !literals.contains(code) {
        guard let name = byName[code] else {
            Issue.record("\(code) is documented and raised nowhere")
            continue
        }
        let asNotice = try Regex("\\.\(name)\\b")
        let asFault = try Regex("(CommandFault\\(|self\\.init\\(|:)\\s*\\.\(name)\\b")
        let isRaised = front.contains(asFault) || code.hasPrefix("E-SPEC-") && specs.contains(asNotice)
        #expect(isRaised, "\(code) is documented and raised nowhere")
    }
}

private func names(in file: String) throws -> [String: String] {
    let cases = try text(of: "Sources/\(file).swift").matches(of: #/case `?(\w+)`? = "(E-[A-Z-]+)"/#)
    return Dictionary(uniqueKeysWithValues: cases.map { (String($0.output.2), String($0.output.1)) })
}

/// Advice that names a command names one that there is.
@Test func everyCommandThatIsAdvisedExists() throws {
    let pages = try files(below: "docs/commands", [".md"]).compactMap { $0.path.split(separator: "/").last }
    let commands = Set(pages.map { String($0.dropLast(3)) })
    for (path, text) in try files(below: "Sources", [".swift"]) + files(below: "sdk/python/src", [".py"]) {
        for match in text.matches(of: #/'runner ([a-z]+)(?: ([a-z]+|--help))?/#) {
            let first = String(match.output.1)
            let both = "\(first)-\(match.output.2 ?? "")"
            let isFamily = match.output.2 == "--help" && commands.contains { $0.hasPrefix(first + "-") }
            #expect(commands.contains(first) || commands.contains(both) || isFamily, "\(path) advises '\(match.output.0)'")
        }
    }
}

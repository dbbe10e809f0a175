import Foundation
import Testing

private let root = URL(fileURLWithPath: #filePath).deletingLastPathComponent().deletingLastPathComponent().deletingLastPathComponent()

/// Every Markdown file a reader of this project meets.
private let pages: [String] = {
    let folders = ["docs", "sdk", "examples", "changelog", "hooks", "proto"]
    let below = folders.flatMap { folder in
        (FileManager.default.enumerator(atPath: root.appending(path: folder).path)?.compactMap { $0 as? String } ?? []).map {
            "\(folder)/\($0)"
        }
    }
    return (["README.md", "CONTRIBUTING.md", "CHANGELOG.md"] + below).filter { $0.hasSuffix(".md") && !$0.contains("/.") }.sorted()
}()

/// As the usual renderers make an anchor of a heading: lower case, blanks to dashes, the rest left out; or what `{#…}` says.
private func anchors(of text: String) -> Set<String> {
    var found: Set<String> = []
    for line in text.split(separator: "\n") where line.hasPrefix("#") {
        if let named = line.firstMatch(of: #/\{#([^}]+)\}/#) { found.insert(String(named.output.1)) }
        let heading = line.drop { $0 == "#" }.trimmingPrefix(" ").lowercased()
        found.insert(String(heading.compactMap { $0 == " " ? "-" : $0.isLetter || $0.isNumber || "-_".contains($0) ? $0 : nil }))
    }
    return found
}

@Test func thereArePagesToLookAt() {
    #expect(pages.count > 30)
    #expect(pages.contains("docs/getting-started.md") && pages.contains("sdk/python/README.md"))
}

/// What a page links to in this tree is there, anchors too.
@Test(arguments: pages)
func noLinkIsDead(page: String) throws {
    let text = try String(contentsOf: root.appending(path: page), encoding: .utf8)
    for match in text.matches(of: #/\]\(([^)\s]+)\)/#) {
        let target = String(match.output.1)
        if target.contains("://") || target.hasPrefix("mailto:") { continue }
        let parts = target.split(separator: "#", maxSplits: 1, omittingEmptySubsequences: false).map(String.init)
        let file =
            parts[0].isEmpty ? root.appending(path: page) : root.appending(path: page).deletingLastPathComponent().appending(path: parts[0])
        #expect(FileManager.default.fileExists(atPath: file.standardizedFileURL.path), "\(page) links to '\(target)', which is not there")
        guard parts.count > 1, let linked = try? String(contentsOf: file, encoding: .utf8) else { continue }
        #expect(anchors(of: linked).contains(parts[1]), "\(page) links to '\(target)', and there is no such heading")
    }
}

/// Comments of the code that name a document name one that is there.
@Test func documentsNamedInTheCodeExist() throws {
    let base = root.appending(path: "Sources")
    let names = FileManager.default.enumerator(atPath: base.path)?.compactMap { $0 as? String } ?? []
    for name in names where name.hasSuffix(".swift") || name.hasSuffix(".c") || name.hasSuffix(".h") {
        guard let text = try? String(contentsOf: base.appending(path: name), encoding: .utf8) else { continue }
        for match in text.matches(of: #/docs\/[A-Za-z0-9\/.-]+\.md/#) {
            #expect(
                FileManager.default.fileExists(atPath: root.appending(path: String(match.output)).path), "\(name) names \(match.output)")
        }
    }
}

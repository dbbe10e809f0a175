import Testing
import FoundationEssentials

/// One file of Tests/Corpora/protocol: what a peer sends, in labelled pieces, and what must come of it.
///
///     # why it is here
///     # expect: hello beat close:E-PROTOCOL-…
///     # label of a piece
///     hex digits, any number of lines
struct CorpusFile: Sendable, CustomTestStringConvertible {
    var name: String
    var expected: [String]
    var pieces: [[UInt8]]
    var bytes: [UInt8] { pieces.flatMap(\.self) }
    var testDescription: String { name }

    static let all: [CorpusFile] = {
        let folder = URL(filePath: #filePath).deletingLastPathComponent().deletingLastPathComponent().appending(path: "Corpora/protocol")
        let names = (try? FileManager.default.contentsOfDirectory(atPath: folder.path)) ?? []
        return names.filter { $0.hasSuffix(".hex") }.sorted().compactMap { name in
            (try? String(contentsOf: folder.appending(path: name), encoding: .utf8)).map { CorpusFile(name: name, text: $0) }
        }
    }()

    init(name: String, text: String) {
        self.name = name
        expected = []
        pieces = []
        for line in text.split(separator: "\n") {
            if line.hasPrefix("# expect: ") {
                expected = line.dropFirst(10).split(separator: " ").map(String.init)
            } else if line.hasPrefix("#") {
                pieces.append([])
            } else {
                pieces[pieces.count - 1] += stride(from: 0, to: line.count, by: 2).compactMap { offset in
                    UInt8(line.dropFirst(offset).prefix(2), radix: 16)
                }
            }
        }
        pieces.removeAll(where: \.isEmpty)
    }
}

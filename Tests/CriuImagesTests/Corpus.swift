import Foundation

@testable import CriuImages

/// The kept sets of images. How they were made: Tests/Corpora/criu/README.md
enum Corpus {
    static let root = URL(fileURLWithPath: #filePath).deletingLastPathComponent().deletingLastPathComponent()
        .appending(path: "Corpora/criu")
    static let sets = ["many", "namespaces", "older"]

    static func names(of set: String) -> [String] {
        ((try? FileManager.default.contentsOfDirectory(atPath: root.appending(path: set).path)) ?? []).sorted()
    }

    static func bytes(_ path: String) throws -> [UInt8] { Array(try Data(contentsOf: root.appending(path: path))) }

    /// Files of all sets that have entries, as "many/core-1001.img".
    static let images: [String] = sets.flatMap { set in
        names(of: set).filter { ImageKind.of(fileName: $0)?.kind.isRaw == false }.map { "\(set)/\($0)" }
    }

    static func file(_ path: String) throws -> ImageFile {
        ImageFile(name: URL(fileURLWithPath: path).lastPathComponent, bytes: try bytes(path))
    }

    /// A set in memory, which a test may change.
    static func files(of set: String) throws -> [String: [UInt8]] {
        var files: [String: [UInt8]] = [:]
        for name in names(of: set) { files[name] = try bytes("\(set)/\(name)") }
        return files
    }
}

func decoded(_ file: ImageFile, _ form: ImageDecoding.Form = .plain) throws(ImageFault) -> [UInt8] {
    let gathered = Gathered()
    try ImageDecoding.decode(file, form: form) { (piece) throws(ImageFault) in gathered.bytes += piece }
    return gathered.bytes
}

func encoded(_ json: [UInt8]) throws(ImageFault) -> [UInt8] {
    let gathered = Gathered()
    try ImageEncoding.encode(json) { (piece) throws(ImageFault) in gathered.bytes += piece }
    return gathered.bytes
}

private final class Gathered {
    var bytes: [UInt8] = []
}

import AgentModel
import CriuDriver
import CriuRequests
import Glibc
import Testing

@testable import CriuImages
@testable import LinuxWorld

/// crit, CRIU's own decoder, of the release that made the images. `dev/install-crit` provides it.
enum Crit {
    private static let program = "/opt/runner-criu/crit"
    static let python = "/opt/runner-criu/crit-python"

    /// Whether it is there and of CRIU's release.
    static let isHere: Bool = {
        guard let criu = criuFinding.chosen?.version, access(program, X_OK) == 0, let text = try? Shell.output("\"$0\" --version", program)
        else { return false }
        return String(decoding: text, as: UTF8.self).contains(criu.description)
    }()
}

/// Whether our reading of images says what crit's says, byte for byte, and gives the same bytes back.
enum ImagesOracle {
    /// - Returns: how many files were compared; 0 where there is no crit.
    static func compare(_ images: String, _ why: Comment) throws -> Int {
        let out = images + ".crit"
        #expect(KernelFiles.makeDirectories(out) == 0)
        defer { _ = try? Shell.output("rm -rf \"$0\"", out) }
        if Crit.isHere {
            _ = try Shell.output("exec '\(Crit.python)' '\(KindOfProgram.directory)/decode_all.py' \"$0\" '\(out)'", images)
        }
        var compared = 0
        for name in KernelFiles.names(in: images).sorted() where !name.hasSuffix(".log") && name != "shared-memory" {
            guard let kind = ImageKind.of(fileName: name)?.kind else {
                Issue.record("\(why): '\(name)' is of no known kind")
                continue
            }
            let isRefused = access("\(out)/\(name).refused", F_OK) == 0
            if kind.isRaw {
                #expect(isRefused == Crit.isHere, "\(why): crit decodes '\(name)'")
                continue
            }
            #expect(!isRefused, "\(why): crit does not decode '\(name)'")
            try compare(images + "/" + name, with: Crit.isHere ? "\(out)/\(name)" : nil, why)
            compared += Crit.isHere ? 1 : 0
        }
        return compared
    }

    private static func compare(_ path: String, with crit: String?, _ why: Comment) throws {
        let bytes = try #require(KernelFiles.bytes(path, limit: 1 << 30))
        let file = ImageFile(name: path.split(separator: "/").last.map(String.init) ?? path, bytes: bytes)
        for (form, ending) in [(ImageDecoding.Form.plain, ".json"), (.pretty, ".pretty.json")] {
            let decoded = Pieces()
            try ImageDecoding.decode(file, form: form) { (piece) throws(ImageFault) in decoded.bytes += piece }
            let encoded = Pieces()
            try ImageEncoding.encode(decoded.bytes) { (piece) throws(ImageFault) in encoded.bytes += piece }
            #expect(encoded.bytes == bytes, "\(why): '\(file.name)' is encoded to other bytes")
            guard let crit else { continue }
            let expected = KernelFiles.bytes(crit + ending, limit: 1 << 30)
            // crit ends its output with a line's end only on a terminal's stream.
            #expect(
                decoded.bytes == expected || decoded.bytes == expected.map { $0 + [10] },
                "\(why): '\(file.name)' is decoded otherwise than by crit")
        }
    }

    private final class Pieces { var bytes: [UInt8] = [] }
}

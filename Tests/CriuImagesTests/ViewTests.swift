import Foundation
import Testing

@testable import CriuImages

func set(_ name: String) throws -> ImageDirectory {
    ImageDirectory(name: name, files: try Corpus.files(of: name).map { ImageFile(name: $0.key, bytes: $0.value) })
}

@Test func aSummaryHasTheTreeWithCommandsFilesAndSizes() throws {
    let summary = SetSummary(of: try set("many"))
    #expect(summary.processes.map(\.pid) == [1001, 1003, 1006, 1004])
    #expect(summary.processes.map(\.parent) == [0, 1001, 1003, 1001])
    #expect(summary.processes.map(\.name) == ["agent", "first child", "first child", "agent"])
    #expect(summary.processes.map(\.state) == ["alive", "alive", "alive", "dead"])
    let root = try #require(summary.processes.first)
    #expect(root.command == ["./agent", "--name", "agent-7"])
    #expect(root.threads == [1001, 1005])
    #expect(root.executable == "/srv/agent/agent" && root.workingDirectory == "/srv/agent/work")
    #expect(root.user == 0)
    let words = root.files.map { "\($0.descriptor) \($0.kind) \($0.what)" }
    for expected in [
        "0 REG /dev/null", "3 PIPE pipe:[2068341] read", "4 PIPE pipe:[2068341] write",
        "5 UNIXSK STREAM socket:[2068342] -> socket:[2068343]", "11 UNIXSK STREAM door.sock (LISTEN)",
        "13 EVENTFD counter 7", "16 EPOLL", "17 INOTIFY 1 watches",
    ] {
        #expect(words.contains { $0.hasPrefix(expected.replacing("EPOLL", with: "EVENTPOLL watches 13, 14")) }, "\(expected) in \(words)")
    }
    #expect(words.contains { $0.contains("INETSK TCP 127.0.0.1:") && $0.hasSuffix("(ESTABLISHED)") })
    #expect(summary.architecture == "X86_64" && summary.unread == [] && !summary.hasParent)
    #expect(summary.pages == 4096 * summary.processes.reduce(0) { $0 + $1.memory.pages / 4096 } + 8192)
}

@Test func memoryIsReadByItsAddress() throws {
    let memory = try ProcessMemory(of: 1001, in: try set("many"))
    var found: [(UInt64, String)] = []
    try memory.strings(atLeast: 8) { (address, text) throws(ImageFault) in
        found.append((address, String(decoding: text, as: UTF8.self)))
        return true
    }
    let secret = try #require(found.first { $0.1.hasPrefix("API_KEY=sk") })
    #expect(secret.1 == "API_KEY=sk-not-a-real-key")
    #expect(String(decoding: try memory.bytes(at: secret.0 + 8, count: 5), as: UTF8.self) == "sk-no")
    // The page behind it was never written, so it is in no image.
    #expect(try memory.bytes(at: secret.0, count: 20_000).count == 4096)
    #expect(throws: ImageFault(.notThere, "the page at 0x1000 is not in the images")) { try memory.bytes(at: 0x1234, count: 1) }
    #expect(throws: ImageFault(.notThere, "there is no page map of process 7")) { try ProcessMemory(of: 7, in: try set("many")) }
}

@Test func twoSetsAreComparedPageByPage() throws {
    #expect(try SetDifference(from: set("many"), to: set("many")).isEmpty)
    var files = try Corpus.files(of: "many")
    let pages = "pages-\(try ProcessMemory(of: 1001, in: set("many")).pagesID).img"
    files[pages]?[5000] ^= 1
    files["fdinfo-3.img"] = Array(try #require(files["fdinfo-3.img"]).prefix(8))
    let tree = try #require(files["pstree.img"])
    let json = String(decoding: try decoded(ImageFile(name: "pstree.img", bytes: tree)), as: UTF8.self)
    let end = try #require(json.range(of: #", {"pid": 1004"#)?.lowerBound)
    files["pstree.img"] = try encoded(Array((json[..<end] + "]}").utf8))
    let changed = ImageDirectory(name: "changed", files: files.map { ImageFile(name: $0.key, bytes: $0.value) })
    let difference = try SetDifference(from: set("many"), to: changed)
    #expect(difference.processesRemoved.map(\.pid) == [1004] && difference.processesAdded.isEmpty)
    #expect(difference.processes.map(\.pages.changed).reduce(0, +) == 1)
    #expect(difference.processes.map(\.filesRemoved.isEmpty) == [true, false, true])
    #expect(!difference.isEmpty)
}

@Test func theShapeIsWhatTheKernelWouldTell() throws {
    let directory = try set("many")
    let shape = SetShape(of: directory)
    let summary = SetSummary(of: directory)
    #expect(shape.processes.map(\.pid).sorted() == summary.processes.map(\.pid).sorted())
    let root = try #require(shape.processes.first)
    #expect(root.pid == 1001 && root.parent == 0 && root.isAlive && root.threads == [1001, 1005])
    #expect(root.descriptors.map(\.number) == summary.processes[0].files.map(\.descriptor))
    #expect(root.descriptors.first?.path == "/dev/null")
    // The kernel's own areas are left out, and the pages in them.
    #expect(root.areas.count < summary.processes[0].memory.areas && root.pages < summary.processes[0].memory.pages)
    #expect(root.areas.contains { $0.path == "/srv/agent/agent" && $0.protection == 5 && !$0.isShared })
    #expect(shape.processes.first { $0.pid == 1004 }?.isAlive == false)
    #expect(shape.boundSockets == ["/srv/agent/work/door.sock"])
    for path in ["/srv/agent/agent", "/srv/agent/work", "/dev/null"] { #expect(shape.neededPaths.contains(path)) }
    // One of its files is deleted, and its content is in the images.
    #expect(shape.paths.count == shape.neededPaths.count + 1 && shape.neededPaths.isSubset(of: shape.paths))
}

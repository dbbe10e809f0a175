import Testing

@testable import CriuImages

/// What stands in files.img of a timerfd: its ticks, the time that is left and its interval.
private func timers(of image: [UInt8]) throws -> [[UInt64?]] {
    var reader = try EntryReader(ImageFile(name: "files.img", bytes: image))
    var found: [[UInt64?]] = []
    while let entry = try reader.next() {
        guard case .message(let timer)? = entry.message.values("tfd").first else { continue }
        found.append(["ticks", "vsec", "vnsec", "isec", "insec"].map { timer.number($0) })
    }
    return found
}

private func withTimer(_ values: [UInt64]) throws -> [UInt8] {
    let image = try Corpus.bytes("many/files.img")
    var reader = try EntryReader(ImageFile(name: "files.img", bytes: image))
    var bytes = Array(image[..<8])
    while var message = try reader.next()?.message {
        if case .message(var timer)? = message.values("tfd").first {
            for (name, value) in zip(["ticks", "vsec", "vnsec", "isec", "insec"], values) { timer.set(.number(value), name) }
            message.set(.message(timer), "tfd")
        }
        let content = WireWriter.write(message)
        bytes += (0..<4).map { UInt8(truncatingIfNeeded: content.count >> ($0 * 8)) } + content
    }
    return bytes
}

@Test(
    arguments: [
        // Run out and not yet read: CRIU would never let it come again.
        ([1, 0, 0, 2, 500], [1, 2, 500, 2, 500]),
        ([7, 0, 0, 0, 9], [7, 0, 9, 0, 9]),
        // Time is left; it comes once and has come; it is off.
        ([1, 0, 3, 2, 500], nil),
        ([1, 0, 0, 0, 0], nil),
        ([0, 0, 0, 2, 500], nil),
    ] as [([UInt64], [UInt64]?)])
func aTimerThatHasRunOutIsSetToItsInterval(written: [UInt64], expected: [UInt64]?) throws {
    let image = try withTimer(written)
    #expect(try timers(of: image) == [written])
    let mended = try TimerMending.mended(ImageFile(name: "files.img", bytes: image))
    #expect(try mended.map(timers) == expected.map { [$0] })
    // All else is as CRIU wrote it.
    if let expected, let mended { #expect(try withTimer(expected) == mended) }
}

/// Files of the corpus's images that have a size, by path.
private func sizes(of image: [UInt8]) throws -> [String: UInt64] {
    var reader = try EntryReader(ImageFile(name: "files.img", bytes: image))
    var found: [String: UInt64] = [:]
    while let entry = try reader.next() {
        if let regular = entry.message.message("reg"), let path = regular.text("name") { found[path] = regular.number("size") }
    }
    return found
}

@Test func onlyWhatIsReadAndOthersWriteLosesItsSize() throws {
    let directory = try set("many")
    let users = directory.files.values.filter { $0.name.hasPrefix("fdinfo-") || $0.name.hasPrefix("mm-") }
    func mended(_ image: [UInt8], where isOthers: (String) -> Bool) throws -> [UInt8]? {
        try SizeMending.mended(ImageFile(name: "files.img", bytes: image), used: users, where: isOthers)
    }
    // Of what it holds open two files have a size, and both are written; the program itself is mapped.
    let written = try Corpus.bytes("many/files.img")
    #expect(try mended(written) { _ in true } == nil)
    let image = try #require(
        try ImageRewriting.rewritten(ImageFile(name: "files.img", bytes: written)) { message in
            guard var regular = message.message("reg"), regular.text("name") == "/srv/agent/work/lock" else { return false }
            regular.set(.number((regular.number("flags") ?? 0) & ~3), "flags")
            message.set(.message(regular), "reg")
            return true
        })
    var asked: [String] = []
    let result = try #require(
        try mended(image) { path in
            asked.append(path)
            return true
        })
    #expect(asked == ["/srv/agent/work/lock"])
    let (before, after) = (try sizes(of: image), try sizes(of: result))
    #expect(before["/srv/agent/work/lock"] == 0 && after["/srv/agent/work/lock"] == nil)
    #expect(after.count == before.count - 1 && after["/srv/agent/agent"] == before["/srv/agent/agent"])
    #expect(try mended(image) { _ in false } == nil)
}

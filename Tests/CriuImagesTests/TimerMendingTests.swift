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
    let files = try #require(directory.files["files.img"])
    let users = directory.files.values.filter { $0.name.hasPrefix("fdinfo-") || $0.name.hasPrefix("mm-") }
    let before = try sizes(of: files.bytes)
    var asked: [String] = []
    let mended = try SizeMending.mended(files, used: users) { path in
        asked.append(path)
        return true
    }
    // What is written, mapped or worked in is not asked for.
    let shape = SetShape(of: directory)
    let mapped = Set(shape.processes.flatMap { $0.areas.compactMap(\.path) })
    #expect(!asked.isEmpty && mapped.isDisjoint(with: asked))
    let after = try sizes(of: try #require(mended))
    #expect(Set(before.keys).subtracting(after.keys) == Set(asked))
    #expect(after.allSatisfy { before[$0.key] == $0.value })
    #expect(try SizeMending.mended(files, used: users) { _ in false } == nil)
}

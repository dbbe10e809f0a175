// An agent that works through the text files of a folder, its workspace: it counts the words of each, keeps a table of them there, and
// publishes each count to a file outside, as one effect. Killed at any moment it goes on where it was: the table has every file once,
// and so has the outside file, which no restore rolls back.
//
//     swift-agent FOLDER OUTSIDE-FILE

internal import AgentKit
internal import Glibc

/// Where it is: what survives a restart.
struct Progress: Codable {
    var counts: [String: Int] = [:]
}

@main
struct SwiftAgent {
    static func main() {
        do {
            guard CommandLine.arguments.count == 3 else {
                say("usage: swift-agent FOLDER OUTSIDE-FILE")
                exit(64)
            }
            try work(in: CommandLine.arguments[1], publishingTo: CommandLine.arguments[2])
        } catch {
            say((error as? AgentFault)?.sentence ?? "could not go on: \(error)")
            exit(1)
        }
    }
}

func work(in folder: String, publishingTo outside: String) throws {
    let agent = try Agent(AgentSettings(stateSchema: "word counts 1"))
    var progress = try agent.restored(as: Progress.self) ?? Progress()
    let names = try textFiles(in: folder)
    say("\(progress.counts.count) of \(names.count) files are done")

    for name in names where progress.counts[name] == nil {
        let words = try countWords(of: folder + "/" + name)
        try agent.effect("publish \(name)", description: "\(name) has \(words) words") {
            try append("\(name)\t\(words)\n", to: outside)
            return Array(String(words).utf8)
        }
        progress.counts[name] = words
        try writeTable(progress.counts, to: folder + "/counts.tsv")
        let step = UInt64(progress.counts.count)
        agent.beat(step: step, progress: Double(step) / Double(names.count), note: name)
        say("\(name): \(words) words")
        try agent.checkpointPoint(encoding: progress, step: step)
        if agent.shouldStop { return say("stopping after \(step) of \(names.count) files") }
    }
    try agent.save(encoding: progress, step: UInt64(progress.counts.count))
    try agent.done(note: "\(progress.counts.count) files, \(progress.counts.values.reduce(0, +)) words")
}

// MARK: Files

struct FileTrouble: Error, CustomStringConvertible {
    var description: String
    init(_ doing: String, _ path: String) { description = "could not \(doing) '\(path)': \(String(cString: strerror(errno)))" }
}

func textFiles(in folder: String) throws -> [String] {
    guard let directory = opendir(folder) else { throw FileTrouble("list", folder) }
    defer { closedir(directory) }
    var names: [String] = []
    while let entry = readdir(directory) {
        let name = withUnsafePointer(to: &entry.pointee.d_name) {
            $0.withMemoryRebound(to: CChar.self, capacity: 256) { String(cString: $0) }
        }
        if name.hasSuffix(".txt") { names.append(name) }
    }
    return names.sorted()
}

func countWords(of path: String) throws -> Int {
    guard let file = fopen(path, "re") else { throw FileTrouble("open", path) }
    defer { fclose(file) }
    var (words, inside) = (0, false)
    var buffer = [UInt8](repeating: 0, count: 64 << 10)
    while case let count = fread(&buffer, 1, buffer.count, file), count > 0 {
        for byte in buffer[..<count] {
            let isSpace = byte == 0x20 || (0x09...0x0d).contains(byte)
            if !isSpace && !inside { words += 1 }
            inside = !isSpace
        }
    }
    return words
}

/// All of it or nothing: a reader never sees half a table.
func writeTable(_ counts: [String: Int], to path: String) throws {
    unlink(path + ".new")
    try append(counts.sorted { $0.key < $1.key }.map { "\($0.key)\t\($0.value)\n" }.joined(), to: path + ".new")
    guard rename(path + ".new", path) == 0 else { throw FileTrouble("replace", path) }
}

func append(_ line: String, to path: String) throws {
    guard let file = fopen(path, "ae") else { throw FileTrouble("open", path) }
    let written = fputs(line, file) >= 0 && fflush(file) == 0 && fsync(fileno(file)) == 0
    guard fclose(file) == 0, written else { throw FileTrouble("write", path) }
}

func say(_ line: String) {
    let bytes = Array((line + "\n").utf8)
    _ = write(1, bytes, bytes.count)
}

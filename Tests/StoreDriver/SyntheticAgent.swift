import Checkpoints
import CriuRequests
import LinuxWorld
import OutsideWorld

/// A process image of which some pages change from version to version, here and there, and a workspace in which files are written, grow and go.
struct SyntheticAgent {
    /// What a version must hold, by other means than the store's.
    struct Print {
        var pages: [UInt64]
        var files: [String: (print: UInt64, size: Int)]
    }

    private var state: UInt64 = 0x9E37_79B9_7F4A_7C15
    private var memory: [UInt8] = []
    private var pages: [UInt64] = []
    private var files: [String: [UInt8]] = [:]
    private var filePrints: [String: (print: UInt64, size: Int)] = [:]
    private var step = 0

    var images: [(name: String, content: [UInt8])] { [("pages-1.img", memory), ("core-1000.img", Array("core \(step)".utf8))] }
    var print: Print { Print(pages: pages, files: filePrints) }
    var fileCount: Int { files.count }

    mutating func begin(pages count: Int) {
        memory = content(count * 4096)
        pages = Self.prints(ofPages: memory)
        for number in 0..<40 { files["src-\(number % 4)-file-\(number)"] = content(2000 + number * 700) }
        files["log"] = []
    }

    /// One of 50 pages is another: half of those wholly, half in a few bytes.
    mutating func work(in workspace: LinuxDisk) throws {
        step += 1
        for number in 0..<max(1, pages.count / 50) {
            let page = Int(next() % UInt64(pages.count))
            let range = (page * 4096)..<(page * 4096 + 4096)
            if number % 2 == 0 {
                memory.replaceSubrange(range, with: content(4096))
            } else {
                for _ in 0..<16 { memory[page * 4096 + Int(next() % 4096)] = UInt8(truncatingIfNeeded: next()) }
            }
            pages[page] = Self.print(memory[range])
        }
        var changed: Set<String> = step == 1 ? Set(files.keys) : []
        files["log", default: []] += Array("step \(step)\n".utf8)
        let rewritten = "src-\(step % 4)-file-\(Int(next() % 40))"
        files[rewritten] = content(2000 + Int(next() % 30_000))
        files["note-\(step)"] = content(500)
        changed.formUnion(["log", rewritten, "note-\(step)"])
        files["note-\(step - 20)"] = nil
        for name in changed {
            let content = files[name] ?? []
            try workspace.replace(DiskPath(stringLiteral: name), with: content)
            filePrints[name] = (Self.print(content[...]), content.count)
        }
        filePrints["note-\(step - 20)"] = nil
        try workspace.removeTree(DiskPath(stringLiteral: "note-\(step - 20)"))
    }

    // MARK: Prints

    static func prints(ofPages memory: [UInt8]) -> [UInt64] {
        stride(from: 0, to: memory.count, by: 4096).map { print(memory[$0..<min($0 + 4096, memory.count)]) }
    }

    /// FNV-1a, eight bytes at a time.
    static func print(_ bytes: ArraySlice<UInt8>) -> UInt64 {
        var hash: UInt64 = 0xcbf2_9ce4_8422_2325
        bytes.withUnsafeBytes { raw in
            var offset = 0
            while offset + 8 <= raw.count {
                hash = (hash ^ raw.loadUnaligned(fromByteOffset: offset, as: UInt64.self)) &* 0x100_0000_01b3
                hash ^= hash >> 29
                offset += 8
            }
            while offset < raw.count {
                hash = (hash ^ UInt64(raw[offset])) &* 0x100_0000_01b3
                offset += 1
            }
        }
        return hash
    }

    /// Bytes of all different pages and files together.
    static func size(of prints: [Print]) -> Int {
        var pages: Set<UInt64> = []
        var files: [UInt64: Int] = [:]
        for print in prints {
            pages.formUnion(print.pages)
            for file in print.files.values { files[file.print] = file.size }
        }
        return pages.count * 4096 + files.values.reduce(0, +)
    }

    // MARK: Chance

    private mutating func next() -> UInt64 {
        state ^= state << 13
        state ^= state >> 7
        state ^= state << 17
        return state &* 0x2545_F491_4F6C_DD1D
    }

    /// Half of it compresses, as memory does.
    private mutating func content(_ count: Int) -> [UInt8] {
        var bytes = [UInt8](repeating: UInt8(truncatingIfNeeded: step), count: count)
        var offset = 0
        while offset + 16 <= count {
            let word = next()
            for byte in 0..<8 { bytes[offset + byte] = UInt8(truncatingIfNeeded: word >> UInt64(8 * byte)) }
            offset += 16
        }
        return bytes
    }
}

extension MadeImages {
    static let synthetic = MadeImages(
        tree: DumpedTree(
            root: 1000, highestProcess: 1000, outputPipe: nil, errorPipe: nil, connections: [], tcp: .close, criu: CriuVersion(4, 2, 0)),
        frozen: 0, kernel: "", startedWith: "")
}

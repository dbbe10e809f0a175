/// Where a process's pages are, through the chain of sets that its page map leans on.
struct PageSource: Sendable {
    let file: ImageFile?
    let map: PageMap
    indirect enum Older: Sendable { case none, source(PageSource) }
    private let older: Older

    /// - Throws: the fault of the first page map that cannot be read, or `notThere`.
    init(_ name: String, in directory: ImageDirectory, depth: Int = 0) throws(ImageFault) {
        guard let mapFile = directory.files[name] else { throw ImageFault(.notThere, "there is no '\(name)'") }
        map = try Self.map(mapFile)
        file = directory.files["pages-\(map.pagesID).img"]
        if map.inParent > 0, case .set(let parent) = directory.parent, depth < ImageDirectory.longestChain,
            parent.files[name] != nil
        {
            older = .source(try PageSource(name, in: parent, depth: depth + 1))
        } else {
            older = .none
        }
    }

    private static func map(_ file: ImageFile) throws(ImageFault) -> PageMap {
        var reader = try EntryReader(file)
        guard let head = try reader.next() else { throw ImageFault(.truncated, "'\(file.name)' has no entry") }
        var map = PageMap(pagesID: head.message.number("pages_id") ?? 0)
        while let entry = try reader.next() {
            if let why = map.add(entry.message) { throw ImageFault(.malformed, "'\(file.name)': \(why)", at: reader.offset) }
        }
        return map
    }

    /// One piece of a page source: bytes that lie together in one file.
    struct Piece: Hashable, Sendable {
        var address: UInt64
        var offset: UInt64
        var count: UInt64
    }

    /// The bytes of `range` that are here or in older sets, in order, at most `chunk` at a time; the rest is left out.
    func read(
        _ range: Range<UInt64>, chunk: UInt64 = UInt64(ImageLimits.chunk), each: (UInt64, [UInt8]) throws(ImageFault) -> Bool
    ) throws(ImageFault) {
        _ = try walk(range, chunk, each)
    }

    private func walk(
        _ range: Range<UInt64>, _ chunk: UInt64, _ each: (UInt64, [UInt8]) throws(ImageFault) -> Bool
    ) throws(ImageFault) -> Bool {
        for run in map.runs[firstRun(endingAfter: range.lowerBound)...] {
            if run.address >= range.upperBound { break }
            let part = max(run.address, range.lowerBound)..<min(run.end, range.upperBound)
            switch run.place {
            case .nowhere: continue
            case .parent:
                if case .source(let source) = older, try !source.walk(part, chunk, each) { return false }
            case .here:
                guard let file else { throw ImageFault(.notThere, "there is no 'pages-\(map.pagesID).img'") }
                var address = part.lowerBound
                while address < part.upperBound {
                    let count = min(chunk, part.upperBound - address)
                    let offset = run.position * PageMap.pageSize + (address - run.address)
                    guard offset <= file.size, count <= file.size - offset else {
                        throw ImageFault(.truncated, "'\(file.name)' ends too early", at: file.size)
                    }
                    if try !each(address, file.read(offset, Int(count))) { return false }
                    address += count
                }
            }
        }
        return true
    }

    private func firstRun(endingAfter address: UInt64) -> Int {
        var low = 0
        var high = map.runs.count
        while low < high {
            let middle = (low + high) / 2
            if map.runs[middle].end <= address { low = middle + 1 } else { high = middle }
        }
        return low
    }

    /// The first page that `map` says is in its older set, and that set and those before it do not have.
    static func firstMissing(_ map: PageMap, _ name: String, in directory: ImageDirectory) -> UInt64? {
        guard let source = try? PageSource(name, in: directory) else { return map.runs.first { $0.place == .parent }?.address }
        for run in map.runs where run.place == .parent {
            if let missing = source.firstMissing(run.address..<run.end) { return missing }
        }
        return nil
    }

    private func firstMissing(_ range: Range<UInt64>) -> UInt64? {
        var address = range.lowerBound
        for run in map.runs[firstRun(endingAfter: range.lowerBound)...] {
            if address >= range.upperBound { break }
            guard run.address <= address else { return address }
            let end = min(run.end, range.upperBound)
            switch run.place {
            case .here: break
            case .nowhere: return address
            case .parent:
                guard case .source(let source) = older else { return address }
                if let missing = source.firstMissing(address..<end) { return missing }
            }
            address = end
        }
        return address < range.upperBound ? address : nil
    }
}

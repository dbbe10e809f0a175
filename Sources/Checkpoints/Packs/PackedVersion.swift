internal import AgentModel
internal import OutsideWorld

/// The version before, as far as a packer can make use of it.
struct PackedVersion {
    let map: ChunkMap
    let layout: ContentLayout
    let number: VersionNumber
    private let directory: VersionLayout

    init(_ map: ChunkMap, _ manifest: Manifest, tree: [TreeEntry], images: [TreeEntry]) {
        self.map = map
        layout = ContentLayout(manifest, tree: tree, images: images)
        number = manifest.version
        directory = VersionLayout(directory: StoreLayout.version(manifest.agent, manifest.version))
    }

    /// What its file is known by.
    func digest(_ path: DiskPath) -> String? { layout.workspace.index(of: path).flatMap { layout.workspace.entries[$0].sha256 } }

    /// Where one of its images would lie as a plain file, and what was stored there.
    func plainImage(_ path: DiskPath) -> (path: DiskPath, stored: Measure)? {
        guard let index = layout.process.index(of: path), case let entry = layout.process.entries[index], entry.kind == .file else {
            return nil
        }
        return (directory.image(path), Measure(entry))
    }
}

extension Measure {
    /// Of a file, as its list tells it.
    init(_ entry: TreeEntry) { self.init(size: entry.size ?? 0, digest: entry.sha256 ?? entry.xxh3 ?? "") }
}

/// Which chunk was where a new one is: a file grows and shrinks in the middle, so it is found by what lies before it.
struct Alignment {
    private let map: ChunkMap
    private let range: Range<Int>
    private var cursor: Int
    /// The run of the map that the cursor was in last.
    private var run: ChunkMap.Run?
    /// Runs of chunks of the range by their first number, made at the first surprise.
    private var sorted: [(first: ChunkNumber, position: Int, count: Int)]?

    /// What lay in the place of the chunk that comes next.
    struct Old {
        var number: ChunkNumber
        /// Chunks of the file before it.
        fileprivate(set) var index: Int

        func offset(_ size: Int) -> UInt64 { UInt64(index) * UInt64(size) }
    }

    init(map: ChunkMap, range: Range<Int>) {
        self.map = map
        self.range = range
        cursor = range.lowerBound
    }

    /// nil: nothing, or zeros.
    mutating func next() -> Old? {
        guard cursor < range.upperBound else { return nil }
        if run.map({ cursor < $0.position || cursor >= $0.position + $0.count }) ?? true { run = map.run(at: cursor) }
        guard case .chunk(let number)? = run?.place(at: cursor) else { return nil }
        return Old(number: number, index: cursor - range.lowerBound)
    }

    /// It is what lay there, or takes its place.
    mutating func passedNext() { cursor += 1 }

    /// It is a chunk that was somewhere; nil: zeros.
    mutating func passed(_ number: ChunkNumber?) {
        guard let number else {
            cursor += 1
            return
        }
        if next()?.number == number {
            cursor += 1
        } else {
            cursor = (position(of: number) ?? cursor) + 1
        }
    }

    private mutating func position(of number: ChunkNumber) -> Int? {
        let runs = sorted ?? runsOfRange()
        sorted = runs
        var low = 0
        var high = runs.count
        while low < high {
            let middle = (low + high) / 2
            if runs[middle].first <= number { low = middle + 1 } else { high = middle }
        }
        guard low > 0, case let run = runs[low - 1], number - run.first < ChunkNumber(run.count) else { return nil }
        return run.position + Int(number - run.first)
    }

    private func runsOfRange() -> [(first: ChunkNumber, position: Int, count: Int)] {
        var runs: [(first: ChunkNumber, position: Int, count: Int)] = []
        var position = range.lowerBound
        while position < range.upperBound, let run = map.run(at: position) {
            let end = min(range.upperBound, run.position + run.count)
            if case .chunk(let number) = run.place(at: position) { runs.append((number, position, end - position)) }
            position = end
        }
        return runs.sorted { $0.first < $1.first }
    }
}

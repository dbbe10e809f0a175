internal import OutsideWorld

/// In which order a version's content lies in its map of chunks: what the agent handed over, the lists, the workspace's files, the images; each begins
/// a chunk of its own.
struct ContentLayout {
    /// Where one file is.
    struct Extent: Hashable {
        var first: Int
        var size: UInt64
        /// Bytes of every chunk but the last.
        var chunk: Int

        var range: Range<Int> { first..<(first + ChunkSize.count(size, by: chunk)) }
    }
    let state: Extent?
    let tree: Extent?
    let images: Extent?
    private(set) var count = 0
    /// The files of the workspace.
    private(set) var workspace = Section()
    private(set) var process = Section()

    /// Files of one list.
    struct Section {
        /// Sorted by path, as every list.
        private(set) var entries: [TreeEntry] = []
        /// Where each begins, and at the end where all do.
        private var firsts: [Int] = [0]
        private var chunk: (DiskPath) -> Int = { _ in ChunkSize.other }

        init() {}
        fileprivate init(_ entries: [TreeEntry], from first: Int, chunk: @escaping (DiskPath) -> Int) {
            self.entries = entries
            self.chunk = chunk
            firsts = [first]
            firsts.reserveCapacity(entries.count + 1)
            var next = first
            for entry in entries {
                if entry.kind == .file { next += ChunkSize.count(entry.size ?? 0, by: chunk(entry.path)) }
                firsts.append(next)
            }
        }
        fileprivate var end: Int { firsts[entries.count] }

        /// nil: it is no file.
        func extent(at index: Int) -> Extent? {
            let entry = entries[index]
            guard entry.kind == .file else { return nil }
            return Extent(first: firsts[index], size: entry.size ?? 0, chunk: chunk(entry.path))
        }

        func index(of path: DiskPath) -> Int? {
            var low = 0
            var high = entries.count
            while low < high {
                let middle = (low + high) / 2
                if entries[middle].path < path { low = middle + 1 } else { high = middle }
            }
            return low < entries.count && entries[low].path == path ? low : nil
        }
    }

    /// What is known before the lists are read.
    init(_ manifest: Manifest) {
        var count = 0
        func extent(_ size: UInt64?) -> Extent? {
            guard let size else { return nil }
            let extent = Extent(first: count, size: size, chunk: ChunkSize.other)
            count = extent.range.upperBound
            return extent
        }
        state = extent(manifest.state?.size)
        tree = extent(manifest.workspace?.size)
        images = extent(manifest.process?.size)
        self.count = count
    }

    /// - Parameters: the lists, in their order.
    init(_ manifest: Manifest, tree: [TreeEntry], images: [TreeEntry]) {
        self.init(manifest)
        workspace = Section(tree, from: count) { _ in ChunkSize.other }
        process = Section(images, from: workspace.end, chunk: ChunkSize.of(image:))
        count = process.end
    }

    func file(_ path: DiskPath) -> Extent? { workspace.index(of: path).flatMap(workspace.extent) }
    func image(_ path: DiskPath) -> Extent? { process.index(of: path).flatMap(process.extent) }
}

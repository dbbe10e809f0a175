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
    private var workspace: [DiskPath: Extent] = [:]
    private var process: [DiskPath: Extent] = [:]

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
        for entry in tree where entry.kind == .file { workspace[entry.path] = next(entry.size ?? 0, ChunkSize.other) }
        for entry in images where entry.kind == .file {
            process[entry.path] = next(entry.size ?? 0, ChunkSize.of(image: entry.path))
        }
    }

    private mutating func next(_ size: UInt64, _ chunk: Int) -> Extent {
        let extent = Extent(first: count, size: size, chunk: chunk)
        count = extent.range.upperBound
        return extent
    }

    func file(_ path: DiskPath) -> Extent? { workspace[path] }
    func image(_ path: DiskPath) -> Extent? { process[path] }
}

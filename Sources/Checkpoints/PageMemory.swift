internal import AgentModel
internal import Digests
internal import OutsideWorld
internal import Synchronization

/// What the memory pages of the last two versions looked like, 16 bytes a page: when the newer one is put into packs, only pages that changed are read.
/// Made while a commit reads the images anyway; lives as long as who cuts, and without it all is read. Documentation: docs/store-format.md#commit
public final class PageMemory: Sendable {
    /// Pages of one version that are remembered at most: those of a GiB, in 4 MiB.
    static let limit = 1 << 18
    let secret: [UInt8]
    private let latest = Mutex<[Version]>([])

    struct Version {
        var number: VersionNumber
        var images: [DiskPath: PageSums]
    }

    /// - Parameter secret: `secretSize` bytes, not to be guessed by who writes the pages: two that differ could be made to look alike.
    public init(secret: [UInt8]) { self.secret = secret }

    public static let secretSize = PageSum.secretSize

    func remember(_ images: [DiskPath: PageSums], of version: VersionNumber) {
        latest.withLock { $0 = $0.suffix(1) + [Version(number: version, images: images)] }
    }

    /// nil: not remembered, or not of a file with this digest.
    func sums(of path: DiskPath, in version: VersionNumber, _ stored: Measure) -> PageSums? {
        latest.withLock { versions in
            guard let sums = versions.last(where: { $0.number == version })?.images[path] else { return nil }
            return sums.digest == stored.digest && sums.count == ChunkSize.count(stored.size, by: ChunkSize.page) ? sums : nil
        }
    }
}

/// The pages of one file of images.
struct PageSums: Sendable {
    /// XXH3 of all of the file, in hexadecimal digits.
    fileprivate(set) var digest = ""
    private var words: [UInt64] = []
    private let secret: [UInt8]
    private let zeros: (UInt64, UInt64)
    /// The last page that was added is not whole, so it is the file's last.
    private var isEnded = false

    init(secret: [UInt8]) {
        self.secret = secret
        var words: [UInt64] = []
        PageSum.append(of: [UInt8](repeating: 0, count: ChunkSize.page), page: ChunkSize.page, secret: secret, to: &words)
        zeros = (words[0], words[1])
    }

    /// Pages.
    var count: Int { words.count / 2 }

    /// - Returns: false: the pieces do not end where pages do.
    mutating func add(_ piece: [UInt8]) -> Bool {
        guard !isEnded else { return false }
        PageSum.append(of: piece, page: ChunkSize.page, secret: secret, to: &words)
        isEnded = piece.count % ChunkSize.page != 0
        return true
    }

    mutating func end(with digest: String) { self.digest = digest }

    func isZero(_ index: Int) -> Bool { words[2 * index] == zeros.0 && words[2 * index + 1] == zeros.1 }

    func isSame(_ index: Int, as other: Int, of others: PageSums) -> Bool {
        other < others.count && words[2 * index] == others.words[2 * other] && words[2 * index + 1] == others.words[2 * other + 1]
    }

    func isPage(_ index: Int, _ bytes: ArraySlice<UInt8>) -> Bool {
        var sum: [UInt64] = []
        PageSum.append(of: Array(bytes), page: ChunkSize.page, secret: secret, to: &sum)
        return sum == [words[2 * index], words[2 * index + 1]]
    }
}

public import AgentModel

/// What becomes of an agent's packs: which are kept, which hold nothing that is needed, and which are written anew without what is not. Printable:
/// `runner prune --dry-run`.
public struct CollectionPlan: Hashable, Sendable, Codable {
    public enum Fate: String, Hashable, Sendable, Codable {
        case stays, goes
        /// What is needed of it moves to another, and it goes.
        case rewritten
    }
    public struct Verdict: Hashable, Sendable, Codable {
        public var pack: String
        public var size: ByteCount
        /// What of it some version needs.
        public var needed: ByteCount
        public var fate: Fate
    }
    /// By the numbers of their chunks.
    public var verdicts: [Verdict]

    public var isEmpty: Bool { verdicts.allSatisfy { $0.fate == .stays } }
    public var size: ByteCount { sum(verdicts.map(\.size)) }
    public var needed: ByteCount { sum(verdicts.map(\.needed)) }
    /// At least what becomes free.
    public var freed: ByteCount {
        sum(verdicts.filter { $0.fate != .stays }.map { ByteCount($0.size.bytes - min($0.size.bytes, $0.needed.bytes)) })
    }

    private func sum(_ sizes: [ByteCount]) -> ByteCount { ByteCount(sizes.reduce(0) { saturatingSum($0, $1.bytes) }) }
}

/// Decides what becomes of packs, from what they hold and what of it is needed.
struct CollectionPlanner {
    /// A pack is written anew when less than this share of it is needed.
    private static let share = 0.6
    /// What a pack takes beside its chunks, at most.
    private static let frame: UInt64 = 256
    /// Packs smaller than this are small, and so many of them are put together.
    private static let smallSize: UInt64 = 8 << 20
    private static let smallCount = 24
    /// So much is written anew at a time, at least one pack.
    private static let rewriteLimit: UInt64 = 128 << 20

    struct Pack {
        var name: PackName
        var size: UInt64
        var needed: UInt64
    }

    func plan(_ packs: [Pack]) -> CollectionPlan {
        var fates = packs.map { pack -> CollectionPlan.Fate in
            if pack.needed == 0 { return .goes }
            return Double(pack.needed + Self.frame) < Double(pack.size) * Self.share ? .rewritten : .stays
        }
        let small = packs.indices.filter { fates[$0] == .stays && packs[$0].size < Self.smallSize }
        if small.count >= Self.smallCount { for index in small { fates[index] = .rewritten } }
        var rewritten: UInt64 = 0
        for index in packs.indices where fates[index] == .rewritten {
            if rewritten > 0, rewritten + packs[index].needed > Self.rewriteLimit { fates[index] = .stays }
            rewritten += fates[index] == .rewritten ? packs[index].needed : 0
        }
        return CollectionPlan(
            verdicts: zip(packs, fates).map { pack, fate in
                CollectionPlan.Verdict(
                    pack: pack.name.text, size: ByteCount(pack.size), needed: ByteCount(min(pack.size, pack.needed)), fate: fate)
            })
    }
}

/// A set of chunks that are in packs, a bit each. Others are never in it. Between two numbers there may be any gap: what is in no page takes no room.
struct ChunkSet {
    /// In words of 64 numbers.
    private static let pageLength = 64
    private let numbers: ClosedRange<ChunkNumber>
    /// By the first number of each, over `pageLength * 64`: where its words begin.
    private var pages: [UInt64: Int] = [:]
    private var words: [UInt64] = []
    /// The page of the last insertion: the next one is nearly always in it.
    private var latest: (page: UInt64, start: Int) = (.max, 0)

    init(of shelf: PackShelf) { numbers = shelf.lowest...max(shelf.highest, shelf.lowest) }

    func contains(_ number: ChunkNumber) -> Bool {
        let page = number / 64 / UInt64(Self.pageLength)
        guard let start = page == latest.page ? latest.start : pages[page] else { return false }
        return words[start + Int(number / 64 % UInt64(Self.pageLength))] & (1 << (number % 64)) != 0
    }

    mutating func insert(_ number: ChunkNumber) {
        guard numbers.contains(number) else { return }
        let page = number / 64 / UInt64(Self.pageLength)
        if page != latest.page {
            latest = (page, pages[page] ?? words.count)
            if latest.start == words.count {
                words.append(contentsOf: repeatElement(0, count: Self.pageLength))
                pages[page] = latest.start
            }
        }
        words[latest.start + Int(number / 64 % UInt64(Self.pageLength))] |= 1 << (number % 64)
    }

    mutating func insert(_ map: ChunkMap) {
        for run in map.runs {
            guard case .chunk(let first) = run.first else { continue }
            let end = first + ChunkNumber(run.count)
            let (low, high) = (max(first, numbers.lowerBound), min(end - 1, numbers.upperBound))
            if low <= high { for number in low...high { insert(number) } }
        }
    }
}

public import AgentModel
internal import OutsideWorld

/// What a store may take of its disk, for all agents together. Documentation: docs/store-format.md#limits
public struct StoreLimits: Hashable, Sendable, Codable {
    /// What all versions of all agents may take together, each counted as large as it is; nil: no such bound.
    public var quota: ByteCount?
    /// What stays free on its file system, or no checkpoint is taken of its own accord; nil: see `leastFree`.
    public var keepFree: ByteCount?
    public init(quota: ByteCount? = nil, keepFree: ByteCount? = nil) {
        self.quota = quota
        self.keepFree = keepFree
    }

    /// What must be free before a version that writes `forecast` is begun: so much, and no less than what is kept free. Where nobody said what that is:
    /// 1 GiB, or a twentieth of a smaller file system.
    public func leastFree(total: ByteCount?, forecast: ByteCount) -> ByteCount {
        let gibibyte = ByteCount.mebibytes(1024)
        return max(keepFree ?? min(gibibyte, total.map { ByteCount($0.bytes / 20) } ?? gibibyte), forecast)
    }
}

extension CheckpointStore {
    /// Of a store that nobody gave any, or whose record is damaged: none of its own.
    public func limits() -> StoreLimits {
        guard let bytes = try? disk.read(StoreLayout.limits, limit: CheckedLine.limit) else { return StoreLimits() }
        return CheckedLine.decode(StoreLimits.self, from: bytes) ?? StoreLimits()
    }

    /// From their next checkpoint on all supervisors of the store's agents act on them.
    public func set(_ limits: StoreLimits) throws(StoreFault) {
        let errand = Errand("set the limits of", disk.rootName)
        try errand.inStore { () throws(FileFault) in try disk.replace(StoreLayout.limits, with: CheckedLine.encode(limits)) }
    }

    /// What the versions of one agent may take under the store's quota: what those of the others leave, and at least its even share. An agent that
    /// others press cannot be pressed below that, and when each keeps to it the quota is kept. nil: there is no quota.
    public func allowance(of agent: AgentName) throws(StoreFault) -> ByteCount? {
        guard let quota = limits().quota else { return nil }
        let all = try agents()
        var others: UInt64 = 0
        for other in all where other != agent {
            do throws(StoreFault) {
                for version in try versions(of: other) { others = saturatingSum(others, version.size.bytes) }
            } catch { if error.kind != .noSuchAgent { throw error } }  // removed meanwhile
        }
        let share = quota.bytes / UInt64(max(1, all.count))
        return ByteCount(max(share, quota.bytes - min(quota.bytes, others)))
    }
}

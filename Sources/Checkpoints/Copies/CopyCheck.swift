public import AgentModel
internal import OutsideWorld

/// What reading one thing of a remote back found.
public struct CopyFinding: Hashable, Sendable {
    public var agent: AgentName
    public var version: VersionNumber?
    /// Its name; nil: it is a version that was looked at.
    public var pack: String?
    /// How it is damaged; nil: it is whole.
    public var damage: String?
}

/// Reads what a remote holds back, and compares every byte with what was stored. Changes nothing on either side.
public final class CopyCheck {
    private let store: CheckpointStore
    private let carrier: any Carrier
    private let isWanted: () -> Bool
    private let say: (String) -> Void

    /// - Parameters: as of `CopyOut`. The store only lends room.
    public init(
        of store: CheckpointStore, by carrier: any Carrier, isWanted: @escaping () -> Bool = { true },
        say: @escaping (String) -> Void = { _ in }
    ) {
        (self.store, self.carrier, self.isWanted, self.say) = (store, carrier, isWanted, say)
    }

    /// - Parameter chosen: these versions and what they need; nil: all, and every pack that is there.
    public func check(_ agent: AgentName, _ chosen: [VersionNumber]? = nil, in look: Look) throws(CopyFault) -> [CopyFinding] {
        let remote = try RemoteListing.of(carrier, agent)
        let fetched = FetchedVersions(
            of: agent, remote, from: carrier, in: look.directory / agent.text, of: store, isWanted: isWanted)
        defer { fetched.discard() }
        var findings: [CopyFinding] = []
        if chosen == nil {
            for name in remote.packs.keys.sorted() {
                say("\(agent): reading pack \(name.text) back")
                let damage = try damage { () throws(CopyFault) in try fetched.fetch([name]) }
                if let damage { findings.append(CopyFinding(agent: agent, pack: name.text, damage: damage)) }
            }
            // Only now: what a delta rests on may lie in any of them.
            for name in remote.packs.keys.sorted() where !findings.contains(where: { $0.pack == name.text }) {
                guard isWanted() else { throw .stopped }
                findings.append(
                    CopyFinding(agent: agent, pack: name.text, damage: try damage { () throws(CopyFault) in try fetched.verify(name) }))
            }
        }
        for number in chosen ?? remote.listed {
            guard isWanted() else { throw .stopped }
            say("\(agent)@\(number): reading it back")
            let damage = try damage { () throws(CopyFault) in
                try fetched.fetchLists(of: [number])
                let version = try fetched.version(number)
                guard version.packs != nil else { throw .remote(part: "\(agent)@\(number)", how: "it has no list of its packs") }
                guard version.standing != nil else { throw .remote(part: "\(agent)@\(number)/standing", how: "it is missing or damaged") }
                try fetched.fetchPacks(of: [version])
                try fetched.verify(version)
            }
            findings.append(CopyFinding(agent: agent, version: number, damage: damage))
        }
        return findings
    }

    private func damage(_ body: () throws(CopyFault) -> Void) throws(CopyFault) -> String? {
        do throws(CopyFault) {
            try body()
            return nil
        } catch {
            guard case .remote(let part, let how) = error else { throw error }
            return "'\(part)': \(how)"
        }
    }
}

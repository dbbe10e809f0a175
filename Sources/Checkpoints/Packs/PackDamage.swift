internal import OutsideWorld

/// How a pack is not what was stored.
public struct PackDamage: Hashable, Sendable {
    public var how: String
    /// The pack that is damaged; nil: this one. Deltas of this one cannot be expanded without that one, and its own bytes are what was stored.
    public var base: String?

    public init(how: String, base: String? = nil) {
        self.how = how
        self.base = base
    }

    /// For a person.
    public var words: String {
        base.map { "it rests on pack '\($0)', which is damaged (\(how)); its own bytes are what was stored" } ?? how
    }
}

extension PackShelf {
    /// Reads the pack whole, as `verify` does, and tells whose damage it is that shows in it. nil: it is whole.
    func damage(of name: PackName) throws(FileFault) -> PackDamage? {
        var resting: PackDamage?
        do throws(FileFault) {
            let pack = try open(name)
            let identities = try pack.identities()
            for block in pack.index.blocks.indices {
                do throws(FileFault) { try verify(block, of: pack, identities) } catch {
                    guard case .damaged(let how) = error.kind, let base = blamed(by: error), base != name else { throw error }
                    _ = try pack.frame(of: block)
                    resting = resting ?? PackDamage(how: how, base: base.text)
                }
            }
            return resting
        } catch {
            guard case .damaged(let how) = error.kind else { throw error }
            return PackDamage(how: how)
        }
    }

    /// The one that a fault tells of; nil: it tells of something else.
    private func blamed(by fault: FileFault) -> PackName? {
        guard let path = DiskPath(fault.what), path.parent == directory else { return nil }
        return PackName(path.name)
    }
}

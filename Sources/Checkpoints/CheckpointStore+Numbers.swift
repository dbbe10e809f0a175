internal import AgentModel
internal import OutsideWorld

/// The content of `numbers`.
struct NumberRecord: Codable {
    var next: VersionNumber
}

/// Version numbers are never used twice. Documentation: docs/store-format.md
extension CheckpointStore {
    /// How far counting jumps when `numbers` is lost: further than anybody removes versions before the loss is noticed.
    private static let jump: UInt64 = 1000

    /// Takes the next free number. On return it is durably used up, whatever becomes of it.
    func takeNumber(_ agent: AgentName, _ errand: Errand) throws(StoreFault) -> VersionNumber {
        let number = try nextNumber(agent, errand)
        try errand.inStore { () throws(FileFault) in
            try disk.replace(StoreLayout.numbers(agent), with: CheckedLine.encode(NumberRecord(next: number.next)))
        }
        return number
    }

    private func nextNumber(_ agent: AgentName, _ errand: Errand) throws(StoreFault) -> VersionNumber {
        let highest = try highestNumber(agent, errand)
        guard let recorded = try recordedNumber(agent, errand) else { return VersionNumber(highest.number + Self.jump) }
        return max(recorded, highest.next)
    }

    /// nil: `numbers` is lost or damaged.
    func recordedNumber(_ agent: AgentName, _ errand: Errand) throws(StoreFault) -> VersionNumber? {
        let bytes: [UInt8]
        do throws(StoreFault) {
            bytes = try errand.reading("numbers") { () throws(FileFault) in
                try disk.read(StoreLayout.numbers(agent), limit: CheckedLine.limit)
            }
        } catch {
            if case .broken = error.kind { return nil }
            throw error
        }
        guard let next = CheckedLine.decode(NumberRecord.self, from: bytes)?.next else { return nil }
        return StoreLayout.number(Substring(next.description))
    }

    /// The highest number that anything in the store tells of.
    private func highestNumber(_ agent: AgentName, _ errand: Errand) throws(StoreFault) -> VersionNumber {
        try errand.inStore { () throws(FileFault) in
            var seen = try disk.names(in: StoreLayout.versions(agent)).compactMap { StoreLayout.number(Substring($0)) }
            let prefix = StoreLayout.prefix(agent)
            for name in try disk.names(in: StoreLayout.trash) where name.utf8.starts(with: prefix.utf8) {
                if let number = StoreLayout.number(name.dropFirst(prefix.count)) { seen.append(number) }
            }
            for link in [StoreLayout.latest, StoreLayout.knownGood] {
                if let number = try linkedVersion(agent, link) { seen.append(number) }
            }
            return seen.max() ?? VersionNumber(0)
        }
    }
}

internal import AgentModel
internal import Checkpoints
internal import ControlSocket
internal import OutsideWorld

extension VerifyCommand {
    /// Puts back what was found damaged, and packs first: several versions may be whole again with one.
    /// - Returns: the rows as they are afterwards, with those of packs that were found on the way.
    func heal(
        _ rows: [VerificationRow], from source: RemotePlace, in store: CheckpointStore, _ work: LongWork, _ bench: Workbench
    ) throws(CommandFault) -> [VerificationRow] {
        var rows = rows
        let agents = Set(rows.filter { $0.result != .whole }.map(\.agent))
        for agent in agents.sorted() {
            let lock: any DiskLock
            do throws(StoreFault) { lock = try store.lock(agent, holder: "'runner verify --from'") } catch {
                guard case .held = error.kind, bench.isSupervised(agent, in: store) else { throw CommandFault(error) }
                try healBesideItsSupervisor(agent, &rows, from: source, in: store, work, bench)
                continue
            }
            defer { lock.release() }
            work.pause()
            do throws(StoreFault) { for sentence in try store.putInOrder(agent) { bench.talk(sentence) } } catch {
                throw CommandFault(error)
            }
            try bench.withCarrier(to: source, of: store, making: false, for: "heal from", work) { carrier throws(CopyFault) in
                let healing = try Healing(agent, of: store, from: carrier, stagingID: bench.draw(), isWanted: { work.isWanted })
                defer { healing.close() }
                try heal(agent, &rows, healing, work)
            }
        }
        return rows
    }

    /// It goes on meanwhile, and writes down itself that a version is whole again.
    private func healBesideItsSupervisor(
        _ agent: AgentName, _ rows: inout [VerificationRow], from source: RemotePlace, in store: CheckpointStore, _ work: LongWork,
        _ bench: Workbench
    ) throws(CommandFault) {
        let look: Look
        do throws(StoreFault) { look = try store.openLook(for: "verify", bench.draw) } catch { throw CommandFault(error) }
        defer { store.close(look) }
        try bench.withCarrier(to: source, of: store, making: false, for: "heal from", work) { carrier throws(CopyFault) in
            let mark = { (version: VersionNumber) throws(CopyFault) in
                let request = ControlRequest.mark(version, .stored, because: "healed from another copy")
                do throws(CommandFault) {
                    _ = try bench.ask(agent, in: store, request, to: "mark a version of", within: .seconds(600))
                } catch { throw CopyFault.unmarked(error.sentence) }
            }
            let healing = try Healing(agent, of: store, from: carrier, in: look, marking: mark, isWanted: { work.isWanted })
            try heal(agent, &rows, healing, work)
        }
    }

    private func heal(_ agent: AgentName, _ rows: inout [VerificationRow], _ healing: Healing, _ work: LongWork) throws(CopyFault) {
        work.say("\(agent): comparing packs")
        for (pack, outcome) in try healing.healPacks().sorted(by: { $0.key < $1.key }) {
            let row = VerificationRow(agent: agent, pack: pack, outcome)
            if let index = rows.firstIndex(where: { $0.agent == agent && $0.pack == pack }) {
                rows[index] = row
            } else {
                rows.append(row)
            }
        }
        for index in rows.indices where rows[index].agent == agent && ![.whole, .healed].contains(rows[index].result) {
            guard let version = rows[index].version else { continue }
            work.say("\(agent)@\(version): healing")
            switch try healing.heal(version) {
            case .healed: rows[index] = VerificationRow(agent: agent, version: version, result: .healed, what: rows[index].what)
            case .beyond(let why): rows[index].what = "\(rows[index].what ?? "it is damaged"); not healed: \(why)"
            }
        }
    }
}

extension VerificationRow {
    fileprivate init(agent: AgentName, pack: String, _ outcome: Healing.Outcome) {
        switch outcome {
        case .healed: self.init(agent: agent, pack: pack, result: .healed, what: nil)
        case .beyond(let why): self.init(agent: agent, pack: pack, result: .damaged, what: "not healed: \(why)")
        }
    }
}

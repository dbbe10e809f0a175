import AgentModel
import AgentSpecs
import Checkpoints
import OutsideWorld
import Recovery
import SimulatedWorld

/// What a version held when it was first seen.
struct Cut {
    /// Whose life it is of.
    let incarnation: UInt64
    let isGood: Bool
    /// How many steps are in the files.
    let steps: UInt64
    /// nil: it holds none.
    let image: UInt64?
    let hasState: Bool
}

extension Oracle {
    /// All parts of a version are of one moment.
    mutating func note(_ number: UInt64, _ manifest: Manifest, _ disk: SimulatedDisk) {
        guard let machine else { return }
        let steps = steps(in: content("workspace/results", of: number, disk))
        var image: UInt64?
        if manifest.process != nil {
            guard let inside = content("process/pages-1.img", of: number, disk).flatMap({ machine.lookInto(pages: $0) }) else {
                return complaint = "version \(number) holds an image of nothing"
            }
            image = inside.image
            if inside.hasBegun, inside.step != steps {
                complaint = "version \(number) holds an image at step \(inside.step) beside files with \(steps) steps"
            }
            if inside.hasBegun == false { unbegun.insert(number) }
        }
        let state = content("state", of: number, disk)
        if let state, let step = UInt64(String(decoding: state.prefix { $0 != UInt8(ascii: " ") }, as: UTF8.self)),
            step != steps
        {
            complaint = "version \(number) holds a state at step \(step) beside files with \(steps) steps"
        }
        cuts[number] = Cut(
            incarnation: manifest.incarnation, isGood: manifest.kind == "checkpoint" && !manifest.isOnlyFiles, steps: steps, image: image,
            hasState: state != nil)
    }

    /// A file of a version, as it lies there or out of packs. A copy is read: to look costs the disk itself nothing.
    func content(_ path: String, of number: UInt64, _ disk: SimulatedDisk) -> [UInt8]? {
        let directory = Self.versions(agent) / "\(number)"
        if let plain = disk.peek(directory / path) { return plain }
        guard disk.peek(directory / "chunks") != nil else { return nil }
        let copy = disk.copy(seed: 1)
        copy.restart()
        guard let store = try? CheckpointStore.open(copy, create: false, identity: { "" }) else { return nil }
        let version = VersionNumber(number)
        switch DiskPath(stringLiteral: path).parent?.text {
        case "workspace":
            guard let file = DiskPath(String(path.dropFirst("workspace/".count))) else { return nil }
            return try? store.file(agent, version, file).file.read(1 << 24)
        case "process":
            guard let file = DiskPath(String(path.dropFirst("process/".count))) else { return nil }
            return try? store.imagesDisk(agent, version).read(file, limit: .mebibytes(64))
        default: return try? store.state(agent, version).bytes
        }
    }

    /// A version is called good only for what it has shown.
    func unearned(on machine: SimulatedMachine, probation: Duration) -> String? {
        for (number, standing) in standings {
            guard let cut = cuts[number] else { continue }
            switch standing {
            case "rehearsed":
                guard let image = cut.image, machine.rehearsedImages.contains(image) else {
                    return "version \(number) is called rehearsed, and never was restored in a rehearsal"
                }
            case "proven":
                // Half: it is known at the next look of a clock that also may be set.
                let isShown = machine.lives.contains { life in
                    guard life.from == number || life.incarnation == cut.incarnation else { return false }
                    return (life.endedAt ?? machine.now) - life.at >= probation.nanoseconds / 2
                }
                if !isShown { return "version \(number) is called proven, and no life of it lasted" }
            default: break
            }
        }
        return nil
    }
}

extension Simulation {
    /// The longest an agent may stand still under a supervisor: a dump that hangs is given up after its limit, and CRIU a little later.
    private static var longestStandstill: Duration { .seconds(150) }

    func lookAtImages() -> String? {
        if let wrong = oracle.complaint { return wrong }
        if machine.rehearsals > 1 { return "\(machine.rehearsals) rehearsals at once" }
        if !machine.isLivingAgentFrozen || world == nil { frozenSince = nil }
        if machine.isLivingAgentFrozen, world != nil {
            let since = frozenSince ?? machine.now
            frozenSince = since
            guard machine.now - max(since, supervisedSince) <= Self.longestStandstill.nanoseconds else {
                return "the agent stands still for \((machine.now - since) / 1_000_000_000) s"
            }
        }
        return oracle.unearned(on: machine, probation: spec.recovery.probation) ?? lookAtLives()
    }

    /// A life goes on from exactly what the version it came from holds.
    private func lookAtLives() -> String? {
        while livesLookedAt < machine.lives.count {
            let life = machine.lives[livesLookedAt]
            if let from = life.from, !oracle.excused.contains(from), !oracle.unbegun.contains(from) {
                guard let cut = oracle.cuts[from] else { return nil }  // not seen yet
                let isHandedNothing = life.began == nil && !cut.hasState
                guard isHandedNothing || life.began ?? 0 == cut.steps else {
                    return "incarnation \(life.incarnation) began at step \(life.began ?? 0), and version \(from) was cut at \(cut.steps)"
                }
                if let image = life.image, image != cut.image {
                    return "incarnation \(life.incarnation) goes on from image \(image), and version \(from) holds another"
                }
            }
            livesLookedAt += 1
        }
        return nil
    }

    /// Only what was done since the newest version of a life is lost with it.
    func stepsLostOfVersions() -> String? {
        var durable: UInt64 = 0
        var isKnown = true
        for life in machine.lives {
            let began = life.began ?? 0
            if began < durable, isKnown {
                return "incarnation \(life.incarnation) began at step \(began), and a version held \(durable) steps of the life before"
            }
            let own = oracle.cuts.values.filter { $0.isGood && $0.incarnation == life.incarnation }.map(\.steps)
            durable = max(began, own.max() ?? 0)
            // A life that did nothing that anybody knows of speaks against its version.
            isKnown = life.progressHeard || !own.isEmpty
        }
        return nil
    }

    /// Every version that is listed is whole, the link of the good one leads to a good one, and nothing stands around.
    func lookAtTheEnd(endedByItself: Bool) -> String? {
        if hasCriu, endedByItself, !machine.supervisorCrashed {
            machine.pass(.seconds(1))
            if !machine.standing.isEmpty { return "there still is: \(machine.standing.joined(separator: ", "))" }
        }
        do throws(StoreFault) {
            let store = try CheckpointStore.open(machine.store, create: false) { "" }
            for summary in try store.versions(of: spec.name) where !oracle.excused.contains(summary.version.number) {
                guard summary.standing != .broken else {
                    if storeMayFail || hadRefusal { continue }
                    return "version \(summary.version) is called broken (\(summary.note ?? "")), and nobody damaged it"
                }
                try store.verify(spec.name, summary.version)
            }
        } catch { return "what is listed is not whole: \(error.sentence)" }
        return nil
    }
}

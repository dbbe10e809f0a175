internal import AgentModel
internal import CriuDriver
internal import LaunchPlans
internal import OutsideWorld
internal import StatusViews

struct DoctorCommand: Command {
    var json = false

    static var manual: Manual {
        Manual(
            name: "doctor", group: .explain, summary: "check what this machine allows, and say what to do next",
            examples: [
                .init("runner doctor", "what works here, with and without root, and what to install"),
                .init("runner doctor --json", "the same as JSON, with the facts it was concluded from"),
            ],
            notes: [
                "Changes nothing. What is limited still runs: the runner says what an agent goes without when it starts.",
                "RUNNER_CRIU names a CRIU that is tried before all others. What was found out about one is remembered until the machine "
                    + "restarts; see docs/criu.md.",
            ],
            exits: [(.ok, "agents can run here"), (.failed, "something essential is missing"), (.usage, "the command line is wrong")])
    }
    static var options: [Option<Self>] { [.json(\.json)] }

    func run(on bench: Workbench) throws(CommandFault) -> Ending {
        let facts = bench.machine.facts
        let probe = CriuProbe(bench.machine, kernelRelease: facts.kernelRelease, memory: bench.places.machineDirectory)
        let images = ImageFacts(criu: probe.find(), support: bench.machine.imageSupport)
        let report = DoctorReport(facts, images: images, store: storeFinding(on: bench))
        if json { try bench.answer(json: report) } else { bench.answer(report.text(on: bench.paper)) }
        return report.canRun ? .ok : .failed
    }

    private func storeFinding(on bench: Workbench) -> DoctorReport.Finding {
        let path = bench.places.store
        do {
            let free = try bench.machine.disk(at: path, create: false).freeSpace()
            let low = free < .mebibytes(256)
            return .init(
                "store", low ? .limited : .works, "'\(path)' (\(bench.places.storeOrigin.rawValue)), \(free) free",
                remedy: low ? "Free space: checkpoints need room for the whole workspace." : nil)
        } catch {
            switch error.kind {
            case .missing: return .init("store", .works, "'\(path)' (\(bench.places.storeOrigin.rawValue)), made by the first 'runner run'")
            default:
                return .init(
                    "store", .missing, "'\(path)' cannot be used: \(error.because)",
                    remedy: "Choose another with '--store DIR' or RUNNER_STORE.")
            }
        }
    }
}

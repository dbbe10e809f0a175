internal import AgentModel
internal import Recovery

// What a person does next: a sentence on the cause, then commands that can be pasted.

extension Incident {
    func whatToDo() -> String {
        let advice = advice()
        var lines = ["## What to do", "", advice.prefix(1).uppercased() + advice.dropFirst(), ""]
        let commands = [("RUNNER_STORE=\(shellWord(store)); export RUNNER_STORE", "this agent's store")] + commands()
        let width = commands.map(\.0.count).max() ?? 0
        lines += commands.map { "    " + $0.0 + String(repeating: " ", count: width - $0.0.count) + "  # " + $0.1 }
        return lines.joined(separator: "\n")
    }

    /// What this cause usually means.
    private func advice() -> String {
        if closedAt != nil { return "Nothing has to be done. To keep it from coming again: " + hint() }
        if parked || escalatedAt != nil { return hint() }
        return "Nothing has to be done yet, the ladder is at work. If it does not get through: " + hint()
    }

    private func hint() -> String {
        switch fault {
        case .ended(.exited(126)), .ended(.exited(127)):
            return
                "status 126 or 127 says that the command, or one it calls, cannot be executed or was not found. Check 'command' and PATH in the spec."
        case .ended(.exited(let status)):
            return "the agent ended itself with status \(status). Its last lines below usually say why."
        case .ended(.signaled(_, outOfMemory: true)):
            let limit = resources.memoryLimit.map { " of \($0)" } ?? ""
            return
                "it reached its memory limit\(limit). Raise 'limits.memory' in the spec, or find what grows: a restore brings back the memory it had at the cut only in part."
        case .ended(.signaled(let signal, outOfMemory: false)):
            return signalHint(signal)
        case .ended(.unknown):
            return
                "nobody saw how it ended; its sandbox was ended from outside, or the machine went down. See 'dmesg' and the machine's own log."
        case .missedHeartbeat(let silence):
            return
                "it was alive and silent for \(words(silence)). See what its last lines waited for; if such a pause is normal, raise 'health.heartbeat' in the spec."
        case .noSignOfLife:
            return
                "it came up and never said a word. Either it hangs at its start, or it no longer speaks the protocol: then set 'recovery.sign_of_life: never' in the spec."
        case .couldNotStart:
            return "it was never up; the sentence above says what refused. 'runner doctor' checks what the machine can give."
        case .reportedFailure:
            return "the agent itself said so; the words are its own."
        case .lost:
            return
                "the runner and the agent went down together: a reboot, a power cut, or both were killed. Nothing speaks against the agent or its versions."
        }
    }

    private func signalHint(_ signal: Int32) -> String {
        switch signal {
        case 4, 6, 7, 8, 11:
            return
                "signal \(signal) is a crash of the program itself (a bug, a broken library, or an image from another processor). A debugger on its core helps, its state rarely does."
        case 9:
            return
                "signal 9 comes from outside: a person, a script, or the kernel when the whole machine is out of memory. See 'dmesg' if nobody did it."
        case 1, 2, 3, 15: return "signal \(signal) is a polite request to end that did not come from the runner. Look for who sends it."
        case 24, 25: return "signal \(signal) says that a resource limit (processor time or file size) was reached."
        default: return "signal \(signal) ended it."
        }
    }

    private func commands() -> [(String, String)] {
        var list = [("runner why \(agent)", "the last decisions, in words"), ("runner logs \(agent)", "what it wrote since")]
        if case .couldNotStart = fault { list.append(("runner doctor", "what this machine can and cannot give")) }
        if closedAt != nil { return list }
        list.append(("runner versions \(agent)", "what can be restored"))
        if let version = tried.last?.version {
            list.append(("runner verify \(agent)@\(version)", "are the bytes of a version that failed whole?"))
        }
        if let knownGood {
            list.append(("runner restore \(agent)@\(knownGood)", "go on from the newest known-good version"))
        } else if let newest = tried.map(\.version).max() {
            // Died after a restore is often said of a good state in a bad world.
            list.append(("runner restore \(agent)@\(newest)", "once the cause is mended: go on from the newest state"))
        }
        if finished {
            list.append(("runner run agent.yaml", "start it again, with its own spec; '--from clean' begins anew"))
        } else {
            list.append(("runner restart \(agent) --from clean", "or begin anew; no version is lost by it"))
        }
        if !parked { list.append(("runner stop \(agent)", "or end it")) }
        return list
    }
}

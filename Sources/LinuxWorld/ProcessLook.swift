internal import CLinuxShims
internal import Glibc

/// Looks at processes from outside, through /proc.
enum ProcessLook {
    /// Fields of /proc/PID/stat that name a process for good and tell where it came from.
    struct Facts: Equatable {
        var state: Character
        var parent: Int32
        var session: Int32
        /// Clock ticks since boot.
        var startTime: UInt64
    }

    static func facts(of pid: Int32) -> Facts? {
        // The name in parentheses may hold anything; the fields begin after the last of them. See proc_pid_stat(5).
        guard let text = KernelFiles.text("/proc/\(pid)/stat"), let name = text.lastIndex(of: ")") else { return nil }
        let words = text[text.index(after: name)...].split(separator: " ")
        guard words.count > 19, let state = words[0].first, let parent = Int32(words[1]), let session = Int32(words[3]),
            let startTime = UInt64(words[19])
        else { return nil }
        return Facts(state: state, parent: parent, session: session, startTime: startTime)
    }

    /// The process's number in our pid namespace; nil once it was reaped, or where it has none here.
    static func pid(ofHandle handle: Int32) -> Int32? {
        guard let text = KernelFiles.text("/proc/self/fdinfo/\(handle)") else { return nil }
        for line in text.split(separator: "\n") where line.hasPrefix("Pid:") {
            guard let pid = Int32(line.dropFirst(4).drop { $0 == "\t" || $0 == " " }), pid > 0 else { return nil }
            return pid
        }
        return nil
    }

    /// Whether the process behind a pidfd has ended (it may still wait to be reaped), waiting for it at most so long.
    static func hasEnded(handle: Int32, within milliseconds: Int32 = 0) -> Bool {
        var one = pollfd(fd: handle, events: Int16(POLLIN), revents: 0)
        return poll(&one, 1, milliseconds) == 1
    }

    /// Living processes, with their start times, that carry `mark` in the environment they were executed with, belong to `session`, or
    /// descend from one of these. One that scrubbed its environment, left its session and lost its parent is not found: only a control
    /// group or a pid namespace holds such a one.
    static func marked(_ mark: String, session: Int32?) -> [Int32: UInt64] {
        var all: [Int32: Facts] = [:]
        var found: [Int32: UInt64] = [:]
        let own = getpid()
        for pid in KernelFiles.names(in: "/proc").compactMap({ Int32($0) }) where pid != own {
            guard let facts = facts(of: pid), facts.state != "Z", facts.state != "X" else { continue }
            all[pid] = facts
            if facts.session == session || carries(mark, pid) && !isElsewhere(pid, mark) { found[pid] = facts.startTime }
        }
        var before = 0
        while before != found.count {
            before = found.count
            for (pid, facts) in all where found[facts.parent] != nil { found[pid] = facts.startTime }
        }
        return found
    }

    /// Whether a process with our mark lives in the sandbox of another agent: a restored process carries the mark of the sandbox it was
    /// dumped in, and a fork or a rehearsal is restored into another. In a process namespace that is not ours, the init of ours above it
    /// decides, whose environment is its mark and nothing else.
    private static func isElsewhere(_ pid: Int32, _ mark: String) -> Bool {
        guard linkTarget(of: "/proc/\(pid)/ns/pid") != linkTarget(of: "/proc/self/ns/pid") else { return false }
        var ancestor = pid
        for _ in 0..<1024 where ancestor > 1 {
            let environment = KernelFiles.bytes("/proc/\(ancestor)/environ", limit: 4 << 20) ?? []
            if environment.starts(with: "RUNNER_SANDBOX=".utf8), environment.count(where: { $0 == 0 }) == 1 {
                return !environment.dropLast().elementsEqual(mark.utf8)
            }
            ancestor = facts(of: ancestor)?.parent ?? 0
        }
        return false
    }

    private static func carries(_ mark: String, _ pid: Int32) -> Bool {
        guard let environment = KernelFiles.bytes("/proc/\(pid)/environ", limit: 4 << 20) else { return false }
        return environment.split(separator: 0).contains { $0.elementsEqual(mark.utf8) }
    }

    /// Kills `pid` if `condition` holds once a pidfd names it, so that a reused number is never hit.
    static func kill(_ pid: Int32, if condition: () -> Bool) {
        let handle = shim_process_open(pid)
        guard handle >= 0 else { return }
        defer { close(handle) }
        if condition() { _ = shim_process_signal(handle, SIGKILL) }
    }
}

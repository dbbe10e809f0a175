import Glibc

@testable import LinuxWorld

/// What the kernel tells of a process tree, line by line, in words that are the same before a checkpoint and after its restore if the processes
/// are: numbers are those inside the sandbox, and pipes, sockets and the like, whose inodes are other ones, get names in the order they are found.
///
/// Blocked and pending signals are left out: the kernel tells another mask of a thread that waits in sigsuspend(2) than of one that is about to do
/// so again, and a tree that is left stopped gets signals by that. So are locks, which such a tree does not take. The programs look after their own.
///
/// Takes nothing from the runner but where its init is. The tree should stand still.
struct KernelView {
    private(set) var lines: [String] = []
    /// From numbers of the host to those inside.
    private var inside: [Int32: Int32] = [:]
    private var names: [String: String] = [:]

    /// - Parameter initPid: of the sandbox, which is not part of the tree.
    init(below initPid: Int32) {
        let processes = Self.descendants(of: initPid)
        for pid in processes {
            for thread in Self.numbers(in: "/proc/\(pid)/task") {
                inside[thread] = Self.lastNumber(of: "NSpid", in: "/proc/\(pid)/task/\(thread)/status")
            }
        }
        for pid in processes.sorted(by: { inside[$0] ?? 0 < inside[$1] ?? 0 }) { lookAt(pid) }
    }

    var processCount: Int { lines.count { $0.contains(" is '") } }

    /// What only one of them says.
    func difference(from other: KernelView) -> [String] {
        lines.filter { !other.lines.contains($0) }.map { "+ " + $0 } + other.lines.filter { !lines.contains($0) }.map { "- " + $0 }
    }

    // MARK: A process

    private mutating func lookAt(_ pid: Int32) {
        let (proc, number) = ("/proc/\(pid)", inside[pid] ?? -1)
        func says(_ what: String) -> String { "\(number) \(what)" }
        let status = Self.fields(of: proc + "/status")
        let stat = Self.afterName(in: proc + "/stat")
        func last(_ field: String) -> String { status[field]?.split(separator: "\t").last.map(String.init) ?? "?" }

        // The state tells whether it is dead: one that stands still is told in other letters at the cut than after a restore.
        let state = stat.first == "Z" ? "dead, exit status \(stat.last ?? "?")" : "alive"
        lines.append(
            says(
                "is '\(status["Name"] ?? "")' \(state), parent \(inside[Int32(stat[1]) ?? 0].map(String.init) ?? "init"), "
                    + "group \(last("NSpgid")), session \(last("NSsid"))"))
        guard stat.first != "Z" else { return }
        for field in [
            "Umask", "Uid", "Gid", "Groups", "NoNewPrivs", "Seccomp", "CapInh", "CapPrm", "CapEff", "CapBnd", "CapAmb", "SigIgn", "SigCgt",
        ] {
            lines.append(says("\(field) \(status[field] ?? "?")"))
        }
        for link in ["exe", "cwd", "root"] { lines.append(says("\(link) \(linkTarget(of: "\(proc)/\(link)") ?? "?")")) }
        for file in ["cmdline", "environ", "limits", "oom_score_adj", "coredump_filter", "personality"] {
            lines.append(says("\(file) \(KernelFiles.text("\(proc)/\(file)", limit: 1 << 20) ?? "?")"))
        }
        let timers = (KernelFiles.text(proc + "/timers") ?? "").replacingOccurrences(of: "pid.\(pid)", with: "pid.\(number)")
        lines.append(says("timers \(timers)"))
        lookAtThreads(of: pid, number)
        lookAtDescriptors(of: pid, number)
        for mapping in Self.mappings(proc + "/maps") { lines.append(says("map \(mapping)")) }
    }

    private mutating func lookAtThreads(of pid: Int32, _ number: Int32) {
        for thread in Self.numbers(in: "/proc/\(pid)/task") {
            let path = "/proc/\(pid)/task/\(thread)"
            let status = Self.fields(of: path + "/status")
            let stat = Self.afterName(in: path + "/stat")
            // Of stat(5): nice, real-time priority and policy.
            let schedule = [16, 37, 38].map { stat.count > $0 ? stat[$0] : "?" }.joined(separator: " ")
            lines.append("\(number) thread \(inside[thread] ?? -1) '\(status["Name"] ?? "")', schedule \(schedule)")
        }
    }

    // MARK: Descriptors

    /// What matters while a file is opened and never again: O_LARGEFILE and O_DIRECTORY.
    private static let openingFlags: UInt32 = 0o100000 | UInt32(O_DIRECTORY)

    private mutating func lookAtDescriptors(of pid: Int32, _ number: Int32) {
        for descriptor in Self.numbers(in: "/proc/\(pid)/fd") {
            let target = name(of: linkTarget(of: "/proc/\(pid)/fd/\(descriptor)") ?? "?")
            // An epoll tells its entries in an order of its own.
            let info = (KernelFiles.text("/proc/\(pid)/fdinfo/\(descriptor)", limit: 1 << 20) ?? "").split(separator: "\n").compactMap(told)
                .sorted()
            lines.append("\(number) fd \(descriptor) \(target) \(info.joined(separator: ", "))")
        }
    }

    /// "pipe:[4711]" is the pipe that was found as the third, say.
    private mutating func name(of target: String) -> String {
        guard target.hasPrefix("pipe:") || target.hasPrefix("socket:") else { return target }
        if let known = names[target] { return known }
        let name = "\(target.prefix { $0 != ":" }) no. \(names.count + 1)"
        names[target] = name
        return name
    }

    /// A line of fdinfo without what belongs to this moment or this boot: mounts, inodes, ticks, times left.
    private func told(_ line: Substring) -> String? {
        let words = line.split(whereSeparator: { $0 == " " || $0 == "\t" })
        switch words.first {
        case "flags:": return "flags: " + String((UInt32(words.last ?? "", radix: 8) ?? 0) & ~Self.openingFlags, radix: 8)
        case "pos:", "eventfd-count:", "eventfd-semaphore:", "sigmask:", "clockid:", "settime":
            return words.joined(separator: " ")
        case "it_interval:": return words.joined(separator: " ")
        case "tfd:" where words.count > 5:
            // Errors and hang-ups are always waited for; the kernel shows that or not.
            let events = (UInt32(words[3], radix: 16) ?? 0) & ~UInt32(0x8 | 0x10)  // EPOLLERR, EPOLLHUP
            return "tfd \(words[1]) events \(String(events, radix: 16)) data \(words[5])"
        case "inotify": return words.filter { $0.hasPrefix("wd:") || $0.hasPrefix("mask:") }.joined(separator: " ")
        case "Pid:": return "of process \(words.last.flatMap { Int32($0) }.flatMap { inside[$0] } ?? -1)"
        default: return nil
        }
    }

    // MARK: Reading /proc

    private static func descendants(of root: Int32) -> [Int32] {
        var (found, next): ([Int32], [Int32]) = ([], [root])
        while let pid = next.popLast() {
            let children = numbers(in: "/proc/\(pid)/task").flatMap { thread in
                (KernelFiles.text("/proc/\(pid)/task/\(thread)/children", limit: 1 << 20) ?? "").split(separator: " ").compactMap {
                    Int32($0)
                }
            }
            found += children
            next += children
        }
        return found
    }

    private static func numbers(in directory: String) -> [Int32] { KernelFiles.names(in: directory).compactMap { Int32($0) }.sorted() }

    private static func fields(of status: String) -> [String: String] {
        var fields: [String: String] = [:]
        for line in (KernelFiles.text(status) ?? "").split(separator: "\n") {
            guard let colon = line.firstIndex(of: ":") else { continue }
            fields[String(line[..<colon])] = String(line[line.index(after: colon)...].drop { $0 == "\t" || $0 == " " })
        }
        return fields
    }

    private static func lastNumber(of field: String, in status: String) -> Int32? {
        fields(of: status)[field]?.split(separator: "\t").last.flatMap { Int32($0) }
    }

    /// The words of /proc/PID/stat behind the name: state, parent, …
    private static func afterName(in path: String) -> [Substring] {
        guard let text = KernelFiles.text(path), let name = text.lastIndex(of: ")") else { return ["?", "?"] }
        return text[text.index(after: name)...].split(whereSeparator: { $0 == " " || $0 == "\n" })
    }

    /// Address, rights, offset and name of every mapping. Neighbours that go on as one are told as one: the kernel joins them or not.
    private static func mappings(_ path: String) -> [String] {
        var all: [(start: UInt64, end: UInt64, offset: UInt64, rest: String)] = []
        for line in (KernelFiles.text(path, limit: 16 << 20) ?? "").split(separator: "\n") {
            let words = line.split(separator: " ", maxSplits: 5, omittingEmptySubsequences: true)
            let ends = (words.first ?? "").split(separator: "-").compactMap { UInt64($0, radix: 16) }
            guard words.count >= 5, ends.count == 2, let offset = UInt64(words[2], radix: 16) else { continue }
            // Anonymous memory that is shared is a memfd of the same name after a restore.
            let name = String(words.count > 5 ? words[5].drop { $0 == " " } : "").replacingOccurrences(
                of: "/memfd:/dev/zero", with: "/dev/zero")
            let rest = "\(words[1]) \(name)"
            let isFile = rest.contains("/")
            if let last = all.last, last.end == ends[0], last.rest == rest, !isFile || last.offset + (last.end - last.start) == offset {
                all[all.count - 1].end = ends[1]
            } else {
                all.append((ends[0], ends[1], offset, rest))
            }
        }
        return all.map { "\(String($0.start, radix: 16))-\(String($0.end, radix: 16)) at \($0.offset) \($0.rest)" }
    }
}

extension String {
    fileprivate func replacingOccurrences(of part: String, with other: String) -> String {
        var text = self
        text.replace(part, with: other)
        return text
    }
}

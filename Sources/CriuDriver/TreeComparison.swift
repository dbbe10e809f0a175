public import CriuImages
public import OutsideWorld

/// What a restored tree that stands still has otherwise than its images say, a clause each; empty: it is what was dumped.
///
/// Numbers of pipes and sockets are new in every restore, so of those only the kind is compared; of everything else the path.
public func differences(between wanted: SetShape, and tree: TreeSight) -> [String] {
    let there = Dictionary(tree.processes.map { (UInt64(clamping: $0.pid), $0) }) { first, _ in first }
    let root = wanted.processes.first?.pid ?? 0
    var found: [String] = []
    for process in wanted.processes {
        let who = "process \(process.pid) ('\(process.name)')"
        guard let sight = there[process.pid] else {
            found.append("\(who) is not there")
            continue
        }
        let isAlive = !["Z", "X", "x"].contains(sight.state)
        if isAlive != process.isAlive { found.append("\(who) is \(isAlive ? "alive" : "dead")") }
        guard isAlive, process.isAlive, let shape = sight.shape else { continue }
        found += compare(process, sight, shape, isRoot: process.pid == root).map { "\(who) \($0)" }
    }
    let known = Set(wanted.processes.map(\.pid))
    found += tree.processes.filter { !known.contains(UInt64(clamping: $0.pid)) }.map {
        "process \($0.pid) ('\($0.name)') was not dumped"
    }
    return found
}

private func compare(
    _ process: SetShape.Process, _ sight: ProcessSight, _ shape: ProcessSight.Shape, isRoot: Bool
) -> [String] {
    var found: [String] = []
    func differs(_ what: String, _ wanted: UInt64, _ there: Int32) {
        if wanted != UInt64(clamping: there) { found.append("has the \(what) \(there) in place of \(wanted)") }
    }
    if !isRoot { differs("parent", process.parent, shape.parent) }
    differs("process group", process.group, shape.group)
    differs("session", process.session, shape.session)
    if process.threads != shape.threads.map({ UInt64(clamping: $0) }) {
        found.append("has other threads (\(shape.threads.count)) than it had (\(process.threads.count))")
    }
    found += compareDescriptors(process.descriptors, sight.descriptors)
    found += compareAreas(process.areas.map(Piece.init), shape.areas.compactMap(Piece.init))
    if sight.memoryBytes < process.pages {
        found.append("holds \(sight.memoryBytes >> 10) KiB of memory, and its image has pages of \(process.pages >> 10) KiB")
    }
    return found
}

// MARK: Descriptors

private func compareDescriptors(_ wanted: [SetShape.Descriptor], _ there: [DescriptorSight]) -> [String] {
    let sights = Dictionary(there.map { (UInt64(clamping: $0.number), $0) }) { first, _ in first }
    var found: [String] = []
    for descriptor in wanted {
        guard let sight = sights[descriptor.number] else {
            found.append("lacks descriptor \(descriptor.number)")
            continue
        }
        guard let before = descriptor.word, let now = sight.word, before != now else { continue }
        found.append("has \(now) as descriptor \(descriptor.number) in place of \(before)")
    }
    let known = Set(wanted.map(\.number))
    found += there.filter { !known.contains(UInt64(clamping: $0.number)) }.map { "has a descriptor \($0.number) that was not dumped" }
    return found
}

extension SetShape.Descriptor {
    /// nil: of a kind that is not compared.
    fileprivate var word: String? {
        switch kind {
        case "REG": path.map { "'\($0)'" }
        case "PIPE", "FIFO": "a pipe"
        case "INETSK": "a network socket"
        case "UNIXSK": "a UNIX socket"
        case "PACKETSK": "a packet socket"
        case "NETLINKSK": "a netlink socket"
        case "TTY": "a terminal"
        case "MEMFD": "a memory file"
        case "EVENTFD", "EVENTPOLL", "INOTIFY", "SIGNALFD", "TIMERFD": "a \(kind.lowercased())"
        default: nil
        }
    }
}

extension DescriptorSight {
    fileprivate var word: String? {
        switch kind {
        case .file where target.hasPrefix("/memfd:"): return "a memory file"
        case .file, .directory, .blockDevice: return target.hasPrefix("/") ? "'\(target)'" : nil
        case .characterDevice(let major, _): return major == 5 || (136...143).contains(major) ? "a terminal" : "'\(target)'"
        case .pipe: return "a pipe"
        case .anonymous(let name):
            return ["eventfd", "eventpoll", "inotify", "signalfd", "timerfd"].contains(name) ? "a \(name)" : nil
        case .socket(let socket):
            switch socket.family {
            case .inet, .inet6: return "a network socket"
            case .unix: return "a UNIX socket"
            case .packet: return "a packet socket"
            case .netlink: return "a netlink socket"
            case .vsock, .other: return nil
            }
        case .other: return nil
        }
    }
}

// MARK: Memory

/// A piece of memory as both sides can tell it. Neighbours that are alike are one: the kernel joins and splits them as it likes.
private struct Piece: Equatable {
    var start: UInt64
    var end: UInt64
    var protection: UInt64
    var isShared: Bool
    /// nil: no file that has a path.
    var path: String?

    init(_ area: SetShape.Area) {
        (start, end) = (area.range.lowerBound, area.range.upperBound)
        (protection, isShared) = (area.protection & 7, area.isShared)
        path = area.path.flatMap(Self.path)
    }

    /// nil: the kernel's own.
    init?(_ area: AreaSight) {
        if let name = area.name, ["[vdso]", "[vvar]", "[vvar_vclock]", "[vsyscall]"].contains(name) { return nil }
        (start, end) = (area.start, area.end)
        (protection, isShared) = (UInt64(area.protection), area.isShared)
        path = area.name.flatMap(Self.path)
    }

    private static func path(_ name: String) -> String? {
        let deleted = " (deleted)"
        let name = name.hasSuffix(deleted) ? String(name.dropLast(deleted.count)) : name
        return name.hasPrefix("/") && !name.hasPrefix("/memfd:") && !name.hasPrefix("/dev/zero") ? name : nil
    }

    func continues(_ other: Piece) -> Bool {
        start == other.end && protection == other.protection && isShared == other.isShared && path == other.path
    }

    var words: String { String(start, radix: 16) + "-" + String(end, radix: 16) + (path.map { " ('\($0)')" } ?? "") }

    static func joined(_ pieces: [Piece]) -> [Piece] {
        var all: [Piece] = []
        for piece in pieces.sorted(by: { $0.start < $1.start }) {
            if let last = all.last, piece.continues(last) { all[all.count - 1].end = piece.end } else { all.append(piece) }
        }
        return all
    }
}

private func compareAreas(_ wanted: [Piece], _ there: [Piece]) -> [String] {
    let (wanted, there) = (Piece.joined(wanted), Piece.joined(there))
    return wanted.filter { !there.contains($0) }.map { "lacks the memory \($0.words)" }
        + there.filter { !wanted.contains($0) }.map { "has the memory \($0.words), which was not dumped" }
}

internal import AgentModel
internal import CLinuxShims
internal import Glibc

/// Files waited for, each with its own watch from the first wait on, so that no change between two waits is lost.
final class ChangeWatches {
    private var watches: [String: ChangeWatch] = [:]

    /// Returns when the file has changed since the last wait for it, or when the time is over; at once when it is the first wait.
    func wait(for path: String, within: Duration) {
        let end = BootDeadline(within)
        if let watch = watches[path] {
            if watch.wait(until: end) == .gone { watches[path] = nil }
        } else if let watch = ChangeWatch(path) {
            watches[path] = watch
        } else {
            // No inotify to be had (its limits are per user): the caller looks again in a second.
            poll(nil, 0, min(1000, end.millisecondsLeft))
        }
    }
}

/// inotify on the directory that holds one file, so that the file may appear or be replaced.
private final class ChangeWatch {
    enum Outcome {
        case changedOrTimeOver
        /// What was watched is no longer what must be watched.
        case gone
    }

    private static let mask = UInt32(
        IN_CREATE | IN_MODIFY | IN_ATTRIB | IN_MOVED_TO | IN_MOVED_FROM | IN_DELETE | IN_DELETE_SELF | IN_MOVE_SELF | IN_ONLYDIR)

    private let descriptor: Int32
    /// The file's name in the watched directory; nil: its directory is missing, so one above is watched and anything there may matter.
    private let name: [UInt8]?

    init?(_ path: String) {
        let fresh = inotify_init1(Int32(IN_CLOEXEC) | Int32(IN_NONBLOCK))
        guard fresh >= 0 else { return nil }
        var directory = path[...]
        var name: Substring?
        while let slash = directory.lastIndex(of: "/") {
            name = name == nil ? directory[directory.index(after: slash)...] : ""
            directory = directory[..<slash]
            if inotify_add_watch(fresh, directory.isEmpty ? "/" : String(directory), Self.mask) >= 0 {
                descriptor = fresh
                self.name = name.flatMap { $0.isEmpty ? nil : Array($0.utf8) }
                return
            }
        }
        close(fresh)
        return nil
    }

    deinit { close(descriptor) }

    func wait(until end: BootDeadline) -> Outcome {
        while end.wait(for: POLLIN, of: descriptor) {
            let masks = takeEvents()
            if masks.contains(where: { $0 & UInt32(IN_DELETE_SELF | IN_MOVE_SELF | IN_IGNORED) != 0 }) { return .gone }
            if !masks.isEmpty { return name == nil ? .gone : .changedOrTimeOver }
        }
        return .changedOrTimeOver
    }

    /// The kinds of all queued events that are about the file or the directory itself.
    private func takeEvents() -> [UInt32] {
        let headSize = MemoryLayout<inotify_event>.size
        var masks: [UInt32] = []
        // See inotify(7): whole events only; the name is padded with NULs, and absent where the event is about the directory.
        while case .success(let bytes) = readSome(descriptor, 16 << 10), !bytes.isEmpty {
            var rest = bytes[...]
            while rest.count >= headSize {
                let event = rest.withUnsafeBytes { $0.loadUnaligned(as: inotify_event.self) }
                let about = rest.dropFirst(headSize).prefix(Int(event.len)).prefix { $0 != 0 }
                rest = rest.dropFirst(headSize + Int(event.len))
                if about.isEmpty || name == nil || about.elementsEqual(name ?? []) { masks.append(event.mask) }
            }
        }
        return masks
    }
}

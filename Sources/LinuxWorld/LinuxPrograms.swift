internal import AgentModel
internal import CLinuxShims
internal import Glibc
internal import OutsideWorld

/// Hooks and other short-lived helpers, each the leader of its own session. What a program leaves in its process group ends with it.
final class LinuxPrograms: Programs {
    private let loop: EventLoop
    private var running: [WorkID: RunningProgram] = [:]

    init(_ loop: EventLoop) { self.loop = loop }

    deinit {
        for program in running.values { program.killGroup() }
        for program in running.values { letGo(program) }
    }

    func executables(in directory: String) -> [String] {
        guard let disk = try? LinuxDisk(at: directory, create: false), let names = try? disk.names(in: nil) else { return [] }
        return names.filter { !$0.hasPrefix(".") }.map { directory + "/" + $0 }.filter(isExecutableFile).sorted()
    }

    func start(_ id: WorkID, _ program: Program) {
        if let place = placeOfOthers(program.path) {
            return loop.post(
                .programEnded(
                    id, .couldNotStart("'\(place)' may be changed by others, so it is not executed: run 'chmod go-w', or 'chown' it")))
        }
        do {
            let started = try RunningProgram(program)
            running[id] = started
            loop.watch(started.output) { [weak self] _ in self?.read(id) }
            loop.watch(started.handle) { [weak self] _ in self?.finish(id) }
            loop.after(milliseconds: max(0, program.timeLimit.milliseconds)) { [weak self] in self?.endTime(id) }
        } catch {
            let why = sentence(errno: error.errno)
            loop.post(.programEnded(id, .couldNotStart("cannot execute '\(program.path)': \(why)")))
        }
    }

    // MARK: Events of one program

    private func read(_ id: WorkID) {
        guard let program = running[id] else { return }
        if program.readOutput() == .ended { loop.forget(program.output) }
    }

    private func endTime(_ id: WorkID) {
        guard let program = running[id] else { return }
        program.isOverTime = true
        program.killGroup()
        // A process in an uninterruptible wait does not die of SIGKILL: the caller is answered all the same.
        loop.after(milliseconds: 900) { [weak self] in self?.abandon(id) }
    }

    /// The leader ended. It is a zombie until we reap it, so its group's number still means its group.
    private func finish(_ id: WorkID) {
        guard let program = running.removeValue(forKey: id) else { return }
        program.killGroup()
        program.readOutput()
        let end = program.reap()
        letGo(program)
        let output = program.lastOutput
        loop.post(.programEnded(id, program.isOverTime ? .timedOut(lastOutput: output) : .ended(end, lastOutput: output)))
    }

    private func abandon(_ id: WorkID) {
        guard let program = running.removeValue(forKey: id) else { return }
        letGo(program)
        loop.post(.programEnded(id, .timedOut(lastOutput: program.lastOutput)))
    }

    private func letGo(_ program: RunningProgram) {
        loop.forget(program.output)
        loop.forget(program.handle)
    }
}

/// The program or its directory, when somebody but root and us could change it, and so decide what runs with our rights. nil: neither.
func placeOfOthers(_ path: String) -> String? {
    let directory = path.lastIndex(of: "/").map { String(path[..<$0]) } ?? "."
    return [path, directory.isEmpty ? "/" : directory].first { place in
        var status = stat()
        // What cannot be looked at cannot be executed either: that is told then.
        guard stat(place, &status) == 0 else { return false }
        return status.st_uid != 0 && status.st_uid != geteuid() || status.st_mode & 0o022 != 0
    }
}

func isExecutableFile(_ path: String) -> Bool {
    var status = stat()
    return stat(path, &status) == 0 && status.st_mode & S_IFMT == S_IFREG && access(path, X_OK) == 0
}

internal import AgentModel
internal import Checkpoints
internal import OutsideWorld
internal import StatusViews

/// Where a copy of a store is: a directory, or whatever rclone knows.
struct RemotePlace: Hashable, Sendable, ArgumentValue {
    /// As rclone needs it. It may hold secrets: nothing but rclone gets to see it.
    let text: String

    init?(argument: String) {
        guard !argument.isEmpty, !argument.hasPrefix("-"), !argument.utf8.contains(where: { $0 < 32 }) else { return nil }
        text = argument
    }
    static var expected: String { "a directory, or a place that rclone knows, such as 'backup:agents'" }

    /// A ':' before any '/' makes it rclone's, as rclone itself decides.
    var isDirectory: Bool { text.prefix { $0 != "/" }.contains(":") == false }

    /// For people, notes and programs: without the options of a connection string, which may be a password. ":sftp,host=h,pass=p:dir" is ":sftp:dir".
    var shown: String { secrets.map { text.replacing($0, with: "") } ?? text }

    /// What `shown` leaves out. Options end at the first ':' that is in no quotes.
    var secrets: Substring? {
        guard !isDirectory, let comma = text.firstIndex(of: ",") else { return nil }
        guard !text[..<comma].dropFirst().contains(":") else { return nil }  // it is part of the path
        var quote: Character?
        for index in text[comma...].indices {
            let character = text[index]
            if let open = quote {
                if character == open { quote = nil }
            } else if character == ":" {
                return text[comma..<index]
            } else if character == "'" || character == "\"" {
                quote = character
            }
        }
        return text[comma...]
    }
}

extension Workbench {
    /// The carrier to a remote, and room for what is on its way; both for as long as `body` takes.
    /// - Parameter making: whether a directory that is missing is made.
    func withCarrier<Result>(
        to place: RemotePlace, of store: CheckpointStore, making: Bool, for doing: String,
        _ body: (any Carrier, CopyProgress) throws(CopyFault) -> Result
    ) throws(CommandFault) -> Result {
        let progress = CopyProgress(self)
        _ = machine.isAskedToEnd  // from now on it is said how to go on
        defer { progress.end() }
        do throws(CopyFault) { return try body(try carrier(to: place, of: store, making: making, progress), progress) } catch {
            progress.end()
            throw CommandFault(error, doing: doing, place.shown)
        }
    }

    private func carrier(
        to place: RemotePlace, of store: CheckpointStore, making: Bool, _ progress: CopyProgress
    ) throws(CopyFault) -> any Carrier {
        guard place.isDirectory else {
            do throws(CarrierFault) {
                return try RcloneCarrier(place, on: machine) { done, all in progress.carried(done, of: all) }
            } catch { throw .carrier(error) }
        }
        let path = Places.absolute(place.text, from: machine.workingDirectory)
        guard !(path + "/").hasPrefix(store.disk.rootName + "/") else { throw .noCopy("it is this store itself, or lies in it") }
        let disk: any Disk
        do throws(FileFault) { disk = try machine.disk(at: path, create: making) } catch {
            if error.kind == .missing { throw .noCopy("there is nothing") }
            throw .carrier(.failed(CommandFault(error).sentence))
        }
        return DirectoryCarrier(disk, progress: { progress.carried(more: $0) }, isWanted: { !machine.isAskedToEnd })
    }

    /// Room that nobody else draws.
    func draw() -> String { hexadecimal(of: machine.randomNumber()) }
}

/// What is going on, for a person who waits: one line that changes on a terminal, now and then a line of its own elsewhere.
final class CopyProgress {
    private let bench: Workbench
    private let isTerminal: Bool
    private var sentence = ""
    private var done: UInt64 = 0
    private var all: UInt64 = 0
    private var told: Moment?
    private var isShown = false
    /// Between two lines where nobody looks on, and between two changes where somebody does.
    private static let (patience, blink) = (Duration.seconds(10), Duration.milliseconds(100))

    init(_ bench: Workbench) {
        self.bench = bench
        isTerminal = bench.machine.isTerminal(.standardError) && bench.machine.environment["TERM"] != "dumb"
    }

    func say(_ sentence: String) {
        (self.sentence, done, all) = (sentence, 0, 0)
        show()
    }
    func carried(_ done: UInt64, of all: UInt64) {
        (self.done, self.all) = (done, all)
        show()
    }
    func carried(more bytes: UInt64) {
        done += bytes
        show()
    }

    private func show() {
        let now = bench.machine.now()
        if let told, now - told < (isTerminal ? Self.blink : Self.patience) { return }
        // Whoever is done at once has nothing to wait for.
        guard told != nil || isTerminal else { return told = now }
        told = now
        let figures = all > 0 ? ", \(ByteCount(done)) of \(ByteCount(all))" : done > 0 ? ", \(ByteCount(done))" : ""
        guard isTerminal else { return bench.talk(sentence + figures) }
        let width = max(20, bench.machine.width(of: .standardError) ?? 80)
        bench.machine.write("\r" + String(printable(sentence + figures).prefix(width - 1)) + "\u{1B}[K", to: .standardError)
        isShown = true
    }

    func end() {
        if isShown { bench.machine.write("\r\u{1B}[K", to: .standardError) }
        isShown = false
    }
}

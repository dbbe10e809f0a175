internal import AgentModel
internal import OutsideWorld
internal import StatusViews

/// What is going on, for a person who waits: one line of standard error that changes, on a terminal. Nothing anywhere else, nor where the answer is
/// for programs.
final class Progress {
    private let bench: Workbench
    private let isSeen: Bool
    private var sentence = ""
    private var done: UInt64 = 0
    private var all: UInt64 = 0
    private var told: Moment?
    private var isShown = false
    /// Between two changes.
    private static let blink = Duration.milliseconds(100)

    init(_ bench: Workbench, quietly: Bool) {
        self.bench = bench
        isSeen = !quietly && bench.machine.isTerminal(.standardError) && bench.machine.environment["TERM"] != "dumb"
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
        done &+= bytes
        show()
    }

    private func show() {
        guard isSeen, !sentence.isEmpty else { return }
        let now = bench.machine.now()
        if let told, now - told < Self.blink { return }
        told = now
        let figures = all > 0 ? ", \(ByteCount(done)) of \(ByteCount(all))" : done > 0 ? ", \(ByteCount(done))" : ""
        let width = max(20, bench.machine.width(of: .standardError) ?? 80)
        bench.machine.write("\r" + String(printable(sentence + figures).prefix(width - 1)) + "\u{1B}[K", to: .standardError)
        isShown = true
    }

    /// Makes room for another line.
    func end() {
        if isShown { bench.machine.write("\r\u{1B}[K", to: .standardError) }
        isShown = false
    }
}

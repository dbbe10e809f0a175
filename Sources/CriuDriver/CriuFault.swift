public import AgentModel
public import CriuRequests
public import OutsideWorld

/// Why a dump or restore did not come about. After a failed dump the agent goes on as it was, unless it is said that it may not.
public struct CriuFault: Error, Hashable, Sendable {
    public enum Doing: String, Hashable, Sendable { case dump, restore }
    public enum Kind: Hashable, Sendable {
        /// Seen before CRIU was asked.
        case blocked([Blocker])
        /// Its memory would not fit where the images go.
        case noRoom(needed: ByteCount, free: ByteCount, inMemory: MemoryBound? = nil)
        /// CRIU said no, and why; nil: it did not say.
        case refused(CriuCause?)
        /// The caller did not want to go on.
        case declined
        /// CRIU ended without an answer. After a dump the agent may be broken.
        case died(ProcessEnd, lastOutput: String)
        case timedOut(Duration)
        /// The sandbox for the restore could not be made, or came to an end.
        case sandbox(LaunchFault)
        case couldNotStart(String)
        /// What is in /dev/shm could not be kept, or not be put back.
        case sharedMemory(FileFault)
        /// The page server of a lazy restore ended before all memory had come.
        case memoryLost(ProcessEnd)
    }
    public var doing: Doing
    public var kind: Kind
    /// CRIU's own last errors, for whoever looks deeper.
    public var log: [String]

    public init(_ doing: Doing, _ kind: Kind, log: [String] = []) {
        self.doing = doing
        self.kind = kind
        self.log = log
    }

    /// Why, and what to do: the second half of a sentence that says what could not be done.
    public var because: String {
        switch kind {
        case .blocked(let blockers): blockers.map(\.sentence).joined(separator: "; ")
        case .noRoom(let needed, let free, inMemory: let bound?):
            "its memory of \(needed) does not fit beside itself into the \(free) that \(bound.limit.map { "\($0)," } ?? "the host's memory") and "
                + "'checkpoint.size_limit' leave, which it must for a moment where the store is encrypted. "
                + (bound.limit == nil ? "Free memory or raise the limit" : "Raise them")
        case .noRoom(let needed, let free, inMemory: nil):
            "its memory of \(needed) does not fit into the \(free) that the disk and 'checkpoint.size_limit' leave. Free space or raise the limit"
        case .refused(let cause?): cause.sentence
        case .refused(nil): "CRIU refused and did not say why"
        case .declined: "the runner called it off"
        case .died(let end, let output):
            "CRIU ended without an answer (\(Self.words(end)))" + (output.isEmpty ? "" : ": \(Self.lastLine(of: output))")
        case .timedOut(let limit): "CRIU did not finish within \(limit.components.seconds) s"
        case .sandbox(let fault): fault.sentence
        case .couldNotStart(let sentence): sentence
        case .sharedMemory(let fault): "its shared memory (/dev/shm) cannot be copied: \(fault.sentence)"
        case .memoryLost(let end): "the page server that brings its memory in ended too early (\(Self.words(end)))"
        }
    }

    public var sentence: String {
        switch doing {
        case .dump: "could not dump the process tree: \(because)"
        case .restore: "could not restore the process tree: \(because)"
        }
    }

    private static func words(_ end: ProcessEnd) -> String {
        switch end {
        case .exited(let status): "status \(status)"
        case .signaled(let number, _): "signal \(number)"
        case .unknown: "its end is unknown"
        }
    }

    private static func lastLine(of text: String) -> Substring { text.split(separator: "\n").last ?? "" }

    /// Of a restore: whether the fault is one of the images, and not of the host or the moment. What CRIU says and nobody knows speaks of them, when it
    /// says so again in a fresh sandbox.
    public var speaksOfImages: Bool {
        switch kind {
        case .refused(let cause?): !cause.mayPass
        case .refused(nil): true
        default: false
        }
    }

    /// Of a restore: the host is slow or has no place for it just now, and the same images may do after a wait.
    public var isOfTheMoment: Bool {
        switch kind {
        case .timedOut: true
        case .refused(let cause?): cause.mayPass
        default: false
        }
    }

    /// Another try, in a fresh sandbox or a little later, may go well.
    public var mayPass: Bool {
        switch kind {
        case .refused(let cause?): cause.mayPass
        case .refused(nil), .timedOut, .died, .memoryLost: true
        case .blocked(let blockers): blockers.allSatisfy(\.kind.passes)
        case .noRoom, .declined, .sandbox, .couldNotStart, .sharedMemory: false
        }
    }
}

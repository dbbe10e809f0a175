/// One sd_notify datagram, read. Only what means something to the runner is kept. Documentation: docs/protocol.md#without-an-sdk-sd_notify
///
///     DATAGRAM ::= LINE { "\n" LINE } [ "\n" ]      LINE ::= NAME "=" VALUE
public struct NotifyDatagram: Hashable, Sendable {
    public enum Watchdog: Hashable, Sendable {
        case alive
        /// To be dealt with as hung, now.
        case trigger
    }

    public var isReady = false
    public var isStopping = false
    public var isReloading = false
    /// One line, without control characters.
    public var status: String?
    public var watchdog: Watchdog?
    /// The longest silence from now on.
    public var watchdogEvery: Duration?
    /// The deadline now running ends so long from now; at most `ProtocolLimits.longestExtension`.
    public var extendedBy: Duration?
    public var errorNumber: Int32?
    public var exitStatus: Int32?
    /// Names that mean nothing here, `MAINPID` among them.
    public var ignored: [String] = []

    public init() {}

    /// - Throws: what is wrong with it; then nothing of it counts.
    public init(_ bytes: [UInt8]) throws(ProtocolFault) {
        guard bytes.count <= ProtocolLimits.datagram else {
            throw .aboveLimit(field: "sd_notify datagram", count: bytes.count, limit: ProtocolLimits.datagram)
        }
        guard !bytes.contains(0), let text = String(validating: bytes, as: UTF8.self) else { throw .badText(field: "sd_notify datagram") }
        for line in text.utf8.split(separator: UInt8(ascii: "\n")) {
            guard let equals = line.firstIndex(of: UInt8(ascii: "=")), equals > line.startIndex else {
                throw .badValue(field: "sd_notify line", rule: "NAME=value")
            }
            try set(String(Substring(line[..<equals])), String(Substring(line[line.index(after: equals)...])))
        }
    }

    private mutating func set(_ name: String, _ value: String) throws(ProtocolFault) {
        switch name {
        case "READY": isReady = try Self.one(name, value)
        case "STOPPING": isStopping = try Self.one(name, value)
        case "RELOADING": isReloading = try Self.one(name, value)
        case "STATUS":
            status = String(String.UnicodeScalarView(value.unicodeScalars.map { $0.properties.generalCategory == .control ? " " : $0 }))
        case "WATCHDOG":
            switch value {
            case "1": watchdog = .alive
            case "trigger": watchdog = .trigger
            default: throw .badValue(field: name, rule: "1 or trigger")
            }
        case "WATCHDOG_USEC":
            let every = try Self.microseconds(name, value)
            guard every > .zero else { throw .badValue(field: name, rule: "above 0") }
            watchdogEvery = every
        case "EXTEND_TIMEOUT_USEC": extendedBy = min(try Self.microseconds(name, value), ProtocolLimits.longestExtension)
        case "ERRNO": errorNumber = try Self.number(name, value)
        case "EXIT_STATUS": exitStatus = try Self.number(name, value)
        default: ignored.append(name)
        }
    }

    private static func one(_ name: String, _ value: String) throws(ProtocolFault) -> Bool {
        guard value == "1" else { throw .badValue(field: name, rule: "1") }
        return true
    }

    private static func microseconds(_ name: String, _ value: String) throws(ProtocolFault) -> Duration {
        guard let number = UInt64(value), value.utf8.first != UInt8(ascii: "+") else {
            throw .badValue(field: name, rule: "a number of microseconds")
        }
        return .microseconds(Int64(clamping: number))
    }

    private static func number(_ name: String, _ value: String) throws(ProtocolFault) -> Int32 {
        guard let number = Int32(value) else { throw .badValue(field: name, rule: "a whole number") }
        return number
    }
}

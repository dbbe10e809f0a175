/// Which connection of an agent counts. Decides. Documentation: docs/protocol.md#one-current-connection
public struct CurrentConnection<ID: Hashable & Sendable>: Hashable, Sendable {
    public enum Admission: Hashable, Sendable {
        /// Send `welcome`.
        case admitted
        /// Close the old one without a word, then send `welcome` on the new one.
        case takesOver(from: ID)
        case refused(ProtocolFault)
    }

    /// The connection to send to; nil: the agent is not connected.
    public private(set) var current: ID?

    public init() {}

    /// To be asked when a connection comes, before anything is read. `isInside`: whether the peer is in the agent's sandbox; nil: the host
    /// cannot tell, and the socket's directory is the guard.
    public static func refusal(isInside: Bool?) -> ProtocolFault? { isInside == false ? .stranger : nil }

    /// To be asked when it said `hello`. `incarnation` is the agent's present one.
    public mutating func admit(_ id: ID, _ hello: Hello, incarnation: UInt64) -> Admission {
        guard let old = current, old != id else {
            current = id
            return .admitted
        }
        guard hello.resumes == incarnation else { return .refused(.occupied) }
        current = id
        return .takesOver(from: old)
    }

    /// To be told of every connection that closed.
    public mutating func closed(_ id: ID) {
        if current == id { current = nil }
    }
}

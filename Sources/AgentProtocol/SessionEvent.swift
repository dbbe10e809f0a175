/// What a session wants done with its connection, in order.
public enum SessionEvent: Hashable, Sendable {
    /// A version is agreed. Decide with `CurrentConnection`, then send `welcome` of that version, or refuse.
    case hello(Hello, version: UInt32)
    /// For the supervisor; legal at this point, within every limit, and never `hello`. Beats that came together are one.
    case message(AgentMessage)
    case send([UInt8])
    /// Close after what was sent. The last event of the connection; the fault is for the log.
    case close(ProtocolFault)
    /// Nothing is to be done; a sentence for the log, at most once of a kind and connection.
    case ignored(String)
}

/// Why an image could not be read or made. `sentence` completes "could not read the image 'core-7.img': …".
public struct ImageFault: Error, Hashable, Sendable {
    public enum Kind: Hashable, Sendable {
        /// It is not an image, or of a kind that is not known.
        case notAnImage
        /// It has no messages: pages, archives, rules of a firewall.
        case rawBytes
        /// It ends before what it announces.
        case truncated
        /// What it announces is more than any image holds.
        case aboveLimit
        /// Bytes that are no message of its kind.
        case malformed
        /// JSON that describes no image.
        case badText
        /// The machine could not read it.
        case unreadable
        /// A process or address that the images do not have.
        case notThere
    }
    public var kind: Kind
    /// Without a full stop; names in single quotes.
    public var why: String
    /// Where in the file, in bytes from its beginning; nil: nowhere in particular.
    public var offset: UInt64?

    public init(_ kind: Kind, _ why: String, at offset: UInt64? = nil) {
        self.kind = kind
        self.why = why
        self.offset = offset
    }

    /// What is wrong and where.
    public var sentence: String { why + (offset.map { " (at byte \($0))" } ?? "") }
}

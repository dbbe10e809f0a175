/// A set of images: the files of one directory, and the older set that its `parent` link names.
public struct ImageDirectory: Sendable {
    public enum Parent: Sendable {
        case none
        /// The link leads nowhere.
        case missing(target: String)
        indirect case set(ImageDirectory)
    }
    /// As a person knows it.
    public let name: String
    public let files: [String: ImageFile]
    public let parent: Parent

    public init(name: String, files: [ImageFile], parent: Parent = .none) {
        self.name = name
        self.files = Dictionary(files.map { ($0.name, $0) }) { first, _ in first }
        self.parent = parent
    }

    /// The name CRIU gives the link to the older set.
    public static let parentLink = "parent"
    /// Sets in one chain, at most.
    public static let longestChain = 64
}

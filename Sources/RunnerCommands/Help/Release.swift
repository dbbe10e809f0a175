/// Which release this is, and what it speaks.
enum Release {
    static let version = "0.1.0"
    static let storeFormat = 1
    static let `protocol` = 1

    static var line: String { "runner \(version) (store format \(storeFormat), protocol \(`protocol`))\n" }

    struct Document: Encodable {
        var version = Release.version
        var storeFormat = Release.storeFormat
        var `protocol` = Release.protocol
    }
}

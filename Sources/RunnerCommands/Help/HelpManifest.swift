/// The whole command line as one JSON document, for programs that drive it. Additive only.
struct HelpManifest: Encodable {
    struct Status: Encodable {
        var status: Int32
        var meaning: String
    }
    struct Code: Encodable {
        var code: String
        var title: String
        var status: Int32
    }
    var name = "runner"
    var version: String
    var commands: [CommandDescription]
    var exitStatuses: [Status]
    var errors: [Code]

    init(_ commands: [CommandDescription]) {
        version = Release.version
        self.commands = commands
        exitStatuses = ExitStatus.allCases.map { Status(status: $0.rawValue, meaning: $0.meaning) }
        errors = catalogue().map { Code(code: $0.code, title: $0.entry.title, status: $0.entry.status.rawValue) }
    }
}

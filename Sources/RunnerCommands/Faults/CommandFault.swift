/// Why a command failed: a code for programs, a sentence for people, a status for the shell.
struct CommandFault: Error, Hashable, Sendable {
    /// One of `ErrorCode`, or a code a newer supervisor sent.
    var code: String
    /// What could not be done, to what, why, and what to do next. One line, lower case.
    var sentence: String
    var status: ExitStatus

    init(_ code: ErrorCode, _ sentence: String) {
        self.code = code.rawValue
        self.sentence = sentence
        status = code.entry.status
    }

    /// What a supervisor answered.
    init(foreign code: String, _ sentence: String) {
        self.code = code
        self.sentence = sentence
        status = ErrorCode(rawValue: code)?.entry.status ?? .failed
    }

    init(_ fault: UsageFault) { self.init(.usage, fault.sentence) }
}

/// `{"error":{"code":"E-…","message":"…"}}`, what `--json` prints instead of an answer.
struct ErrorDocument: Encodable {
    struct Body: Encodable {
        var code: String
        var message: String
    }
    var error: Body
    init(_ fault: CommandFault) { error = Body(code: fault.code, message: fault.sentence) }
}

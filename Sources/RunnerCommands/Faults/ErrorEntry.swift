/// What one code means, at length.
struct ErrorEntry: Hashable, Sendable {
    var title: String
    /// Why it happens.
    var explanation: String
    /// What to do.
    var remedy: String
    var status: ExitStatus

    init(_ title: String, _ status: ExitStatus, _ explanation: String, remedy: String) {
        self.title = title
        self.explanation = explanation
        self.remedy = remedy
        self.status = status
    }
}

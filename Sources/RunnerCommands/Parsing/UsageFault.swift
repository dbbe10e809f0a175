/// Words that make no command line.
struct UsageFault: Error, Hashable, Sendable {
    /// What is wrong, without the advice to look at the help.
    var what: String
    /// nil: before any command's name.
    var command: String?
    init(_ what: String, command: String?) {
        self.what = what
        self.command = command
    }

    static func unknown(_ kind: String, _ word: String, near known: [String], command: String?) -> UsageFault {
        var words = didYouMean(word, among: known)
        // What others call it goes before what is only spelled alike.
        if kind == "command", let ours = calledElsewhere[word], known.contains(ours) { words = "; did you mean '\(ours)'?" }
        return UsageFault("unknown \(kind) '\(word)'" + words, command: command)
    }

    /// Commands by what people look for who know other tools.
    private static var calledElsewhere: [String: String] {
        [
            "undo": "rollback", "revert": "rollback", "back": "rollback", "history": "versions", "snapshots": "versions",
            "list": "ls", "ps": "ls", "top": "ls", "delete": "rm", "remove": "rm", "destroy": "rm", "kill": "stop", "recover": "undelete",
            "undrop": "undelete", "unrm": "undelete", "snapshot": "checkpoint", "save": "checkpoint", "backup": "checkpoint",
            "start": "run", "view": "cat", "inspect": "show", "check": "verify", "gc": "prune", "forget": "prune", "sync": "store sync",
            "push": "store sync", "pull": "store pull",
        ]
    }

    var sentence: String { "\(what)\(what.hasSuffix("?") ? "" : ".") See 'runner \(command.map { "\($0) " } ?? "")--help'" }
}

/// `; did you mean 'agent-7'?`, or nothing when nothing is near.
func didYouMean(_ word: String, among known: [String]) -> String {
    nearest(to: word, among: known).map { "; did you mean '\($0)'?" } ?? ""
}

/// The word that differs least from `word`, when it differs little: by a third of its letters and one, at most. The first of equals.
func nearest(to word: String, among known: [String]) -> String? {
    let best = known.map { (word: $0, distance: editDistance(word, $0)) }.min { $0.distance < $1.distance }
    guard let best, best.distance <= word.utf8.count / 3 + 1, best.distance < best.word.utf8.count else { return nil }
    return best.word
}

/// How many letters must be added, removed, changed or swapped with their neighbour (optimal string alignment).
func editDistance(_ a: String, _ b: String) -> Int {
    let a = Array(a.utf8)
    let b = Array(b.utf8)
    var beforeLast: [Int] = []
    var last = Array(0...b.count)
    for i in a.indices {
        var row = [i + 1]
        for j in b.indices {
            var best = min(last[j + 1] + 1, row[j] + 1, last[j] + (a[i] == b[j] ? 0 : 1))
            if i > 0, j > 0, a[i] == b[j - 1], a[i - 1] == b[j] { best = min(best, beforeLast[j - 1] + 1) }
            row.append(best)
        }
        beforeLast = last
        last = row
    }
    return last[b.count]
}

internal import AgentModel
/// What can only be said when all layers have spoken: what is missing, and what contradicts.
enum SpecChecks {
    static func run(on draft: inout SpecDraft, start: SpecNotice.Place) {
        checkNameAndCommand(&draft, start: start)
        checkSchedule(&draft)
        checkWorkspace(&draft)
        checkExclude(&draft)
        checkBackOff(&draft)
    }

    /// A name that was written wrongly was said already.
    private static func checkNameAndCommand(_ draft: inout SpecDraft, start: SpecNotice.Place) {
        if !draft.mentioned.contains("name") {
            draft.note(.missing, at: start, "the agent has no name", suggestion: "write 'name: agent-7', or call with '--name agent-7'")
        }
        if !draft.mentioned.contains("command") {
            draft.note(
                .missing, at: start, "the agent has no command",
                suggestion: "write 'command: [program, argument, …]', or call with '-- program argument …'")
        }
    }

    /// Two in one layer contradict; over two layers, the later one was meant instead of the earlier.
    private static func checkSchedule(_ draft: inout SpecDraft) {
        guard let every = draft.assigned["checkpoint.every"], every.value != .none, let cron = draft.assigned["checkpoint.cron"],
            cron.value != .none
        else { return }
        if every.layer == cron.layer {
            draft.note(
                .conflict, at: cron.place, "'checkpoint.every' and 'checkpoint.cron' are both set", suggestion: "keep one of the two")
        } else {
            let loser = every.layer < cron.layer ? "checkpoint.every" : "checkpoint.cron"
            let winner = every.layer < cron.layer ? cron : every
            draft.assign(loser, .none, from: winner.origin, at: winner.place, in: winner.layer)
        }
    }

    private static func checkWorkspace(_ draft: inout SpecDraft) {
        guard let workspace = draft.assigned["workspace"], workspace.value == .text("/") else { return }
        draft.note(
            .path, at: workspace.place, "'workspace: /' is the whole file system", suggestion: "name the directory the agent works in")
    }

    /// What is left out of versions must be exactly what the person thinks.
    private static func checkExclude(_ draft: inout SpecDraft) {
        guard let exclude = draft.assigned["checkpoint.exclude"], case .texts(let paths) = exclude.value else { return }
        for path in paths {
            do throws(IgnoreRules.Mistake) { try IgnoreRules.check(path) } catch {
                let what =
                    switch error {
                    case .empty: "means nothing"
                    case .leavesTheTop: "is not a path below the workspace"
                    case .negated: "takes something back, which is not known here"
                    case .openBracket: "has a '[' without a ']'"
                    }
                draft.note(
                    .path, at: exclude.place, "'exclude: \(shown(path))' \(what)",
                    suggestion: "write one such as '*.log', '/cache/' for a directory at the top, or 'node_modules/' for those of that name"
                )
            }
        }
    }

    private static func checkBackOff(_ draft: inout SpecDraft) {
        guard let initial = draft.assigned["recovery.backoff.initial"], case .duration(let shortest) = initial.value else { return }
        let longest: Duration
        if case .duration(let said) = draft.assigned["recovery.backoff.max"]?.value { longest = said } else { longest = .seconds(3600) }
        guard shortest > longest else { return }
        draft.note(
            .conflict, at: initial.place,
            "'backoff.initial: \(DurationText.text(shortest))' is longer than 'backoff.max' (\(DurationText.text(longest)))",
            suggestion: "make the first wait the shorter one")
    }
}

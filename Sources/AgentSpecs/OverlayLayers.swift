/// Lays what `RUNNER_…` variables and flags say over what the file says.
struct OverlayLayers {
    let paths: PathResolver

    // MARK: Environment

    /// `RUNNER_CHECKPOINT_EVERY=10m` is `checkpoint.every`. Only settings inside a section: names such as RUNNER_NAME and RUNNER_WORKSPACE
    /// belong to others (build servers set them), and the agent itself is said in the file.
    func readEnvironment(into draft: inout SpecDraft) {
        let settings = draft.table.settings.filter { $0.path.utf8.contains(UInt8(ascii: ".")) }
        let names = Dictionary(uniqueKeysWithValues: settings.map { (Self.variable(for: $0.path), $0) })
        let sections = Set(settings.map { Self.variable(for: String($0.path.prefix { $0 != "." })) + "_" })
        for (name, text) in draft.environment.sorted(by: { $0.key < $1.key }) where name.hasPrefix("RUNNER_") {
            if let setting = names[name] {
                take(
                    setting, text, subject: "\(name)=\(text)", at: .variable(name), origin: .variable(name), layer: .environment,
                    into: &draft)
            } else if sections.contains(where: { name.hasPrefix($0) }) {
                let near = nearest(to: name, among: Array(names.keys).sorted()).map { "did you mean '\($0)'?" }
                draft.note(
                    SpecNotice(.unknown, .warning, at: .variable(name), "'\(shown(name))' is the name of no setting", suggestion: near))
            }
        }
    }

    static func variable(for path: String) -> String {
        "RUNNER_" + path.uppercased().split(separator: ".").joined(separator: "_")
    }

    // MARK: Flags

    func read(_ flags: SpecFlags, into draft: inout SpecDraft) {
        for flag in flags.flags {
            guard let setting = draft.table.setting(flag.setting) else {
                let near = nearest(to: flag.setting, among: draft.table.settings.map(\.path)).map { "did you mean '\($0)'?" }
                draft.note(
                    .unknown, at: .flag(flag.flag), "'\(shown(flag.setting))' is not a setting",
                    suggestion: near ?? "docs/agent.yaml.md lists all settings")
                continue
            }
            take(
                setting, flag.text, subject: "\(flag.flag) \(flag.text)", at: .flag(flag.flag), origin: .flag(flag.flag), layer: .flags,
                into: &draft)
        }
        for variable in flags.variables { takeVariable(variable, into: &draft) }
        if let command = flags.command { takeCommand(command, into: &draft) }
    }

    private func takeVariable(_ written: String, into draft: inout SpecDraft) {
        let parts = written.split(separator: "=", maxSplits: 1, omittingEmptySubsequences: false)
        let name = String(parts[0])
        let place = SpecNotice.Place.flag("--env")
        guard let text = parts.count == 2 ? String(parts[1]) : draft.environment[name] else {
            draft.note(
                .unset, at: place, "'\(shown(name))' is not set here, so there is nothing to hand on",
                suggestion: "write '--env NAME=value'")
            return
        }
        draft.assign(name, .init(text: text, expands: false, origin: .flag("--env"), place: place))
    }

    private func takeCommand(_ command: [String], into draft: inout SpecDraft) {
        let place = SpecNotice.Place.flag("--")
        draft.mention("command")
        guard let program = command.first, !program.isEmpty else {
            draft.note(.missing, at: place, "no program is named after '--'", suggestion: "write 'runner run -- program argument …'")
            return
        }
        draft.assign("command", .texts(command), from: .flag("--"), at: place, in: .flags)
    }

    // MARK: One setting

    private func take(
        _ setting: Setting, _ text: String, subject: String, at place: SpecNotice.Place, origin: SettingOrigin, layer: SpecDraft.Layer,
        into draft: inout SpecDraft
    ) {
        draft.mention(setting.path)
        guard !setting.isPlanned else {
            draft.note(
                .unsupported, at: place, "'\(setting.path)' is known, but this version of runner cannot act on it yet",
                suggestion: "remove it")
            return
        }
        do throws(ValueMistake) {
            let isNone = setting.mayBeNull && (text == "none" || text == "null")
            let value = isNone ? SettingValue.none : try paths.resolved(try ScalarReader.value(text, as: setting.form), setting.form)
            draft.assign(setting.path, value, from: origin, at: place, in: layer)
        } catch {
            draft.note(error, about: subject, at: place)
        }
    }
}

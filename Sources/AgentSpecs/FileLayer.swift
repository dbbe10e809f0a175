/// Reads the mapping of a spec file into a draft: every known key is checked, every other is named.
struct FileLayer {
    let file: String
    let paths: PathResolver

    func read(_ root: Node, into draft: inout SpecDraft) {
        guard case .mapping(let entries) = root.content else {
            draft.note(
                .type, at: place(root.mark), "the file holds \(root.shape), not a mapping",
                suggestion: "begin with 'name: …' and 'command: …'")
            return
        }
        walk(entries, section: "", isRefused: false, into: &draft)
    }

    // MARK: Sections

    /// `isRefused`: a section around was refused already, so that its keys are checked but not refused once more.
    private func walk(_ entries: [Node.Entry], section: String, isRefused: Bool, into draft: inout SpecDraft) {
        for entry in entries {
            let path = section.isEmpty ? entry.key : "\(section).\(entry.key)"
            if entry.key.utf8.contains(UInt8(ascii: ".")) {
                refuseDotted(entry, section: section, into: &draft)
            } else if let setting = draft.table.setting(path), !entersSection(path, entry.value, draft.table) {
                take(setting, entry, isRefused: isRefused, into: &draft)
            } else if draft.table.isSection(path) {
                enter(path, entry, isRefused: isRefused, into: &draft)
            } else {
                let meant = draft.isFull ? nil : KeyMeant(key: entry.key, section: section, table: draft.table).suggestion
                let whose = section.isEmpty ? "is not a setting" : "is not a setting of '\(section)'"
                draft.note(.unknown, at: place(entry.keyMark), "'\(shown(entry.key))' \(whose)", suggestion: meant)
            }
        }
    }

    /// `keep` is both: a number says all of the section.
    private func entersSection(_ path: String, _ node: Node, _ table: SettingTable) -> Bool {
        switch node.content {
        case .mapping, .list: table.isSection(path)
        case .scalar, .refused: false
        }
    }

    private func enter(_ section: String, _ entry: Node.Entry, isRefused: Bool, into draft: inout SpecDraft) {
        let isPlanned = draft.table.isPlannedSection(section)
        if isPlanned, !isRefused { refuse(section, at: entry.keyMark, into: &draft) }
        switch entry.value.content {
        case .refused: return
        case .mapping(let entries): walk(entries, section: section, isRefused: isRefused || isPlanned, into: &draft)
        case .scalar, .list:
            let keys = draft.table.keys(in: section)
            if entry.value.isNull {
                draft.note(
                    .empty, at: place(entry.keyMark), "'\(section)' has nothing in it",
                    suggestion: "remove the line, or indent its settings below it")
            } else {
                draft.note(
                    .type, at: place(entry.value.mark), "'\(section)' takes a mapping, not \(entry.value.shape)",
                    suggestion: "its settings are \(quotedList(keys, "and"))")
            }
        }
    }

    /// `limits.memory: 1GB` is how messages and flags name a setting; in the file sections are mappings, so that each stands once.
    private func refuseDotted(_ entry: Node.Entry, section: String, into draft: inout SpecDraft) {
        let parts = entry.key.split(separator: ".", maxSplits: 1)
        let known = draft.table.setting(entry.key) != nil && section.isEmpty && parts.count == 2
        draft.note(
            .unknown, at: place(entry.keyMark), "'\(shown(entry.key))' is not a setting" + (section.isEmpty ? "" : " of '\(section)'"),
            suggestion: known ? "write '\(parts[0]):' and '\(parts[1]): …' indented below it" : "a key holds no dot")
    }

    private func refuse(_ path: String, at mark: Mark, into draft: inout SpecDraft) {
        draft.note(
            .unsupported, at: place(mark), "'\(path)' is known, but this version of runner cannot act on it yet", suggestion: "remove it")
    }

    // MARK: Settings

    private func take(_ setting: Setting, _ entry: Node.Entry, isRefused: Bool, into draft: inout SpecDraft) {
        if setting.isPlanned, !isRefused { refuse(setting.path, at: entry.keyMark, into: &draft) }
        // Without a default an empty value is a missing one, which is told in the end.
        if entry.value.isNull, setting.hasNoDefault { return }
        draft.mention(setting.path)
        let origin = SettingOrigin.file(file, line: entry.keyMark.line)
        if entry.value.isNull {
            guard setting.mayBeNull else {
                draft.note(
                    .empty, at: place(entry.keyMark), "'\(setting.key)' has no value", suggestion: "remove the line to get the default")
                return
            }
            draft.assign(setting.path, .none, from: origin, at: place(entry.value.mark), in: .file)
            return
        }
        if case .variables = setting.form {
            takeVariables(entry.value, into: &draft)
        } else if let value = value(of: entry.value, key: setting.key, form: setting.form, into: &draft), !setting.isPlanned {
            draft.assign(setting.path, value, from: origin, at: place(entry.value.mark), in: .file)
        }
    }

    private func takeVariables(_ node: Node, into draft: inout SpecDraft) {
        if case .refused = node.content { return }
        guard case .mapping(let entries) = node.content else {
            draft.note(
                .type, at: place(node.mark), "'env' takes a mapping, not \(node.shape)", suggestion: "write each variable as 'NAME: value'")
            return
        }
        for entry in entries {
            if case .refused = entry.value.content { continue }
            guard case .scalar(let text, _) = entry.value.content else {
                draft.note(.type, at: place(entry.value.mark), "the variable '\(shown(entry.key))' takes a text, not \(entry.value.shape)")
                continue
            }
            guard !entry.value.isNull else {
                draft.note(
                    .empty, at: place(entry.keyMark), "the variable '\(shown(entry.key))' has no value",
                    suggestion: "write '\"\"' for an empty one, or '${\(shown(entry.key))}' to hand on the runner's own")
                continue
            }
            let origin = SettingOrigin.file(file, line: entry.keyMark.line)
            draft.assign(entry.key, .init(text: text, expands: true, origin: origin, place: place(entry.value.mark)))
        }
    }

    // MARK: Values

    private func value(of node: Node, key: String, form: SettingForm, into draft: inout SpecDraft) -> SettingValue? {
        switch (form, node.content) {
        case (.either(let first, let second), .list(let items)):
            let isNested = items.contains { if case .scalar = $0.content { false } else { true } }
            return value(of: node, key: key, form: isNested ? second : first, into: &draft)
        case (.entries(let fields), .list(let items)):
            for item in items { takeEntry(item, key: key, fields: fields, into: &draft) }
            return SettingValue.none
        case (.map(let form), .mapping(let entries)):
            for entry in entries { _ = value(of: entry.value, key: entry.key, form: form, into: &draft) }
            return SettingValue.none
        case (.command, .list(let items)), (.paths, .list(let items)), (.texts, .list(let items)):
            return texts(items, of: node, key: key, form: form, into: &draft)
        case (.texts, .scalar(let text, _)):
            draft.note(.type, at: place(node.mark), "'\(key)' takes a list, not a single value", suggestion: "write '[\(shown(text))]'")
            return nil
        case (_, .scalar(let text, _)):
            return scalar(text, at: node.mark, key: key, form: form, into: &draft)
        case (_, .refused): return nil
        case (_, .list), (_, .mapping):
            draft.note(.type, at: place(node.mark), "'\(shown(key))' takes \(form.wanted), not \(node.shape)")
            return nil
        }
    }

    private func scalar(_ text: String, at mark: Mark, key: String, form: SettingForm, into draft: inout SpecDraft) -> SettingValue? {
        do throws(ValueMistake) {
            return try paths.resolved(try ScalarReader.value(text, as: form), form)
        } catch {
            draft.note(error, about: "\(key): \(text)", at: place(mark))
            return nil
        }
    }

    private func texts(_ items: [Node], of node: Node, key: String, form: SettingForm, into draft: inout SpecDraft) -> SettingValue? {
        var texts: [String] = []
        var isWhole = true
        for item in items {
            if case .refused = item.content {
                isWhole = false
                continue
            }
            guard case .scalar(let text, _) = item.content, !item.isNull, !text.utf8.contains(0) else {
                draft.note(.type, at: place(item.mark), "'\(key)' takes a list of texts, and this is \(item.shape)")
                isWhole = false
                continue
            }
            texts.append(text)
        }
        if case .command = form, texts.first?.isEmpty ?? true, isWhole {
            draft.note(
                .missing, at: place(node.mark), "'command' names no program", suggestion: "write 'command: [program, argument, …]'")
            return nil
        }
        do throws(ValueMistake) {
            return isWhole ? try paths.resolved(.texts(texts), form) : nil
        } catch {
            draft.note(error, about: key, at: place(node.mark))
            return nil
        }
    }

    /// One mapping of a list of mappings; only planned settings have such.
    private func takeEntry(_ node: Node, key: String, fields: [Setting], into draft: inout SpecDraft) {
        guard case .mapping(let entries) = node.content else {
            draft.note(.type, at: place(node.mark), "'\(key)' takes a list of mappings, and this is \(node.shape)")
            return
        }
        let table = SettingTable(fields)
        for entry in entries {
            guard let field = table.setting(entry.key) else {
                let meant = KeyMeant(key: entry.key, section: "", table: table).suggestion
                draft.note(.unknown, at: place(entry.keyMark), "'\(shown(entry.key))' is not a setting of '\(key)'", suggestion: meant)
                continue
            }
            _ = value(of: entry.value, key: entry.key, form: field.form, into: &draft)
        }
    }

    private func place(_ mark: Mark) -> SpecNotice.Place { .file(file, line: mark.line, column: mark.column) }
}

/// Reads every file of a set once and keeps what checking and showing need.
struct FactsReader {
    private(set) var facts = SetFacts()

    static func read(_ directory: ImageDirectory) -> SetFacts {
        var reader = FactsReader()
        for file in directory.files.values.sorted(by: { $0.name < $1.name }) {
            guard let (kind, id) = ImageKind.of(fileName: file.name), !kind.isRaw else { continue }
            do throws(ImageFault) { try reader.read(file, kind, id ?? 0) } catch { reader.facts.faults[file.name] = error }
        }
        return reader.facts
    }

    private mutating func read(_ file: ImageFile, _ kind: ImageKind, _ id: UInt64) throws(ImageFault) {
        var entries = try EntryReader(file)
        var count = 0
        while let entry = try entries.next() {
            let start = entries.offset
            try keep(entry.message, of: file.name, kind, id, isFirst: count == 0, at: start)
            if !entry.message.unknown.isEmpty { facts.unknownFields.insert(file.name) }
            count += 1
        }
        if count == 0, Self.neverEmpty.contains(kind.name) { throw ImageFault(.truncated, "it has no entry") }
    }

    private static let neverEmpty: Set<String> = [
        "INVENTORY", "PSTREE", "CORE", "IDS", "MM", "FS", "PAGEMAP", "TIMENS", "GHOST_FILE", "TCP_STREAM", "UTSNS", "NETNS",
    ]

    private mutating func keep(
        _ entry: ImageMessage, of file: String, _ kind: ImageKind, _ id: UInt64, isFirst: Bool, at offset: UInt64
    ) throws(ImageFault) {
        switch kind.name {
        case "INVENTORY":
            facts.inventory = SetFacts.Inventory(
                version: entry.number("img_version") ?? 0, hasDescriptorsPerID: entry.number("fdinfo_per_id") == 1,
                closesTCP: entry.number("tcp_close") == 1, hasRunID: entry.text("dump_criu_run_id") != nil,
                controlGroupSet: entry.number("root_cg_set"), root: entry.message("root_ids"))
        case "PSTREE": try keep(task: entry, at: offset)
        case "CORE": facts.cores[id] = Self.core(entry)
        case "IDS": facts.ids[id] = entry
        case "MM": facts.memories[id] = Self.memory(entry)
        case "FS": facts.directories[id] = entry
        case "FDINFO":
            facts.descriptors[id, default: []].append(
                SetFacts.Descriptor(number: entry.number("fd") ?? 0, file: entry.number("id") ?? 0, type: entry.number("type") ?? 0))
        case "FILES":
            let number = entry.number("id") ?? 0
            if facts.files.updateValue(entry, forKey: number) != nil { facts.repeatedFiles.append(number) }
        case "PAGEMAP":
            if isFirst {
                facts.pageMaps[file] = PageMap(pagesID: entry.number("pages_id") ?? 0)
            } else {
                if let why = facts.pageMaps[file]?.add(entry) { throw ImageFault(.malformed, why, at: offset) }
            }
        default: keepRest(entry, of: file, kind)
        }
    }

    private mutating func keepRest(_ entry: ImageMessage, of file: String, _ kind: ImageKind) {
        switch kind.name {
        case "REMAP_FPATH": facts.remaps.append(entry)
        case "FILE_LOCKS": facts.locks.append(entry)
        case "TTY_INFO": facts.terminals.insert(entry.number("id") ?? 0)
        case "MEMFD_INODE": facts.memoryFiles[entry.number("inode_id") ?? 0] = entry
        case "SK_QUEUES": facts.queued.append((file, entry.number("id_for") ?? 0))
        case "SECCOMP": facts.seccompFilters = (facts.seccompFilters ?? 0) + entry.values("seccomp_filters").count
        case "CGROUP": facts.controlGroupSets = Set(entry.messages("sets").compactMap { $0.number("id") })
        case "STATS": if let dump = entry.message("dump") { facts.dumpStatistics = dump }
        default: break
        }
    }

    private mutating func keep(task entry: ImageMessage, at offset: UInt64) throws(ImageFault) {
        guard facts.tasks.count < ImageLimits.processes else {
            throw ImageFault(.aboveLimit, "it has more than \(ImageLimits.processes) processes", at: offset)
        }
        facts.tasks.append(
            SetFacts.Task(
                pid: entry.number("pid") ?? 0, parent: entry.number("ppid") ?? 0, group: entry.number("pgid") ?? 0,
                session: entry.number("sid") ?? 0, threads: entry.numbers("threads")))
    }

    private static func core(_ entry: ImageMessage) -> SetFacts.Core {
        let number = entry.number("mtype") ?? 0
        var name = "\(number)"
        if let position = entry.shape.position(ofName: "mtype"), case .choice(let names) = entry.shape.fields[position].type {
            name = names[Int32(truncatingIfNeeded: number)] ?? name
        }
        return SetFacts.Core(architecture: name, task: entry.message("tc"), thread: entry.message("thread_core"))
    }

    private static func memory(_ entry: ImageMessage) -> SetFacts.Memory {
        func range(_ start: UInt64, _ end: UInt64) -> Range<UInt64> { start..<max(start, end) }
        return SetFacts.Memory(
            arguments: range(entry.number("mm_arg_start") ?? 0, entry.number("mm_arg_end") ?? 0),
            environment: range(entry.number("mm_env_start") ?? 0, entry.number("mm_env_end") ?? 0),
            executable: entry.number("exe_file_id") ?? 0,
            areas: entry.messages("vmas").map { area in
                SetFacts.Area(
                    range: range(area.number("start") ?? 0, area.number("end") ?? 0), status: area.number("status") ?? 0,
                    protection: area.number("prot") ?? 0, file: area.number("shmid") ?? 0)
            })
    }
}

/// Everything that can be known about a set of images before a restore. Pages are counted, not read; `parent` sets are looked at as far as
/// this set needs them.
public struct Check {
    let directory: ImageDirectory
    let facts: SetFacts
    /// As in core images: "X86_64"; nil: any will do.
    let architecture: String?
    var findings: [Finding] = []

    /// - Parameter architecture: of the machine that is to restore, as CRIU names it ("X86_64", "AARCH64").
    /// - Returns: the findings, the worst first, then by file.
    public static func check(_ directory: ImageDirectory, architecture: String? = nil) -> [Finding] {
        var check = Check(directory: directory, facts: FactsReader.read(directory), architecture: architecture)
        check.lookAtFiles()
        check.lookAtInventory()
        check.lookAtTree()
        for task in check.facts.tasks { check.lookAt(task) }
        check.lookAtFilesTable()
        check.lookAtPages()
        // The same thing may be missed from several places.
        return Set(check.findings).sorted {
            ($1.severity, $0.file, $0.what) < ($0.severity, $1.file, $1.what)
        }
    }

    init(directory: ImageDirectory, facts: SetFacts, architecture: String?) {
        self.directory = directory
        self.facts = facts
        self.architecture = architecture
    }

    mutating func add(_ severity: Finding.Severity, _ file: String, _ what: String, _ consequence: String) {
        findings.append(Finding(severity, file, what, consequence))
    }

    /// Adds an error unless the file is there; one that is there and unreadable is told by its own fault.
    mutating func require(_ file: String, _ consequence: String) {
        if directory.files[file] == nil { add(.error, file, "it is missing", consequence) }
    }
}

// MARK: Each file for itself

extension Check {
    mutating func lookAtFiles() {
        for (name, fault) in facts.faults {
            let consequence =
                fault.kind == .unreadable ? "nothing can be said about what is in it" : "a restore stops at it, or crashes what it restores"
            add(.error, name, fault.sentence, consequence)
        }
        for name in facts.unknownFields {
            let isPageMap = name.hasPrefix("pagemap-")
            add(
                isPageMap ? .error : .warning, name, "it has fields that CRIU 4.2 does not know",
                isPageMap ? "its pages may not lie as they seem to" : "an older CRIU passes over them")
        }
        for name in directory.files.keys where name.hasSuffix(".img") && ImageKind.of(fileName: name) == nil {
            add(.note, name, "it is of no kind that CRIU 4.2 writes", "it was not looked into; a plug-in may need it")
        }
    }

    mutating func lookAtInventory() {
        require("inventory.img", "CRIU writes it last: the dump did not come to its end, and a restore refuses the set")
        if directory.files["stats-dump"] == nil {
            add(.warning, "stats-dump", "it is missing", "CRIU writes it when a dump has succeeded: this one may not have")
        }
        guard let inventory = facts.inventory else { return }
        if ![1, 2].contains(inventory.version) {
            add(.error, "inventory.img", "the images are of version \(inventory.version)", "CRIU supports the versions 1 and 2")
        }
        if !inventory.hasDescriptorsPerID {
            add(.error, "inventory.img", "the images are of the time before 'fdinfo_per_id'", "CRIU says they are too old")
        }
        if !directory.files.keys.contains(where: { $0.hasPrefix("timens-") }) {
            add(.warning, "timens-0.img", "it is missing", "clocks jump: CRIU restores without a word, and timers may sleep for days")
        }
        if directory.files["seccomp.img"] == nil {
            add(.warning, "seccomp.img", "it is missing", "CRIU restores without a word; seccomp filters would be gone")
        }
    }
}

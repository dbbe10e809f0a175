extension ErrorCode {
    var archiveEntry: ErrorEntry {
        switch self {
        case .exportExists:
            ErrorEntry(
                "something is there already", .cannotCreate, "An export never replaces what it finds.",
                remedy: "Give another path with '--output', or remove what is there.")
        case .exportName:
            ErrorEntry(
                "a file's name fits into no archive", .cannotCreate,
                "Archives take names of less than 4000 bytes and 128 directories above one another: 'runner import' would refuse it.",
                remedy: "Export the processes with '--format criu', or move the file up and export a later version.")
        case .archiveDamaged:
            ErrorEntry(
                "an archive is damaged", .badData,
                "It is no tar archive (plain, gzip or zstd), ends too early, or what it holds is not what was exported.",
                remedy: "Copy or export it once more. Nothing was imported.")
        case .archiveHostile:
            ErrorEntry(
                "an archive holds what none may hold", .badData,
                "A name that leads out of it, a link, a device, or the same file twice. No checkpoint needs these; an attack does.",
                remedy: "Find out who made it. Nothing was imported, and nothing lies outside of the store's own staging directory.")
        case .archiveTooLarge:
            ErrorEntry(
                "an archive unpacks to more than is allowed", .badData,
                "A small archive can hold very much of nothing. The limit is '--size-limit', or what the store's disk has free.",
                remedy: "If it is really that large: raise '--size-limit', or free space. Nothing was imported.")
        case .archiveHelper:
            ErrorEntry(
                "the archive helper failed", .inputOutput,
                "'runner-archive' packs and unpacks. It is not there, of another version, or died.",
                remedy: "Install 'runner-archive' beside 'runner' ('make install' does it), and try again.")
        default:
            ErrorEntry(
                "images cannot be imported", .badData,
                "A check of the images found an error: they are not complete, damaged, or of another kind of machine.",
                remedy: "'runner image check' of their directory tells all that is wrong. Dump anew. Nothing was imported.")
        }
    }
}

extension ErrorCode {
    var imageEntry: ErrorEntry {
        switch self {
        case .imageUnknown:
            ErrorEntry(
                "a file is no image of CRIU's", .badData, "Its first bytes are no magic number, or not the one its name promises.",
                remedy: "Name a file of a directory that CRIU 3.17 to 4.2 dumped into; docs/images.md lists the kinds.")
        case .imageRaw:
            ErrorEntry(
                "an image has no entries", .badData, "Pages, archives and rules of a firewall are stored as they are.",
                remedy: "Read pages with 'runner image cat' or 'runner image strings'.")
        case .imageDamaged:
            ErrorEntry(
                "an image is damaged", .badData, "It ends before what it announces, or its bytes are no message of its kind.",
                remedy: "'runner image check' of its directory tells all that is wrong. Restore another version.")
        case .imageText:
            ErrorEntry(
                "JSON that describes no image", .badData, "A field is unknown, missing or of another type; the sentence has the place.",
                remedy: "Begin from what 'runner image decode' prints and change values only.")
        case .imagePlace:
            ErrorEntry(
                "a process or page is not in the images", .noInput, "Only pages that were written to and not swapped to a file are dumped.",
                remedy: "'runner image show' lists the processes, 'runner image pages' the pages of one.")
        default:
            ErrorEntry(
                "a directory has no images in it", .noInput, "It holds no file that ends with '.img'.",
                remedy: "Name the directory that CRIU dumped into.")
        }
    }
}

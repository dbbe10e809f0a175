import Testing

@testable import CriuImages

@Test(arguments: ImageKind.all)
func everyKindHasItsMessagesAndItsName(kind: ImageKind) throws {
    switch kind.content {
    case .raw: #expect(kind.magic == 0)
    case .pagemap: #expect(Schema.criu.shape(named: "pagemap_entry").fields.count == 5)
    case .ghost: #expect(Schema.criu.shape(named: "ghost_chunk_entry").position(ofName: "len") != nil)
    case .entries(let message, let payload):
        let shape = Schema.criu.shape(named: message)
        if case .bytes(let fields) = payload { #expect(fields.allSatisfy { shape.position(ofName: $0) != nil }) }
        #expect(ImageKind.of(magic: kind.magic)?.name == kind.name && ImageKind.named(kind.name)?.magic == kind.magic)
    }
    let name =
        switch kind.suffix {
        case .none: kind.stem + kind.ending
        case .decimal, .hexadecimal: kind.fileName(26)
        case .word: "\(kind.stem)-dump\(kind.ending)"
        }
    let found = try #require(ImageKind.of(fileName: name))
    #expect(found.kind.name == kind.name && found.kind.stem == kind.stem)
    #expect(found.id == (kind.suffix == .decimal || kind.suffix == .hexadecimal ? 26 : nil))
}

@Test(arguments: [
    "core-.img", "core-x.img", "core.img", "pages-1", "notes.txt", "inventory", "ghost-file-g.img", "stats-", "dump.log", ".img",
])
func otherNamesAreNoImages(name: String) { #expect(ImageKind.of(fileName: name) == nil) }

/// A presentation of a field that does not exist would be silently without effect.
@Test func everyPresentationIsOfAFieldThatThereIs() {
    for (message, fields) in presentations {
        let shape = Schema.criu.shape(named: message)
        for field in fields.keys { #expect(shape.position(ofName: field) != nil, "\(message).\(field)") }
    }
    #expect(Schema.criu.all().count > 120)
}

/// How fields are called in JSON: as in the schema, but for what a later release renamed.
enum FieldNames {
    /// Where fields that the schema does not know are kept.
    static let unknown = "unknown fields"

    /// Until CRIU 4.1 the second field of a page run was "nr_pages"; since then it is "compat_nr_pages", and "nr_pages" is another.
    static func name(of field: FieldShape, in message: ImageMessage) -> String {
        isOldPageCount(field, in: message) ? "nr_pages" : field.name
    }

    private static func isOldPageCount(_ field: FieldShape, in message: ImageMessage) -> Bool {
        message.shape.name == "pagemap_entry" && field.number == 2 && message.number("nr_pages") == nil
    }

    /// The field that `name` means in an object with these keys.
    static func position(ofName name: String, in shape: MessageShape, among keys: (String) -> Bool) -> Int? {
        if shape.name == "pagemap_entry", name == "nr_pages", !keys("compat_nr_pages") { return shape.position(ofNumber: 2) }
        return shape.position(ofName: name)
    }
}

/// Takes from an image, while it is not yet in use, the sizes of files that belong to others.
///
/// CRIU refuses a file that has not the size it had at the dump. For what the agent only reads and no cut holds (a configuration, a log that others
/// write) that is no reason to lose the agent: it finds the file as it is, at the place where it was reading. A mapped file keeps its size, for a
/// program whose library has changed does not go on.
public enum SizeMending {
    /// - Parameters:
    ///   - file: `files.img`.
    ///   - users: the `fdinfo` and `mm` images of the same set.
    ///   - isOthers: whether the file at a path is in no cut.
    /// - Returns: the whole image without such sizes; nil: it has none, and is right as it is.
    public static func mended(_ file: ImageFile, used users: [ImageFile], where isOthers: (String) -> Bool) throws(ImageFault) -> [UInt8]? {
        let facts = FactsReader.read(ImageDirectory(name: "users", files: users))
        guard facts.faults.isEmpty else { return nil }
        let mapped = Set(facts.memories.values.flatMap { memory in memory.areas.filter(\.hasFile).map(\.file) + [memory.executable] })
        let open = Set(facts.descriptors.values.joined().map(\.file)).subtracting(mapped)
        return try ImageRewriting.rewritten(file) { message in
            guard message.shape.name == "file_entry", var regular = message.message("reg"), regular.number("size") != nil,
                let id = regular.number("id"), open.contains(id), (regular.number("flags") ?? 0) & 3 == 0,
                let path = regular.text("name"), isOthers(path)
            else { return false }
            regular.clear("size")
            message.set(.message(regular), "reg")
            return true
        }
    }
}

/// One image written anew, message by message.
enum ImageRewriting {
    /// - Parameter change: changes a message of the image; false: it is right as it is.
    /// - Returns: the whole image; nil: nothing was changed.
    static func rewritten(_ file: ImageFile, _ change: (inout ImageMessage) -> Bool) throws(ImageFault) -> [UInt8]? {
        var reader = try EntryReader(file)
        var bytes = (reader.kind.family.map(word) ?? []) + word(reader.kind.magic)
        var isChanged = false
        while let entry = try reader.next() {
            var message = entry.message
            if change(&message) { isChanged = true }
            let written = WireWriter.write(message)
            bytes += word(UInt32(written.count)) + written
        }
        return isChanged ? bytes : nil
    }

    private static func word(_ number: UInt32) -> [UInt8] { (0..<4).map { UInt8(truncatingIfNeeded: number >> ($0 * 8)) } }
}

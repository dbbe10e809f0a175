/// Turns an image into JSON, entry by entry: `{"magic": "CORE", "entries": [{…, "extra": …}]}`. Byte for byte what `crit decode` of CRIU 4.2
/// prints, with four differences, each where crit loses or breaks something:
/// fields that the schema does not know are kept as base64 under "unknown fields"; bytes of a text that are no UTF-8 become lone surrogates;
/// field 2 of a page run is "nr_pages" where CRIU before 4.2 wrote it, as crit of those releases has it; a number of an enumeration
/// that has no name stays a number.
public struct ImageDecoding {
    public enum Form: Hashable, Sendable {
        /// Numbers as numbers, one line: `crit decode`.
        case plain
        /// Flags, addresses, devices and registers as a person reads them, one value a line: `crit decode --pretty`.
        case pretty
    }

    private let form: Form
    private let file: ImageFile
    private var output: JSONOutput

    /// Writes the JSON of `file`, and a line break, to `sink` in pieces.
    /// - Throws: the first fault of the file, when what was before it is written already; or what `sink` throws.
    public static func decode(
        _ file: ImageFile, form: Form = .plain, sink: @escaping ([UInt8]) throws(ImageFault) -> Void
    ) throws(ImageFault) {
        var decoding = ImageDecoding(form: form, file: file, output: JSONOutput(form == .plain ? .line : .lines(indent: 4), sink: sink))
        try decoding.run()
    }

    private mutating func run() throws(ImageFault) {
        var reader = try EntryReader(file)
        output.begin(.object)
        output.key("magic")
        output.text(reader.kind.name.utf8)
        output.key("entries")
        output.begin(.array)
        while let entry = try reader.next() {
            output.element()
            try write(entry)
            try output.pour()
        }
        output.end(.array)
        output.end(.object)
        output.word("\n")
        try output.flush()
    }

    private mutating func write(_ entry: ImageEntry) throws(ImageFault) {
        output.begin(.object)
        write(fieldsOf: entry.message, hexadecimal: false)
        try write(entry.payload)
        output.end(.object)
    }

    // MARK: Messages

    private mutating func write(_ message: ImageMessage, hexadecimal: Bool) {
        output.begin(.object)
        write(fieldsOf: message, hexadecimal: hexadecimal)
        output.end(.object)
    }

    private mutating func write(fieldsOf message: ImageMessage, hexadecimal: Bool) {
        for content in message.fields {
            let field = message.shape.fields[content.position]
            output.key(FieldNames.name(of: field, in: message))
            if field.count == .many {
                write(content.values, of: field, hexadecimal: hexadecimal)
            } else {
                for value in content.values { write(value, of: field, hexadecimal: hexadecimal) }
            }
        }
        guard !message.unknown.isEmpty else { return }
        output.key(FieldNames.unknown)
        writeBase64(message.unknown)
    }

    private mutating func write(_ values: [ImageValue], of field: FieldShape, hexadecimal: Bool) {
        output.begin(.array)
        if form == .pretty, field.presentation == .address, let address = Addresses.text(of: values) {
            output.element()
            output.text(address.utf8)
        } else {
            for value in values {
                output.element()
                write(value, of: field, hexadecimal: hexadecimal)
            }
        }
        output.end(.array)
    }

    private mutating func write(_ value: ImageValue, of field: FieldShape, hexadecimal: Bool) {
        let asHexadecimal = hexadecimal || field.presentation == .hexadecimal
        switch value {
        case .message(let message): write(message, hexadecimal: asHexadecimal)
        case .bytes(let bytes):
            if case .text = field.type {
                output.text(bytes)
            } else if field.presentation == .quoted {
                output.text(QuotedPrintable.encode(bytes))
            } else {
                writeBase64(bytes)
            }
        case .number(let number): write(number, of: field, hexadecimal: asHexadecimal)
        }
    }

    private mutating func write(_ number: UInt64, of field: FieldShape, hexadecimal: Bool) {
        let signed: Bool
        switch field.type {
        case .bool: return output.word(number == 0 ? "false" : "true")
        case .choice(let names):
            if let name = names[Int32(truncatingIfNeeded: number)] { return output.text(name.utf8) }
            return output.word("\(Int64(bitPattern: number))")
        case .signed32, .signed64, .zigzag32, .zigzag64: signed = true
        default: signed = false
        }
        if form == .pretty, let text = shown(number, field.presentation, signed: signed, hexadecimal: hexadecimal) {
            output.text(text.utf8)
        } else {
            output.word(signed ? "\(Int64(bitPattern: number))" : "\(number)")
        }
    }

    private func shown(_ number: UInt64, _ presentation: Presentation, signed: Bool, hexadecimal: Bool) -> String? {
        guard hexadecimal else { return presentation.text(of: number) }
        guard signed, Int64(bitPattern: number) < 0 else { return CriuImages.hexadecimal(number) }
        return "-" + CriuImages.hexadecimal(Int64(bitPattern: number).magnitude)
    }

    // MARK: What lies behind

    private mutating func write(_ payload: ImageEntry.Payload) throws(ImageFault) {
        switch payload {
        case .none: return
        case .bytes(let blob):
            output.key("extra")
            try write(blob)
        case .queues(let received, let unsent):
            output.key("extra")
            output.begin(.object)
            output.key("inq")
            try write(received)
            output.key("outq")
            try write(unsent)
            output.end(.object)
        case .semaphores(let blob):
            output.key("extra")
            output.begin(.array)
            let bytes = try file.read(blob.offset, Int(blob.count))
            for position in stride(from: 0, to: bytes.count - 1, by: 2) {
                output.element()
                output.word("\(UInt16(bytes[position]) | UInt16(bytes[position + 1]) << 8)")
            }
            output.end(.array)
        case .messages(let messages):
            output.key("extra")
            output.begin(.array)
            for message in messages {
                output.element()
                write(message.message, hexadecimal: false)
                output.element()
                try write(message.content)
            }
            output.end(.array)
        }
    }

    /// Base64 of a part of the file, which may be large: whole lines at a time.
    private mutating func write(_ blob: ImageBlob) throws(ImageFault) {
        let piece = UInt64(Base64.lineBytes * 1024)
        output.openText()
        var offset = blob.offset
        let end = blob.offset + blob.count
        while offset < end {
            let count = min(piece, end - offset)
            output.piece(Base64.encode(try file.read(offset, Int(count)), lineBreak: Self.escapedBreak))
            try output.pour()
            offset += count
        }
        output.closeText()
    }

    private mutating func writeBase64(_ bytes: [UInt8]) {
        output.openText()
        output.piece(Base64.encode(bytes, lineBreak: Self.escapedBreak))
        output.closeText()
    }

    private static let escapedBreak = Array(#"\n"#.utf8)
}

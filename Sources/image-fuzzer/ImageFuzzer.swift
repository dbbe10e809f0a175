// Built only with FUZZ in the environment, by dev/fuzz: libFuzzer brings its own main.

internal import CriuImages

/// One input is an image, JSON that is to become one, or a whole set of images. Whatever comes of it must be a value or a named fault.
@_cdecl("LLVMFuzzerTestOneInput")
public func fuzzOne(_ start: UnsafePointer<UInt8>?, _ count: Int) -> CInt {
    let bytes = Array(UnsafeBufferPointer(start: start, count: count))
    if bytes.starts(with: "SET1".utf8) {
        lookInto(set(Array(bytes.dropFirst(4))))
    } else if bytes.first == UInt8(ascii: "{") {
        encode(bytes)
    } else {
        decode(bytes)
    }
    return 0
}

private final class Gathered {
    var bytes: [UInt8] = []
}

private func json(of image: [UInt8], _ form: ImageDecoding.Form) -> [UInt8]? {
    let gathered = Gathered()
    // No name: the kind is told by the magic number.
    let file = ImageFile(name: "", bytes: image)
    let result: ()? = try? ImageDecoding.decode(file, form: form) { (piece) throws(ImageFault) in gathered.bytes += piece }
    return result == nil ? nil : gathered.bytes
}

private func image(of json: [UInt8]) -> [UInt8]? {
    let gathered = Gathered()
    let result: ()? = try? ImageEncoding.encode(json) { (piece) throws(ImageFault) in gathered.bytes += piece }
    return result == nil ? nil : gathered.bytes
}

/// What can be decoded can be encoded, and is then the same to whoever decodes it again.
private func decode(_ bytes: [UInt8]) {
    for form in [ImageDecoding.Form.plain, .pretty] {
        guard let text = json(of: bytes, form) else { continue }
        guard let again = image(of: text) else { preconditionFailure("what was decoded is not taken back") }
        precondition(json(of: again, form) == text, "it changed on its way")
    }
}

private func encode(_ text: [UInt8]) {
    guard let bytes = image(of: text) else { return }
    guard let plain = json(of: bytes, .plain) else { preconditionFailure("what was encoded cannot be decoded") }
    precondition(image(of: plain) == bytes, "it changed on its way")
}

// MARK: Sets

/// Names a set may have, by number.
private let names = [
    "inventory.img", "pstree.img", "core-1001.img", "core-1003.img", "ids-1001.img", "ids-1003.img", "mm-1001.img", "fs-1001.img",
    "pagemap-1001.img", "pages-1.img", "fdinfo-2.img", "files.img", "seccomp.img", "timens-0.img", "stats-dump", "memfd.img",
    "remap-fpath.img", "ghost-file-1.img", "tty-info.img", "filelocks.img", "sk-queues.img", "pagemap-shmem-0.img", "cgroup.img",
]

/// `{ NAME COUNT BYTES }`, NAME one byte, COUNT two, little-endian; the second half of the input may be an older set.
private func set(_ bytes: [UInt8]) -> ImageDirectory {
    var files: [ImageFile] = []
    var rest = bytes[...]
    while rest.count >= 3 {
        let name = names[Int(rest[rest.startIndex]) % names.count]
        let count = Int(rest[rest.startIndex + 1]) | Int(rest[rest.startIndex + 2]) << 8
        rest = rest.dropFirst(3)
        files.append(ImageFile(name: name, bytes: Array(rest.prefix(count))))
        rest = rest.dropFirst(count)
    }
    return ImageDirectory(
        name: "set", files: files, parent: .set(ImageDirectory(name: "older", files: Array(files.prefix(files.count / 2)))))
}

private func lookInto(_ set: ImageDirectory) {
    _ = Check.check(set, architecture: "X86_64")
    let summary = SetSummary(of: set)
    for process in summary.processes.prefix(4) {
        guard let memory = try? ProcessMemory(of: process.pid, in: set) else { continue }
        _ = memory.runs
        try? memory.strings(atLeast: 4) { _, _ in true }
        _ = try? memory.bytes(at: 0x401000, count: 8192)
    }
    guard let difference = try? SetDifference(from: set, to: set) else { return }
    precondition(difference.processesAdded.isEmpty, "a set differs from itself")
}

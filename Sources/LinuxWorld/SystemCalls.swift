internal import Glibc
internal import OutsideWorld

/// Calls until no signal interrupts it.
/// - Returns: what the call gave, or the negated errno.
func uninterrupted<Result: SignedInteger & FixedWidthInteger>(_ call: () -> Result) -> Result {
    while true {
        let result = call()
        if result >= 0 { return result }
        let error = errno
        if error != EINTR { return Result(-error) }
    }
}

extension FileFault {
    /// The fault that an errno stands for.
    init(errno error: Int32, doing: String, what: String) {
        self.init(Kind(errno: error), doing: doing, what: what)
    }
}

extension FileFault.Kind {
    init(errno error: Int32) {
        switch error {
        case ENOENT: self = .missing
        case EEXIST: self = .exists
        case ENOSPC, EDQUOT: self = .full
        case EROFS: self = .readOnly
        case EACCES, EPERM: self = .denied
        case ENOTDIR: self = .notDirectory
        case ENOTEMPTY: self = .notEmpty
        case EFBIG: self = .tooLarge
        case EBUSY, EAGAIN, ETXTBSY: self = .busy
        default: self = .system(error)
        }
    }
}

/// A descriptor with one owner, closed with it.
struct Descriptor: ~Copyable {
    let raw: Int32
    init(_ raw: Int32) { self.raw = raw }
    /// Hands the descriptor to someone who closes it.
    consuming func release() -> Int32 {
        let raw = raw
        discard self
        return raw
    }
    deinit { close(raw) }
}

/// Both ends of a pipe, close-on-exec.
func makePipe() throws(FileFault) -> (readEnd: Int32, writeEnd: Int32) {
    var ends: [Int32] = [-1, -1]
    let result = uninterrupted { pipe2(&ends, O_CLOEXEC) }
    if result < 0 { throw FileFault(errno: -result, doing: "make", what: "a pipe") }
    return (ends[0], ends[1])
}

/// Reads and writes never block from now on.
func makeNonBlocking(_ descriptor: Int32) {
    _ = fcntl(descriptor, F_SETFL, fcntl(descriptor, F_GETFL) | O_NONBLOCK)
}

/// At most `count` bytes by one read(2).
/// - Returns: the bytes (none: end of file), or the errno.
func readSome(_ descriptor: Int32, _ count: Int) -> Result<[UInt8], SystemError> {
    var failure: Int32 = 0
    let bytes = [UInt8](unsafeUninitializedCapacity: count) { buffer, filled in
        let result = uninterrupted { read(descriptor, buffer.baseAddress, count) }
        filled = max(0, result)
        failure = Int32(max(0, -result))
    }
    return failure == 0 ? .success(bytes) : .failure(SystemError(errno: failure))
}

/// An errno as an error.
struct SystemError: Error {
    var errno: Int32
}

/// What the kernel calls an errno, as a person reads it: "no such file or directory".
func sentence(errno error: Int32) -> String {
    String(cString: strerror(error)).lowercased()
}

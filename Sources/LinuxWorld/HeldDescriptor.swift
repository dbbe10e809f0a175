internal import Glibc

/// A descriptor with one owner, closed when the owner lets go. Whoever watches it in the loop must forget it before.
final class HeldDescriptor {
    let number: Int32

    init(_ number: Int32) {
        precondition(number >= 0, "descriptor \(number) is none")
        self.number = number
    }
    deinit { close(number) }
}

/// Both ends of a new pipe, close-on-exec. nil: errno tells why.
func makePipe() -> (reading: HeldDescriptor, writing: HeldDescriptor)? {
    var ends: [Int32] = [-1, -1]
    guard pipe2(&ends, O_CLOEXEC) == 0 else { return nil }
    return (HeldDescriptor(ends[0]), HeldDescriptor(ends[1]))
}

/// What the kernel calls an errno, in lower case as it stands inside a sentence.
func errorText(_ number: Int32) -> String {
    let text = String(cString: strerror(number))
    return (text.first?.lowercased() ?? "") + text.dropFirst()
}

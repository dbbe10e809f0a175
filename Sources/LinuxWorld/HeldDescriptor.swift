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

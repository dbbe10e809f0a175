internal import Synchronization

/// Carries one result from a worker to the loop.
final class ResultBox<Value: Sendable>: Sendable {
    private let value = Mutex<Value?>(nil)
    func put(_ new: Value) { value.withLock { $0 = new } }
    func take() -> Value? {
        value.withLock { held in
            defer { held = nil }
            return held
        }
    }
}

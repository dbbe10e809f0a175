internal import CLinuxShims
internal import Glibc
internal import OutsideWorld

/// One accepted connection: its descriptor and what is still to be sent.
final class Connection {
    enum Reading {
        case bytes([UInt8])
        case nothingYet, ended
    }
    enum Sending { case allSent, moreToSend }

    /// A peer that leaves more than this unread is closed: it is not reading, and its queue must not eat the supervisor's memory.
    static let queueLimit = 8 << 20

    let descriptor: Int32
    let door: Door
    /// Closed by us as soon as the queue is empty; what still arrives is thrown away.
    var isClosing = false
    private var queue: [UInt8] = []
    private var sent = 0

    init(_ descriptor: Int32, door: Door) {
        self.descriptor = descriptor
        self.door = door
    }

    deinit { close(descriptor) }

    var queued: Int { queue.count - sent }

    func enqueue(_ bytes: [UInt8]) { queue += bytes }

    /// Sends what the peer takes now. A peer that is gone takes everything: its end of file, with what it wrote before, is still to be read.
    func flush() -> Sending {
        while queued > 0 {
            let count = queue.withUnsafeBytes { buffer in
                uninterrupted { send(descriptor, buffer.baseAddress?.advanced(by: sent), buffer.count - sent, Int32(MSG_NOSIGNAL)) }
            }
            if count == -Int(EAGAIN) { break }
            sent = count < 0 ? queue.count : sent + count
        }
        if queued == 0 || sent > 1 << 20 {
            queue.removeFirst(sent)
            sent = 0
        }
        return queued == 0 ? .allSent : .moreToSend
    }

    /// What one read gives, at most 64 KiB.
    func receive() -> Reading {
        switch readSome(descriptor, 64 << 10) {
        case .success(let bytes): bytes.isEmpty ? .ended : .bytes(bytes)
        case .failure(let error): error.errno == EAGAIN ? .nothingYet : .ended
        }
    }
}

// A program in Swift for checkpoints: tasks, an actor, a stream and sleeps on the runtime's own threads. It prints the number of every step
// once all of them have done their part in it.

internal import Glibc

actor Ledger {
    private(set) var sum = 0
    private(set) var beats = 0
    func add(_ number: Int) { sum += number }
    func beat() { beats += 1 }
}

@main
struct SwiftProgram {
    static func main() async throws {
        let ledger = Ledger()
        let (numbers, feed) = AsyncStream.makeStream(of: Int.self)
        var incoming = numbers.makeAsyncIterator()
        let beating = Task.detached {
            while true {
                await ledger.beat()
                try await Task.sleep(for: .milliseconds(1))
            }
        }
        defer { beating.cancel() }

        for n in 1... {
            let products = await withTaskGroup(of: Int.self) { group in
                for factor in 1...4 {
                    group.addTask {
                        await ledger.add(factor)
                        return n * factor
                    }
                }
                var total = 0
                for await product in group { total += product }
                return total
            }
            let (sum, before) = (await ledger.sum, await ledger.beats)
            guard products == 10 * n, sum == 10 * n else { fatalError("step \(n): \(products), \(sum)") }
            feed.yield(n)
            guard await incoming.next() == n else { fatalError("step \(n): another number came") }
            while await ledger.beats == before { try await Task.sleep(for: .milliseconds(1)) }
            say("\(n)\n")
            try await Task.sleep(for: .milliseconds(5))
        }
    }

    static func say(_ text: String) {
        let bytes = Array(text.utf8)
        _ = write(1, bytes, bytes.count)
    }
}

internal import CLinuxShims
internal import Glibc
internal import OutsideWorld
internal import Synchronization

/// A thread beside the loop for each lane, made with its first job.
final class LinuxWorkers: Workers {
    private let loop: EventLoop
    private var lanes: [WorkLane: Worker] = [:]

    init(_ loop: EventLoop) { self.loop = loop }

    func startWork(_ id: WorkID, in lane: WorkLane, _ body: @escaping @Sendable () -> Void) {
        let row = lane == .background ? .patient : lane
        let worker = lanes[row] ?? Worker(loop)
        lanes[row] = worker
        guard lane == .background else { return worker.start(id, body) }
        worker.start(id) {
            let former = shim_io_idle()
            body()
            shim_io_priority(former)
        }
    }
}

/// One thread that does slow work, a job at a time in the order given.
private final class Worker {
    private let loop: EventLoop
    private let bench = Workbench()

    init(_ loop: EventLoop) {
        self.loop = loop
        loop.watch(bench.doneSignal) { [bench, loop] _ in
            for id in bench.takeDone() { loop.post(.workDone(id)) }
        }
        makeThread()
    }

    /// The job at work is finished by the thread, which then ends; nobody hears of it.
    deinit {
        loop.forget(bench.doneSignal)
        bench.give(.goHome)
    }

    func start(_ id: WorkID, _ body: @escaping @Sendable () -> Void) { bench.give(.work(id, body)) }

    private func makeThread() {
        var thread = pthread_t()
        let result = pthread_create(&thread, nil, workAtBench, Unmanaged.passRetained(bench).toOpaque())
        precondition(result == 0, "pthread_create failed: errno \(result)")
        pthread_detach(thread)
    }
}

/// What lies between the loop and the worker's thread.
private final class Workbench: Sendable {
    enum Job: Sendable {
        case work(WorkID, @Sendable () -> Void)
        case goHome
    }

    /// Both are written by one side only and read by the other. A semaphore: one read takes one job.
    private let jobSignal = eventfd(0, Int32(EFD_CLOEXEC) | Int32(EFD_SEMAPHORE))
    let doneSignal = eventfd(0, Int32(EFD_CLOEXEC) | Int32(EFD_NONBLOCK))
    private let jobs = Mutex<[Job]>([])
    private let done = Mutex<[WorkID]>([])

    init() { precondition(jobSignal >= 0 && doneSignal >= 0, "eventfd failed: errno \(errno)") }

    deinit {
        close(jobSignal)
        close(doneSignal)
    }

    func give(_ job: Job) {
        jobs.withLock { $0.append(job) }
        eventfd_write(jobSignal, 1)
    }

    func takeDone() -> [WorkID] {
        var count: eventfd_t = 0
        eventfd_read(doneSignal, &count)
        return done.withLock { ids in
            defer { ids = [] }
            return ids
        }
    }

    /// Works until it is sent home. For the worker's thread.
    func work() {
        while true {
            var one: eventfd_t = 0
            guard eventfd_read(jobSignal, &one) == 0 else { continue }  // EINTR
            switch jobs.withLock({ $0.removeFirst() }) {
            case .goHome: return
            case .work(let id, let body):
                body()
                done.withLock { $0.append(id) }
                eventfd_write(doneSignal, 1)
            }
        }
    }
}

/// The thread's body: a free function, because a closure would belong to the actor of whoever wrote it down and trap here.
private func workAtBench(_ bench: UnsafeMutableRawPointer?) -> UnsafeMutableRawPointer? {
    guard let bench else { preconditionFailure("the worker's thread was given no bench") }
    var every = sigset_t()
    sigfillset(&every)
    pthread_sigmask(SIG_SETMASK, &every, nil)
    Unmanaged<Workbench>.fromOpaque(bench).takeRetainedValue().work()
    return nil
}

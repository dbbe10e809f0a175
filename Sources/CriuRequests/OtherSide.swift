internal import CCriuRequests
internal import CProtobufC

// The conversation from CRIU's side: for the simulation, which plays it, and for tests.

extension CriuRequest {
    /// nil: no request, or one of a kind that is not asked here.
    public init?(packet: [UInt8]) {
        guard let message = criu__rpc__criu_req__unpack(nil, packet.count, packet) else { return nil }
        defer { criu__rpc__criu_req__free_unpacked(message, nil) }
        let request = message.pointee
        let options = request.opts?.pointee
        switch (request.type, options) {
        case (CRIU__RPC__CRIU_REQ_TYPE__VERSION, _): self = .version
        case (CRIU__RPC__CRIU_REQ_TYPE__FEATURE_CHECK, _): self = .features
        case (CRIU__RPC__CRIU_REQ_TYPE__CHECK, _): self = .check
        case (CRIU__RPC__CRIU_REQ_TYPE__CPUINFO_DUMP, let options?): self = .describeProcessor(images: options.images_dir_fd)
        case (CRIU__RPC__CRIU_REQ_TYPE__CPUINFO_CHECK, let options?): self = .compareProcessor(images: options.images_dir_fd)
        case (CRIU__RPC__CRIU_REQ_TYPE__DUMP, let options?): self = .dump(CriuDump(reading: options))
        case (CRIU__RPC__CRIU_REQ_TYPE__RESTORE, let options?): self = .restore(CriuRestore(reading: options))
        case (CRIU__RPC__CRIU_REQ_TYPE__NOTIFY, _):
            self = .goOn(request.notify_success != 0, external: options?.externalKeys ?? [])
        default: return nil
        }
    }
}

extension CriuDump {
    fileprivate init(reading options: Criu__Rpc__CriuOpts) {
        self.init(
            images: options.images_dir_fd, scratch: options.scratch, root: options.pid, leavesRunning: options.leave_running != 0,
            external: options.externalKeys, tcp: options.tcp_close != 0 ? .close : .keep, deletedFileLimit: options.ghost_limit,
            stopWithin: options.timeout)
    }
}

extension CriuRestore {
    fileprivate init(reading options: Criu__Rpc__CriuOpts) {
        let inherited = (0..<options.n_inherit_fd).compactMap { options.inherit_fd[$0]?.pointee }
        self.init(
            images: options.images_dir_fd, scratch: options.scratch,
            inherited: inherited.map { Inherited(key: String(cString: $0.key), descriptor: $0.fd) },
            tcp: options.tcp_close != 0 ? .close : .keep, leavesStopped: options.leave_stopped != 0, isLazy: options.lazy_pages != 0)
        comparesProcessor = options.has_cpu_cap != 0
    }
}

extension Criu__Rpc__CriuOpts {
    fileprivate var scratch: Int32? { has_work_dir_fd != 0 ? work_dir_fd : nil }
    fileprivate var externalKeys: [String] { (0..<n_external).compactMap { external[$0] }.map { String(cString: $0) } }
}

extension CriuAnswer {
    /// The packet CRIU would send.
    public func packet() -> [UInt8] {
        let memory = CMemory()
        let message = memory.make(criu__rpc__criu_resp__init) { answer in
            switch self {
            case .moment(let moment):
                answer.type = CRIU__RPC__CRIU_REQ_TYPE__NOTIFY
                answer.success = 1
                answer.notify = memory.make(criu__rpc__criu_notify__init) {
                    $0.script = memory.text(moment.name?.rawValue ?? "unknown")
                    if let pid = moment.pid { ($0.has_pid, $0.pid) = (1, pid) }
                }
            case .result(let result): result.lower(to: &answer, in: memory)
            }
        }
        var bytes = [UInt8](repeating: 0, count: criu__rpc__criu_resp__get_packed_size(message))
        _ = bytes.withUnsafeMutableBufferPointer { criu__rpc__criu_resp__pack(message, $0.baseAddress) }
        return bytes
    }
}

extension CriuResult {
    fileprivate func lower(to answer: inout Criu__Rpc__CriuResp, in memory: CMemory) {
        answer.type = kind.number
        answer.success = succeeded ? 1 : 0
        if let errorNumber { (answer.has_cr_errno, answer.cr_errno) = (1, errorNumber) }
        if let version {
            answer.version = memory.make(criu__rpc__criu_version__init) {
                ($0.major_number, $0.minor_number) = (version.major, version.minor)
                ($0.has_sublevel, $0.sublevel) = (1, version.patch)
            }
        }
        if let features {
            answer.features = memory.make(criu__rpc__criu_features__init) {
                ($0.has_mem_track, $0.mem_track) = (1, features.dirtyTracking ? 1 : 0)
                ($0.has_lazy_pages, $0.lazy_pages) = (1, features.lazyPages ? 1 : 0)
                ($0.has_pidfd_store, $0.pidfd_store) = (1, features.pidfdStore ? 1 : 0)
            }
        }
        if kind == .restore { answer.restore = memory.make(criu__rpc__criu_restore_resp__init) { $0.pid = root ?? -1 } }
    }
}

extension CriuResult.Kind {
    fileprivate var number: Criu__Rpc__CriuReqType {
        switch self {
        case .version: CRIU__RPC__CRIU_REQ_TYPE__VERSION
        case .features: CRIU__RPC__CRIU_REQ_TYPE__FEATURE_CHECK
        case .check: CRIU__RPC__CRIU_REQ_TYPE__CHECK
        case .processor: CRIU__RPC__CRIU_REQ_TYPE__CPUINFO_DUMP
        case .dump: CRIU__RPC__CRIU_REQ_TYPE__DUMP
        case .restore: CRIU__RPC__CRIU_REQ_TYPE__RESTORE
        case .other: CRIU__RPC__CRIU_REQ_TYPE__EMPTY
        }
    }
}

internal import CCriuRequests
internal import CProtobufC

extension CriuRequest {
    /// One packet for CRIU's socket.
    public func packet() -> [UInt8] {
        let memory = CMemory()
        let message = memory.make(criu__rpc__criu_req__init) { lower(to: &$0, in: memory) }
        var bytes = [UInt8](repeating: 0, count: criu__rpc__criu_req__get_packed_size(message))
        _ = bytes.withUnsafeMutableBufferPointer { criu__rpc__criu_req__pack(message, $0.baseAddress) }
        return bytes
    }

    private func lower(to message: inout Criu__Rpc__CriuReq, in memory: CMemory) {
        switch self {
        case .version: message.type = CRIU__RPC__CRIU_REQ_TYPE__VERSION
        case .features:
            message.type = CRIU__RPC__CRIU_REQ_TYPE__FEATURE_CHECK
            message.features = memory.make(criu__rpc__criu_features__init) {
                ($0.has_mem_track, $0.mem_track) = (1, 1)
                ($0.has_lazy_pages, $0.lazy_pages) = (1, 1)
                ($0.has_pidfd_store, $0.pidfd_store) = (1, 1)
            }
        case .check:
            message.type = CRIU__RPC__CRIU_REQ_TYPE__CHECK
            message.opts = memory.make(criu__rpc__criu_opts__init) { $0.images_dir_fd = -1 }
        case .describeProcessor(let images):
            message.type = CRIU__RPC__CRIU_REQ_TYPE__CPUINFO_DUMP
            message.opts = memory.make(criu__rpc__criu_opts__init) {
                $0.lowerCommon(images: images, scratch: nil, log: "cpuinfo.log", in: memory)
            }
        case .compareProcessor(let images):
            message.type = CRIU__RPC__CRIU_REQ_TYPE__CPUINFO_CHECK
            message.opts = memory.make(criu__rpc__criu_opts__init) {
                $0.lowerCommon(images: images, scratch: nil, log: "cpuinfo.log", in: memory)
            }
        case .dump(let dump):
            message.type = CRIU__RPC__CRIU_REQ_TYPE__DUMP
            message.opts = memory.make(criu__rpc__criu_opts__init) { $0.lower(dump, in: memory) }
        case .restore(let restore):
            message.type = CRIU__RPC__CRIU_REQ_TYPE__RESTORE
            message.opts = memory.make(criu__rpc__criu_opts__init) { $0.lower(restore, in: memory) }
        case .goOn(let yes, let external):
            message.type = CRIU__RPC__CRIU_REQ_TYPE__NOTIFY
            (message.has_notify_success, message.notify_success) = (1, yes ? 1 : 0)
            guard !external.isEmpty else { return }
            message.opts = memory.make(criu__rpc__criu_opts__init) {
                $0.images_dir_fd = -1
                $0.lower(external: external, in: memory)
            }
        }
    }
}

extension Criu__Rpc__CriuOpts {
    /// What every dump and restore has.
    fileprivate mutating func lowerCommon(images: Int32, scratch: Int32?, log: String, in memory: CMemory) {
        images_dir_fd = images
        if let scratch { (has_work_dir_fd, work_dir_fd) = (1, scratch) }
        (has_log_level, log_level) = (1, 4)
        log_file = memory.text(log)
        // Everything the processor can is written down and compared: an image of a better processor must not die later.
        (has_cpu_cap, cpu_cap) = (1, .max)
        // Whoever restores decides about control groups by where CRIU is started.
        (has_manage_cgroups_mode, manage_cgroups_mode) = (1, CRIU__RPC__CRIU_CG_MODE__IGNORE)
    }

    fileprivate mutating func lowerWork(tcp: TCPHandling) {
        (has_notify_scripts, notify_scripts) = (1, 1)
        (has_file_locks, file_locks) = (1, 1)
        (has_link_remap, link_remap) = (1, 1)
        // No rules of the host's firewall are touched: they would outlive a failure.
        (has_network_lock, network_lock) = (1, CRIU__RPC__CRIU_NETWORK_LOCK_METHOD__SKIP)
        switch tcp {
        case .close: (has_tcp_close, tcp_close) = (1, 1)
        case .keep: (has_tcp_established, tcp_established) = (1, 1)
        }
    }

    fileprivate mutating func lower(_ dump: CriuDump, in memory: CMemory) {
        lowerCommon(images: dump.images, scratch: dump.scratch, log: CriuLogName.dump, in: memory)
        lowerWork(tcp: dump.tcp)
        (has_pid, pid) = (1, dump.root)
        if dump.leavesRunning { (has_leave_running, leave_running) = (1, 1) } else { (has_leave_stopped, leave_stopped) = (1, 1) }
        (has_ghost_limit, ghost_limit) = (1, dump.deletedFileLimit)
        (has_timeout, timeout) = (1, dump.stopWithin)
        lower(external: dump.external, in: memory)
    }

    fileprivate mutating func lower(_ restore: CriuRestore, in memory: CMemory) {
        lowerCommon(images: restore.images, scratch: restore.scratch, log: CriuLogName.restore, in: memory)
        lowerWork(tcp: restore.tcp)
        if restore.leavesStopped {
            (has_leave_stopped, leave_stopped) = (1, 1)
            // It never runs, so it takes no lock from whoever lives; it would wait for it for ever.
            file_locks = 0
        }
        if restore.isLazy { (has_lazy_pages, lazy_pages) = (1, 1) }
        if !restore.comparesProcessor { (has_cpu_cap, cpu_cap) = (0, 0) }
        n_inherit_fd = restore.inherited.count
        inherit_fd = memory.list(
            restore.inherited.map { one in
                memory.make(criu__rpc__inherit_fd__init) {
                    $0.key = memory.text(one.key)
                    $0.fd = one.descriptor
                }
            })
    }

    fileprivate mutating func lower(external keys: [String], in memory: CMemory) {
        n_external = keys.count
        external = memory.list(keys.map { memory.text($0) })
    }
}

internal import CCriuRequests
internal import CProtobufC

extension CriuAnswer {
    /// nil: the packet is none of CRIU's.
    public init?(packet: [UInt8]) {
        guard let message = criu__rpc__criu_resp__unpack(nil, packet.count, packet) else { return nil }
        defer { criu__rpc__criu_resp__free_unpacked(message, nil) }
        let answer = message.pointee
        if answer.type == CRIU__RPC__CRIU_REQ_TYPE__NOTIFY {
            let script = answer.notify.flatMap { $0.pointee.script }.map { String(cString: $0) } ?? ""
            let pid = answer.notify.flatMap { $0.pointee.has_pid != 0 ? $0.pointee.pid : nil }
            self = .moment(CriuMoment(name: CriuMoment.Name(rawValue: script), pid: pid))
        } else {
            self = .result(CriuResult(reading: answer))
        }
    }
}

extension CriuResult {
    fileprivate init(reading answer: Criu__Rpc__CriuResp) {
        self.init(Kind(answer.type), succeeded: answer.success != 0)
        if answer.has_cr_errno != 0 { errorNumber = answer.cr_errno }
        if let version = answer.version?.pointee {
            self.version = CriuVersion(version.major_number, version.minor_number, version.has_sublevel != 0 ? version.sublevel : 0)
        }
        if let features = answer.features?.pointee {
            self.features = CriuFeatures(
                dirtyTracking: features.mem_track != 0, lazyPages: features.lazy_pages != 0, pidfdStore: features.pidfd_store != 0)
        }
        // A restore that failed says -1.
        if let restored = answer.restore?.pointee, restored.pid > 0 { root = restored.pid }
    }
}

extension CriuResult.Kind {
    fileprivate init(_ type: Criu__Rpc__CriuReqType) {
        switch type {
        case CRIU__RPC__CRIU_REQ_TYPE__VERSION: self = .version
        case CRIU__RPC__CRIU_REQ_TYPE__FEATURE_CHECK: self = .features
        case CRIU__RPC__CRIU_REQ_TYPE__CHECK: self = .check
        case CRIU__RPC__CRIU_REQ_TYPE__CPUINFO_DUMP, CRIU__RPC__CRIU_REQ_TYPE__CPUINFO_CHECK: self = .processor
        case CRIU__RPC__CRIU_REQ_TYPE__DUMP: self = .dump
        case CRIU__RPC__CRIU_REQ_TYPE__RESTORE: self = .restore
        default: self = .other
        }
    }
}

internal import AgentProtocol
internal import Digests
internal import Glibc

/// The directory through which state goes that is too large for a frame. Documentation: docs/protocol.md
struct StagingFolder: Sendable {
    let path: String

    /// Inline when it fits, else a file that is whole and durable before its name appears.
    static func handOver(_ state: [UInt8], as name: String, in folder: StagingFolder?) throws(AgentFault) -> StatePayload {
        guard state.count > ProtocolLimits.inlineState else { return .inline(state) }
        guard let folder else { throw .stateNotHandedOver("it has \(state.count) bytes and RUNNER_STAGING is not set") }
        try folder.write(state, name)
        return .file(name: name, size: UInt64(state.count), sha256: SHA256.digest(of: state))
    }

    static func takeBack(_ state: StatePayload, from folder: StagingFolder?) throws(AgentFault) -> [UInt8] {
        switch state {
        case .inline(let bytes): return bytes
        case .file(let name, let size, let sha256):
            guard let folder else { throw .stateUnreadable("it is in file '\(name)' and RUNNER_STAGING is not set") }
            let bytes = try folder.read(name, size: size)
            guard SHA256.digest(of: bytes) == sha256 else { throw .stateUnreadable("file '\(name)' is not what was stored") }
            return bytes
        }
    }

    /// A name that is gone already is no loss.
    func remove(_ name: String) { unlink(path + "/" + name) }

    private func write(_ bytes: [UInt8], _ name: String) throws(AgentFault) {
        let temporary = path + "/." + name
        let file = open(temporary, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC | O_NOFOLLOW, 0o600)
        guard file >= 0 else { throw .stateNotHandedOver("cannot create '\(temporary)': \(SystemError(number: errno).text)") }
        var fault = writeAll(bytes, to: file)
        if fault == nil, fsync(file) != 0 { fault = SystemError(number: errno) }
        if close(file) != 0, fault == nil { fault = SystemError(number: errno) }
        if fault == nil, rename(temporary, path + "/" + name) != 0 { fault = SystemError(number: errno) }
        if fault == nil { fault = syncFolder() }
        if let fault {
            unlink(temporary)
            throw .stateNotHandedOver("cannot write '\(path)/\(name)': \(fault.text)")
        }
    }

    private func writeAll(_ bytes: [UInt8], to file: Int32) -> SystemError? {
        var rest = bytes[...]
        while !rest.isEmpty {
            let count = rest.withUnsafeBytes { Glibc.write(file, $0.baseAddress, $0.count) }
            if count >= 0 { rest = rest.dropFirst(count) } else if errno != EINTR { return SystemError(number: errno) }
        }
        return nil
    }

    private func syncFolder() -> SystemError? {
        let folder = open(path, O_RDONLY | O_DIRECTORY | O_CLOEXEC)
        guard folder >= 0 else { return SystemError(number: errno) }
        defer { close(folder) }
        return fsync(folder) == 0 ? nil : SystemError(number: errno)
    }

    private func read(_ name: String, size: UInt64) throws(AgentFault) -> [UInt8] {
        let file = open(path + "/" + name, O_RDONLY | O_CLOEXEC | O_NOFOLLOW)
        guard file >= 0 else { throw .stateUnreadable("cannot open '\(path)/\(name)': \(SystemError(number: errno).text)") }
        defer { close(file) }
        var facts = stat()
        guard fstat(file, &facts) == 0, UInt64(clamping: facts.st_size) == size, let wanted = Int(exactly: size) else {
            throw .stateUnreadable("file '\(name)' does not have the \(size) bytes it should have")
        }
        var count = 0
        let bytes = [UInt8](unsafeUninitializedCapacity: wanted) { buffer, initialized in
            while count < wanted {
                let next = Glibc.read(file, buffer.baseAddress.map { $0 + count }, wanted - count)
                if next > 0 { count += next } else if next == 0 || errno != EINTR { break }
            }
            initialized = count
        }
        guard count == wanted else { throw .stateUnreadable("file '\(name)' ended after \(count) of \(size) bytes") }
        return bytes
    }
}

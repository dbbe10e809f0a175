internal import AgentModel
internal import CLinuxShims
internal import Glibc
internal import OutsideWorld

/// One question to a CRIU that has no tree to do with: it may be killed at any time.
struct CriuQuestion {
    let program: String

    func ask(_ packet: [UInt8], within limit: Duration) -> CriuReply {
        let criu: RunningCriu
        do { criu = try RunningCriu(outside: program) } catch { return .couldNotStart(error.sentence) }
        defer { end(criu) }
        let deadline = shim_boottime_ns() + limit.nanoseconds
        guard send(criu.link.number, packet, packet.count, Int32(MSG_NOSIGNAL)) == packet.count else {
            return .silent(lastOutput: lastWords(criu))
        }
        while shim_boottime_ns() < deadline {
            let left = Int32(clamping: (deadline - shim_boottime_ns()) / 1_000_000)
            guard ProcessLook.hasEnded(handle: criu.link.number, within: max(1, left)) else { break }
            switch criu.hear() {
            case .packet(let bytes): return .packet(bytes)
            case .nothing: continue
            case .over: return .silent(lastOutput: lastWords(criu))
            }
        }
        return .silent(lastOutput: "no answer within \(limit.milliseconds / 1000) s")
    }

    private func lastWords(_ criu: RunningCriu) -> String {
        _ = ProcessLook.hasEnded(handle: criu.handle.number, within: 1000)
        _ = criu.readOutput()
        return criu.lastOutput
    }

    private func end(_ criu: RunningCriu) {
        _ = shim_process_signal(criu.handle.number, SIGKILL)  // it may have ended: then nothing is to be done
        _ = criu.reap()
    }
}

extension ImageSupport {
    static func found() -> ImageSupport {
        ImageSupport(
            scansPageMaps: shim_has_pagemap_scan() == 1, timeNamespaces: access("/proc/self/ns/time", F_OK) == 0,
            mayChangeLimits: hasCapability(24))  // CAP_SYS_RESOURCE, see capability.h
    }

    private static func hasCapability(_ number: UInt64) -> Bool {
        let line = (KernelFiles.text("/proc/self/status") ?? "").split(separator: "\n").first { $0.hasPrefix("CapEff:") }
        guard let word = line?.split(separator: "\t").last, let all = UInt64(word, radix: 16) else { return false }
        return all >> number & 1 == 1
    }
}

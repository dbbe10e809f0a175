internal import AgentModel
internal import AgentSpecs
internal import Digests
internal import OutsideWorld

/// 16 hex digits for a new store.
func hexadecimalIdentity(_ number: UInt64) -> String {
    let digits = String(number, radix: 16)
    return String(repeating: "0", count: 16 - digits.count) + digits
}

/// SHA-256 of the effective spec, in hex: what `welcome` compares to say that the spec changed.
func digest(of spec: AgentSpec) -> String {
    guard let bytes = try? JSONText.encode(spec) else { return "" }
    return hexadecimal(SHA256.digest(of: bytes))
}

/// SHA-256 of what a process is started with, in hex. An image of a process that was started otherwise is of another agent.
func digest(ofStartOf spec: AgentSpec) -> String {
    // Where the agent sees its workspace counts, not where it lies, nor its name: a fork is the same program.
    struct Start: Codable { var command, workdir, env, workspace, user: [String] }
    let start = Start(
        command: spec.command, workdir: [spec.workdir], env: spec.env.sorted { $0.key < $1.key }.flatMap { [$0.key, $0.value] },
        workspace: spec.workspaceInside.map { [$0] } ?? [], user: spec.user.map { [$0] } ?? [])
    guard let bytes = try? JSONText.encode(start) else { return "" }
    return hexadecimal(SHA256.digest(of: bytes))
}

func sha256(_ bytes: [UInt8]) -> [UInt8] { SHA256.digest(of: bytes) }

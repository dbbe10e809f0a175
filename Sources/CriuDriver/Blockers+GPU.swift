internal import OutsideWorld

/// Whether a path names a device through which programs use a GPU: NVIDIA's, AMD's compute driver, the kernel's graphics, Windows' below WSL.
func isGPU(_ path: String) -> Bool {
    path.hasPrefix("/dev/nvidia") || path.hasPrefix("/dev/dri/") || path == "/dev/kfd" || path == "/dev/dxg"
}

/// One sentence for the whole tree: a program that uses CUDA holds tens of such descriptors, and so does every worker it forks.
func ofGPU(_ tree: TreeSight) -> [Blocker] {
    let users = tree.processes.map { ($0, devices: $0.gpuDevices) }.filter { !$0.devices.isEmpty }
    guard let (first, _) = users.first else { return [] }
    let devices = Set(users.flatMap(\.devices)).sorted()
    let shown = devices.prefix(3).map { "'\($0)'" }.joined(separator: ", ")
    let more = devices.count > 3 ? " and \(devices.count - 3) more" : ""
    let others =
        switch users.count - 1 {
        case 0: ""
        case 1: ", as does another process"
        case let count: ", as do \(count) other processes"
        }
    return [
        Blocker(
            .gpu, first,
            "uses a GPU (\(shown)\(more))\(others); CRIU cannot dump what is on it. Hand the state over with an SDK or keep it in files of the "
                + "workspace, or let go of the GPU before a checkpoint")
    ]
}

extension ProcessSight {
    /// Held or mapped.
    fileprivate var gpuDevices: Set<String> {
        let held = descriptors.filter { if case .characterDevice = $0.kind { isGPU($0.target) } else { false } }.map(\.target)
        return Set(held).union(mappings.filter(isGPU))
    }
}

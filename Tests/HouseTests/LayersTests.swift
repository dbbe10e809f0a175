import Foundation
import Testing

/// What each module may import of ours. Design: docs/ARCHITECTURE.md
private enum Layer: Int {
    case pure, seam, twin, effect, conductor, front, executable
}

private let layers: [String: Layer] = [
    "AgentModel": .pure, "Digests": .pure, "Compression": .pure, "LaunchPlans": .pure, "Recovery": .pure, "Retention": .pure,
    "Schedules": .pure,
    "AgentSpecs": .pure,
    "CheckpointArchives": .pure, "CriuImages": .pure, "CriuRequests": .pure, "CriuDriver": .effect,
    "AgentProtocol": .pure, "EffectLedgers": .pure, "Incidents": .pure, "StatusViews": .pure, "ControlSocket": .effect,
    "OutsideWorld": .seam,
    "SimulatedWorld": .twin, "LinuxWorld": .twin, "Checkpoints": .effect, "Sealing": .effect, "Supervision": .conductor,
    "RunnerCommands": .front,
    "runner": .executable,
    "protocol-fuzzer": .executable, "image-fuzzer": .executable,
]

/// Modules that may touch the platform itself.
private let reachesOutside = ["LinuxWorld", "AgentKit", "runner", "protocol-fuzzer", "image-fuzzer"]

/// The SDK is a world of its own: it runs inside agents.
private let standalone = ["AgentKit"]

/// C that only computes; allowed in pure modules.
private let computing = [
    "CYAML", "CGcrypt", "CXxhash", "CZstd", "CSodium", "CProtobufC", "CAgentMessages", "CCriuMessages", "CCriuRequests",
    "FoundationEssentials",
    "Synchronization",
]

private let root = URL(fileURLWithPath: #filePath).deletingLastPathComponent().deletingLastPathComponent().deletingLastPathComponent()

private struct SourceFile: CustomTestStringConvertible {
    var module: String
    var path: String
    var lines: [String]
    var testDescription: String { path }

    /// What it imports, without the word before it.
    var imports: [String] {
        lines.compactMap { line in
            let words = line.split(separator: " ")
            guard let position = words.firstIndex(of: "import"), position <= 1, position + 1 < words.count else { return nil }
            // A comment and a text may have the word as well: 'runner import' is a command.
            return words[0].hasPrefix("//") || words[0].contains("\"") ? nil : String(words[position + 1])
        }
    }

    /// Without comments, which may speak of what code may not do.
    var code: [(number: Int, text: String)] {
        lines.enumerated().map { ($0.offset + 1, $0.element.components(separatedBy: "//")[0]) }
    }
}

private func files(below folder: String) -> [SourceFile] {
    let base = root.appending(path: folder)
    guard let walk = FileManager.default.enumerator(atPath: base.path) else { return [] }
    return walk.compactMap { $0 as? String }.filter { $0.hasSuffix(".swift") }.sorted().compactMap { name in
        guard let text = try? String(contentsOf: base.appending(path: name), encoding: .utf8) else { return nil }
        let module = String(name.split(separator: "/")[0])
        return SourceFile(module: module, path: "\(folder)/\(name)", lines: text.components(separatedBy: "\n"))
    }
}

private let sources = files(below: "Sources")

@Test func thereIsCodeToLookAt() {
    #expect(sources.count > 50)
    #expect(Set(sources.map(\.module)).isSuperset(of: ["AgentModel", "Recovery", "RunnerCommands"]))
    for module in Set(sources.map(\.module)) { #expect(layers[module] != nil || standalone.contains(module), "\(module) has no layer") }
}

@Test func arrowsPointOneWay() {
    for file in sources {
        guard let layer = layers[file.module] else { continue }
        for imported in file.imports {
            guard let other = layers[imported], imported != file.module else { continue }
            let place = "\(file.path) imports \(imported)"
            switch layer {
            case .pure: #expect(other == .pure, "\(place): a pure module imports pure modules only")
            case .seam: #expect(other == .pure, "\(place): the seam knows values only")
            case .twin: #expect(other == .pure || other == .seam, "\(place): a twin knows the seam only")
            case .effect: #expect(other == .pure || other == .seam, "\(place): effects never import each other")
            case .conductor: #expect(other != .twin && other != .front && other != .executable, "\(place)")
            case .front: #expect(other != .twin && other != .executable, "\(place): only executables and tests of the machine see a twin")
            case .executable: continue
            }
        }
    }
}

@Test func onlyTheMachinesOwnModulesImportThePlatform() {
    let platform = ["Glibc", "Foundation", "Dispatch", "CLinuxShims", "Musl"]
    for file in sources where !reachesOutside.contains(file.module) {
        for imported in file.imports { #expect(!platform.contains(imported), "\(file.path) imports \(imported)") }
        let isKnown = file.imports.allSatisfy { layers[$0] != nil || computing.contains($0) }
        #expect(isKnown, "\(file.path) imports \(file.imports.filter { layers[$0] == nil && !computing.contains($0) })")
    }
    for file in sources where layers[file.module] != .executable { #expect(!file.imports.contains("LinuxWorld"), "\(file.path)") }
    for file in files(below: "Tests") where !["ContractTests", "MachineTests", "SandboxDriver", "StoreDriver"].contains(file.module) {
        #expect(!file.imports.contains("LinuxWorld"), "\(file.path)")
    }
}

/// Time, files, chance and the environment come in through the seam, or a seed could not replay it.
@Test func nothingAboveTheMachineReachesOutside() {
    let forbidden = [
        "getenv(", "Date()", "FileManager", "ProcessInfo", ".random(in:", "SystemRandomNumberGenerator", "ContinuousClock",
        "SuspendingClock", "Task {",
        "Task.sleep", "DispatchQueue", "CommandLine.arguments",
    ]
    for file in sources where !reachesOutside.contains(file.module) {
        for (number, text) in file.code {
            for word in forbidden { #expect(!text.contains(word), "\(file.path):\(number) says \(word)") }
            // The plain search first: a regular expression a line takes seconds.
            let prints = text.contains("print(") && text.firstMatch(of: #/(^|[^A-Za-z.])print\(/#) != nil
            #expect(!prints, "\(file.path):\(number) prints")
        }
    }
}

@Test func nothingIsForcedOrShared() {
    for file in sources {
        for (number, text) in file.code {
            for word in ["try!", "as! ", "static var shared", "fatalError("] {
                #expect(!text.contains(word), "\(file.path):\(number) says \(word)")
            }
            let isStoredStatic = text.contains("static var") && text.firstMatch(of: #/static var \w+\s*(:[^{=]+)?=/#) != nil
            #expect(!isStoredStatic, "\(file.path):\(number) holds state for everybody")
        }
    }
}

@Test func everyTargetHasItsFolder() throws {
    let manifest = try String(contentsOf: root.appending(path: "Package.swift"), encoding: .utf8)
    for match in manifest.matches(of: #/(library|executable|tests)\(\s*"([A-Za-z-]+)"((?:[^)]|\n)*)/#) {
        let name = String(match.output.2)
        let path = match.output.3.firstMatch(of: #/path: "([^"]+)"/#).map { String($0.output.1) }
        let folder = path ?? (match.output.1 == "tests" ? "Tests/\(name)" : "Sources/\(name)")
        #expect(FileManager.default.fileExists(atPath: root.appending(path: folder).path), "\(name) has no folder \(folder)")
    }
}

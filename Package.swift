// swift-tools-version: 6.2
import PackageDescription

// MARK: Settings

/// Set by dev/fuzz: libFuzzer's sanitizers do not go with static executables.
let isFuzzing = Context.environment["FUZZ"] != nil

/// Libraries too: what the static Foundation itself needs is linked only if its static module was imported.
let staticLibraries: [SwiftSetting] = [.unsafeFlags(["-static-stdlib"], .when(configuration: .release))]

/// What every Swift target is held to. `_GNU_SOURCE` makes the Linux calls visible to the importer.
let strict: [SwiftSetting] =
    [
        .treatAllWarnings(as: .error),
        .enableUpcomingFeature("ExistentialAny"),
        .enableUpcomingFeature("InternalImportsByDefault"),
        .enableUpcomingFeature("MemberImportVisibility"),
        .unsafeFlags(["-Xcc", "-D_GNU_SOURCE"]),
    ] + (isFuzzing ? [] : staticLibraries)

/// Executables are static in a release: one file to copy, one to four milliseconds to start.
let staticRelease: [SwiftSetting] = [.unsafeFlags(["-static-executable"], .when(configuration: .release))]
/// The last two are parts of FoundationEssentials that a static link does not find by itself.
let staticReleaseLink: [LinkerSetting] = [
    .unsafeFlags(["-static-executable"], .when(configuration: .release)),
    .linkedLibrary("_FoundationCShims", .when(configuration: .release)),
    .linkedLibrary("_FoundationCollections", .when(configuration: .release)),
]

/// For an executable in C: static in every configuration, without the Swift runtime's start files, so nothing of Swift is linked in.
let staticC: [LinkerSetting] = [
    .unsafeFlags([
        "-static-stdlib", "-nostartfiles", "-Xclang-linker", "-static", "-Xclang-linker", "-Wno-unused-command-line-argument",
    ])
]

/// Optimized in a debug build too, with every assertion and every check of the standard library that an unoptimized one has. Without it
/// generic code looks up the metadata of its types at every step, and tests of thousands of seeds take several times as long.
let optimized: [SwiftSetting] = [.unsafeFlags(["-O", "-assert-config", "Debug"], .when(configuration: .debug))]
/// For the rim, where tests do nothing thousands of times: it is built sooner.
let plain: [SwiftSetting] = []

func library(_ name: String, _ dependencies: [Target.Dependency] = [], compiled settings: [SwiftSetting] = optimized) -> Target {
    .target(name: name, dependencies: dependencies, swiftSettings: strict + settings)
}

func tests(_ name: String, _ dependencies: [Target.Dependency]) -> Target {
    .testTarget(name: name, dependencies: dependencies, swiftSettings: strict)
}

func system(_ name: String, _ pkgConfig: String, _ apt: String) -> Target {
    .systemLibrary(name: name, pkgConfig: pkgConfig, providers: [.apt([apt])])
}

func executable(_ name: String, _ dependencies: [Target.Dependency], path: String? = nil, exclude: [String] = []) -> Target {
    .executableTarget(
        name: name, dependencies: dependencies, path: path, exclude: exclude, swiftSettings: strict + staticRelease,
        linkerSettings: staticReleaseLink)
}

/// What the tests' driver drives.
let driven: [Target.Dependency] = ["AgentModel", "Checkpoints", "CLinuxShims", "LaunchPlans", "LinuxWorld", "OutsideWorld"]

// MARK: Package

let targets: [Target] = [
    // C that only computes.
    system("CYAML", "yaml-0.1", "libyaml-dev"),
    system("CGcrypt", "libgcrypt", "libgcrypt20-dev"),
    // Only its header is needed. Unoptimized it is a hundred times slower, and a test waits for it.
    .target(name: "CXxhash", cSettings: [.unsafeFlags(["-O3"])]),
    system("CZstd", "libzstd", "libzstd-dev"),
    system("CSodium", "libsodium", "libsodium-dev"),
    system("CProtobufC", "libprotobuf-c", "libprotobuf-c-dev"),
    .target(name: "CAgentMessages", dependencies: ["CProtobufC"]),
    .target(name: "CCriuMessages", dependencies: ["CProtobufC"]),
    .target(name: "CCriuRequests", dependencies: ["CProtobufC"]),

    // Pure: decide, compute, parse, render.
    library("AgentModel"),
    library("Digests", ["CGcrypt", "CXxhash"]),
    library("Compression", ["CZstd"]),
    library("LaunchPlans", ["AgentModel"]),
    library("Recovery", ["AgentModel"]),
    library("Retention", ["AgentModel"]),
    library("Schedules", ["AgentModel"]),
    library("AgentSpecs", ["AgentModel", "Recovery", "LaunchPlans", "Retention", "Schedules", "CYAML"]),
    library("AgentProtocol", ["AgentModel", "CAgentMessages", "CProtobufC"]),
    library("CriuImages", ["CCriuMessages", "CProtobufC"]),
    library("CriuRequests", ["CCriuRequests", "CProtobufC"]),
    library("CheckpointArchives", ["AgentModel", "CriuImages", "CriuRequests"], compiled: plain),
    library("EffectLedgers", ["AgentModel", "Digests"]),
    library("Incidents", ["AgentModel", "Recovery"]),
    library("StatusViews", ["AgentModel", "Recovery", "Incidents"]),

    // The seam and its two twins.
    library("OutsideWorld", ["AgentModel", "LaunchPlans"]),
    library("SimulatedWorld", ["AgentModel", "AgentProtocol", "CriuImages", "CriuRequests", "Digests", "LaunchPlans", "OutsideWorld"]),
    .target(name: "CLinuxShims", cSettings: [.define("_GNU_SOURCE")]),
    library("LinuxWorld", ["AgentModel", "LaunchPlans", "OutsideWorld", "CLinuxShims"], compiled: plain),
    .executableTarget(
        name: "runner-init", cSettings: [.define("_GNU_SOURCE"), .headerSearchPath("../CLinuxShims/include")], linkerSettings: staticC),

    .executableTarget(
        name: "runner-archive", cSettings: [.define("_GNU_SOURCE")],
        linkerSettings: staticC + [.linkedLibrary("archive"), .linkedLibrary("zstd"), .linkedLibrary("z")]),

    // Effects: one outside thing each.
    library("Sealing", ["AgentModel", "OutsideWorld", "CSodium"]),
    library("Checkpoints", ["AgentModel", "Compression", "CriuRequests", "OutsideWorld", "Digests"]),
    library("ControlSocket", ["AgentModel"]),
    library("CriuDriver", ["AgentModel", "CriuImages", "CriuRequests", "LaunchPlans", "OutsideWorld"]),

    // Conductor.
    library(
        "Supervision",
        [
            "AgentModel", "AgentProtocol", "AgentSpecs", "Checkpoints", "ControlSocket", "CriuDriver", "CriuImages", "CriuRequests",
            "Digests", "EffectLedgers", "Incidents", "LaunchPlans", "OutsideWorld", "Recovery", "Retention", "Schedules", "StatusViews",
        ]),

    // Front.
    library(
        "RunnerCommands",
        [
            "AgentModel", "AgentSpecs", "CheckpointArchives", "Checkpoints", "ControlSocket", "CriuDriver", "CriuImages", "CriuRequests",
            "Digests", "EffectLedgers", "Incidents", "LaunchPlans", "OutsideWorld", "Recovery", "Retention", "Schedules", "Sealing",
            "StatusViews",
            "Supervision",
        ],
        compiled: plain),
    executable("runner", ["RunnerCommands", "LinuxWorld", "OutsideWorld"]),

    // For agents.
    library("AgentKit", ["AgentModel", "AgentProtocol", "Digests"], compiled: plain),
    executable("swift-agent", ["AgentKit"], path: "examples/swift-agent", exclude: ["agent.yaml", "texts"]),

    // Tests.
    tests("AgentModelTests", ["AgentModel"]),
    tests("DigestsTests", ["Digests"]),
    tests("CompressionTests", ["Compression"]),
    tests("LaunchPlansTests", ["LaunchPlans", "AgentModel", "AgentSpecs"]),
    tests("RecoveryTests", ["Recovery", "AgentModel"]),
    tests("RetentionTests", ["Retention", "AgentModel"]),
    tests("SchedulesTests", ["Schedules", "AgentModel"]),
    tests("AgentSpecsTests", ["AgentSpecs", "AgentModel", "Recovery", "LaunchPlans", "Retention", "Schedules"]),
    tests("AgentProtocolTests", ["AgentProtocol", "AgentModel"]),
    tests("CriuImagesTests", ["CriuImages"]),
    tests("CheckpointArchivesTests", ["CheckpointArchives", "AgentModel", "CriuImages", "CriuRequests"]),
    tests("EffectLedgersTests", ["EffectLedgers", "AgentModel"]),
    tests("IncidentsTests", ["Incidents", "Recovery", "AgentModel"]),
    tests("StatusViewsTests", ["StatusViews", "AgentModel", "Recovery", "Incidents"]),
    tests("CheckpointsTests", ["Checkpoints", "CriuRequests", "OutsideWorld", "Sealing", "SimulatedWorld", "AgentModel", "Digests"]),
    tests("SealingTests", ["Sealing", "OutsideWorld", "SimulatedWorld", "AgentModel", "Checkpoints"]),
    tests("ControlSocketTests", ["ControlSocket", "AgentModel"]),
    tests("CriuRequestsTests", ["CriuRequests"]),
    tests("CriuDriverTests", ["CriuDriver", "CriuImages", "CriuRequests", "SimulatedWorld", "OutsideWorld", "LaunchPlans", "AgentModel"]),
    tests(
        "RunnerCommandsTests",
        [
            "RunnerCommands", "AgentModel", "AgentSpecs", "Checkpoints", "ControlSocket", "CriuDriver", "CriuImages", "CriuRequests",
            "Digests", "LaunchPlans", "OutsideWorld", "Recovery", "Sealing", "SimulatedWorld", "StatusViews", "Supervision",
        ]),
    tests("ContractTests", ["OutsideWorld", "SimulatedWorld", "LinuxWorld", "AgentModel", "LaunchPlans"]),
    // The simulation's stories and its oracle, for its tests and for the executable that tells many of them.
    .target(
        name: "SimulationStories",
        dependencies: [
            "Supervision", "SimulatedWorld", "OutsideWorld", "AgentModel", "AgentProtocol", "AgentSpecs", "Recovery", "LaunchPlans",
            "ControlSocket", "Checkpoints", "CriuDriver", "CriuRequests", "Retention",
        ],
        path: "Tests/SimulationStories", swiftSettings: strict + optimized),
    executable("simulate", ["SimulationStories"], path: "Tests/SimulateCommand"),
    tests(
        "SimulationTests",
        [
            "SimulationStories", "SimulatedWorld", "AgentModel", "AgentSpecs", "OutsideWorld", "AgentProtocol", "Checkpoints",
            "ControlSocket", "CriuDriver", "CriuRequests", "LaunchPlans", "Recovery", "Retention", "StatusViews", "Supervision",
        ]),
    tests("AgentKitTests", ["AgentKit", "AgentProtocol", "AgentModel"]),
    tests(
        "MachineTests",
        [
            "LinuxWorld", "OutsideWorld", "AgentModel", "LaunchPlans", "AgentProtocol", "Checkpoints", "StatusViews", "Recovery",
            "CLinuxShims", "AgentKit", "CheckpointArchives", "CriuDriver", "CriuImages", "CriuRequests",
        ]),
    executable("sandbox-driver", driven, path: "Tests/SandboxDriver"),
    executable(
        "store-driver", ["AgentModel", "Checkpoints", "CriuRequests", "Digests", "LinuxWorld", "OutsideWorld", "Retention"],
        path: "Tests/StoreDriver"),
    executable("swift-program", [], path: "Tests/SwiftProgram"),
    tests("HouseTests", []),
]

/// libFuzzer brings its own main, so this target links only under `--sanitize fuzzer`: dev/fuzz asks for it.
let fuzzing: [Target] =
    !isFuzzing
    ? []
    : [
        .executableTarget(
            name: "protocol-fuzzer", dependencies: ["AgentModel", "AgentProtocol", "EffectLedgers"],
            swiftSettings: strict + [.unsafeFlags(["-parse-as-library"])]),
        .executableTarget(
            name: "image-fuzzer", dependencies: ["CriuImages"], swiftSettings: strict + [.unsafeFlags(["-parse-as-library"])]),
    ]

let package = Package(
    name: "runner",
    // What agents are built with. Executables are products by themselves.
    products: [.library(name: "AgentKit", targets: ["AgentKit"])],
    targets: targets + fuzzing)

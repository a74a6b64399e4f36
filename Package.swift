// swift-tools-version:6.2
import PackageDescription

/// Every target reads the same dialect; `ARCHITECTURE.md` has the table of rooms that `Tests/ArchitectureTests` holds.
let settings: [SwiftSetting] = [
    .enableUpcomingFeature("ExistentialAny"),
    .enableUpcomingFeature("MemberImportVisibility"),
]

/// Pure targets import no operating system at all and write `unsafe` wherever memory safety is their own business.
let pure: [SwiftSetting] = settings + [.strictMemorySafety()]

/// The simulations take millions of steps: without the optimizer they take six times as long.
let optimized: [SwiftSetting] = [.unsafeFlags(["-O"], .when(configuration: .debug))]

let logging = Target.Dependency.product(name: "Logging", package: "swift-log")

let package = Package(
    name: "headway",
    platforms: [.macOS(.v26)],
    dependencies: [
        .package(url: "https://github.com/apple/swift-argument-parser", exact: "1.8.2"),
        .package(url: "https://github.com/apple/swift-log", exact: "1.16.2"),
    ],
    targets: [
        // C: headers and shims, no logic.
        .target(name: "CLinux", cSettings: [.define("_GNU_SOURCE", .when(platforms: [.linux]))]),
        .systemLibrary(name: "COpenSSL", pkgConfig: "libcrypto", providers: [.apt(["libssl-dev"])]),
        .systemLibrary(name: "CZlib", pkgConfig: "zlib", providers: [.apt(["zlib1g-dev"])]),
        // Not linked: loaded when first used, so it is a target of its own and no system library.
        .target(name: "CCurl"),
        .systemLibrary(name: "CSQLite", pkgConfig: "sqlite3", providers: [.apt(["libsqlite3-dev"])]),
        .target(name: "CPage"),

        // Pure: bytes or an event and the time go in, events and actions come out.
        .target(name: "JSON", swiftSettings: pure + optimized),
        .target(name: "Core", dependencies: ["JSON"], swiftSettings: pure + optimized),
        .target(name: "Wire", dependencies: ["JSON"], swiftSettings: pure),
        .target(name: "Text", dependencies: ["JSON"], swiftSettings: pure),
        .target(name: "Formats", swiftSettings: pure),

        // The edge: the only callers of the operating system and of C libraries.
        .target(name: "System", dependencies: ["CLinux"], swiftSettings: settings),
        .target(name: "Crypto", dependencies: ["COpenSSL"], swiftSettings: settings),
        .target(name: "Compression", dependencies: ["CZlib", "Formats", "Wire"], swiftSettings: settings),
        .target(name: "Loop", dependencies: ["System", "CLinux"], swiftSettings: settings),

        // The shell: does what the pure parts decide.
        .target(name: "Hub", dependencies: ["Core", "Wire", "Loop", "Compression"], swiftSettings: settings),
        .target(name: "Ledger", dependencies: ["Core", "System", "CSQLite"], swiftSettings: settings),
        .target(name: "Blobs", dependencies: ["Core", "System", "Loop", "Crypto"], swiftSettings: settings),
        .target(name: "Documents", dependencies: ["Core", "JSON", "System", "Loop", "Hub"], swiftSettings: settings),
        .target(
            name: "Pipeline", dependencies: ["Core", "JSON", "Wire", "System", "Loop", "Documents", logging],
            swiftSettings: settings),
        .target(name: "Transfer", dependencies: ["CCurl"], swiftSettings: settings),
        .target(
            name: "Worker",
            dependencies: ["Core", "Wire", "Text", "Formats", "Compression", "System", "Transfer"],
            swiftSettings: settings),
        .target(
            name: "Server",
            dependencies: [
                "Core", "JSON", "Text", "Wire", "System", "Loop", "Hub", "Blobs", "Documents", "Pipeline", "Crypto",
                "Compression", "CPage", logging,
            ],
            swiftSettings: settings),
        .target(name: "Client", dependencies: ["JSON", "System", "CCurl"], swiftSettings: settings),
        .executableTarget(
            name: "headway",
            dependencies: [
                "Core", "JSON", "Text", "Wire", "System", "Loop", "Hub", "Ledger", "Blobs", "Documents", "Pipeline",
                "Worker",
                "Server", "Client", logging, .product(name: "ArgumentParser", package: "swift-argument-parser"),
            ],
            swiftSettings: settings),
        .executableTarget(
            name: "headway-load",
            dependencies: [
                "JSON", "Wire", "System", "Loop", .product(name: "ArgumentParser", package: "swift-argument-parser"),
            ],
            swiftSettings: settings),

        .testTarget(name: "JSONTests", dependencies: ["JSON"], swiftSettings: settings),
        .testTarget(name: "CoreTests", dependencies: ["Core", "JSON"], swiftSettings: settings + optimized),
        .testTarget(name: "WireTests", dependencies: ["Wire", "JSON"], swiftSettings: settings),
        .testTarget(name: "TextTests", dependencies: ["Text", "JSON"], swiftSettings: settings),
        .testTarget(name: "FormatsTests", dependencies: ["Formats", "Compression"], swiftSettings: settings),
        .testTarget(name: "SystemTests", dependencies: ["System", "CLinux"], swiftSettings: settings),
        // A loop on a thread of its own, for the tests of every room that lives on one.
        .target(
            name: "LoopTesting", dependencies: ["Loop", "System"], path: "Tests/LoopTesting", swiftSettings: settings),
        .testTarget(name: "LoopTests", dependencies: ["Loop", "LoopTesting", "System"], swiftSettings: settings),
        .testTarget(name: "CompressionTests", dependencies: ["Compression", "Wire"], swiftSettings: settings),
        .testTarget(
            name: "HubTests", dependencies: ["Hub", "Core", "Compression", "JSON", "Loop", "Wire"],
            swiftSettings: settings),
        .testTarget(
            name: "BlobsTests", dependencies: ["Blobs", "Core", "Crypto", "Loop", "LoopTesting", "System"],
            swiftSettings: settings),
        .testTarget(
            name: "DocumentsTests",
            dependencies: ["Documents", "Core", "Hub", "JSON", "Ledger", "Loop", "LoopTesting", "System"],
            swiftSettings: settings),
        .testTarget(name: "LedgerTests", dependencies: ["Ledger", "Core", "System"], swiftSettings: settings),
        .testTarget(name: "ServerTests", dependencies: ["Server", "Core", "Wire", "JSON"], swiftSettings: settings),
        .testTarget(
            name: "WorkerTests", dependencies: ["Worker", "Core", "System", "Text", "Wire"], swiftSettings: settings),
        .testTarget(name: "ClientTests", dependencies: ["Client", "JSON"], swiftSettings: settings),
        .testTarget(name: "LoadTests", dependencies: ["headway-load", "Wire", "System"], swiftSettings: settings),
        .testTarget(name: "ArchitectureTests", swiftSettings: settings),
    ],
    swiftLanguageModes: [.v6]
)

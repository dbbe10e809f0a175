import Glibc
import OutsideWorld
import Testing

@testable import LinuxWorld

/// A directory tree as the kernel tells it through find(1) and sha256sum(1): the oracle of store tests, which asks nothing of ours.
struct LookedAt: Equatable {
    /// By raw name: kind, mode, owner, size, time of change, target; what a restore does not promise left out.
    var entries: Set<[UInt8]>
    var hashes: Set<[UInt8]>

    init(_ directory: String) throws {
        // Sockets, pipes and devices belong to no version; neither do the times and modes of links nor the sizes of directories.
        let files = try Self.lines(of: "find . -mindepth 1 -type f -printf 'f %m %U:%G %s %T@ %P\\0'", in: directory)
        let directories = try Self.lines(of: "find . -mindepth 1 -type d -printf 'd %m %U:%G %T@ %P\\0'", in: directory)
        let links = try Self.lines(of: "find . -type l -printf 'l %U:%G %P -> %l\\0'", in: directory)
        entries = Set(files + directories + links)
        hashes = Set(try Self.lines(of: "find . -type f -print0 | xargs -0 -r sha256sum -z", in: directory))
    }

    private static func lines(of script: String, in directory: String) throws -> [[UInt8]] {
        try Shell.output("cd \"$0\" && \(script)", directory).split(separator: 0).map(Array.init)
    }
}

/// A shell of our own, with no part in this process but a pipe.
enum Shell {
    /// What the script writes. - Throws: when it fails.
    @discardableResult
    static func output(_ script: String, _ argument: String) throws -> [UInt8] {
        let pipe = try makePipe()
        let readEnd = Descriptor(pipe.readEnd)
        let pid: pid_t
        do {
            let writeEnd = Descriptor(pipe.writeEnd)
            let nothing = Descriptor(open("/dev/null", O_RDWR | O_CLOEXEC))
            pid = try spawn(
                "/bin/sh", arguments: ["sh", "-ec", script, argument], environment: ["PATH=/usr/sbin:/usr/bin:/sbin:/bin", "LC_ALL=C"],
                descriptors: [nothing.raw, writeEnd.raw, 2])
        }
        var bytes: [UInt8] = []
        while case .success(let part) = readSome(readEnd.raw, 1 << 16), !part.isEmpty { bytes += part }
        var status: Int32 = 0
        waitpid(pid, &status, 0)
        try #require(status == 0, "'\(script)' failed: \(status)")
        return bytes
    }
}

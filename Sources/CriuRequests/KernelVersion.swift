/// A kernel's release as far as CRIU's abilities depend on it.
public struct KernelVersion: Hashable, Sendable, Comparable {
    public var major: Int
    public var minor: Int
    public init(_ major: Int, _ minor: Int) {
        self.major = major
        self.minor = minor
    }

    /// From the text of uname(2), such as "6.18.44-cloud"; 0.0 when it begins with no numbers.
    public init(release: String) {
        let numbers = release.split(whereSeparator: { !$0.isNumber }).prefix(2).compactMap { Int($0) }
        self.init(numbers.first ?? 0, numbers.count > 1 ? numbers[1] : 0)
    }

    public static func < (a: KernelVersion, b: KernelVersion) -> Bool { (a.major, a.minor) < (b.major, b.minor) }
}

extension CriuVersion {
    /// Linux 6.16 gave every socket options that older releases take for an error: no IP socket can be dumped with them.
    public func dumpsInternetSockets(on kernel: KernelVersion) -> Bool {
        kernel < KernelVersion(6, 16) || self >= CriuVersion(4, 2)
    }

    /// Older ones write images that this project does not promise to read, and cannot run on current kernels.
    public static let oldest = CriuVersion(3, 17)
}

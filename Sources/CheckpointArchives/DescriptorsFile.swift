internal import AgentModel
public import CriuRequests

/// `descriptors.json`: what standard input, output and error of the root were, as runc and crun write it beside the images.
public enum DescriptorsFile {
    public static let name = "descriptors.json"

    public static func bytes(of tree: DumpedTree) throws -> [UInt8] {
        let standard = ["/dev/null", pipe(tree.outputPipe), pipe(tree.errorPipe)]
        return try JSONText.encode(standard)
    }

    private static func pipe(_ inode: UInt64?) -> String { inode.map { "pipe:[\($0)]" } ?? "/dev/null" }
}

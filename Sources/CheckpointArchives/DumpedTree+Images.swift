public import CriuImages
public import CriuRequests

/// Why images of another's making are not restored by `runner`, however whole they are. Words behind "its processes cannot be restored here: ".
public struct RestoreObstacle: Hashable, Sendable {
    public var words: String
}

extension DumpedTree {
    /// What a restore must know of images that somebody else dumped, as far as they tell it.
    public init(of outside: SetOutside) {
        let version: CriuVersion =
            switch outside.writer {
            case .criu3_17: CriuVersion(3, 17)
            case .criu4_1: CriuVersion(4, 1)
            case .criu4_2: CriuVersion(4, 2)
            }
        self.init(
            root: Int32(clamping: outside.root), highestProcess: Int32(clamping: outside.highest), outputPipe: outside.outputPipe,
            errorPipe: outside.errorPipe,
            connections: outside.sockets.compactMap { socket in
                switch socket.form {
                case .stream: Connection(inode: socket.inode, form: .stream)
                case .packets: Connection(inode: socket.inode, form: .packets)
                case .datagrams: nil
                }
            }, tcp: outside.closesTCP ? .close : .keep, criu: version)
    }
}

extension SetOutside {
    /// What keeps the tree from being restored in a sandbox of ours. nil: nothing that can be known now.
    public var obstacle: RestoreObstacle? {
        if !namespaces.isEmpty {
            let names = namespaces.joined(separator: ", ")
            return RestoreObstacle(
                words: "they lived in namespaces of their own (\(names)), which only the engine that made them makes again")
        }
        if sockets.contains(where: { $0.form == .datagrams }) {
            return RestoreObstacle(words: "they held a datagram socket to the outside, on which a restore would hang")
        }
        if otherExternals > 0 {
            return RestoreObstacle(
                words: "they held a terminal or a file that was named as external, and nobody knows what takes its place")
        }
        if root > UInt64(Int32.max) || highest > UInt64(Int32.max) || root < 2 {
            return RestoreObstacle(words: "the number of their root, \(root), is taken by the first process of every sandbox")
        }
        return nil
    }
}

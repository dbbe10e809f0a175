public import AgentModel
public import CriuRequests

/// The text beside exported images: what must be there, and the command that brings the processes back without `runner`.
public struct RestoreInstructions {
    public static let fileName = "RESTORE.txt"

    public var agent: AgentName
    public var version: VersionNumber
    public var tree: DumpedTree
    /// As the agent sees it; nil: there is none in the version.
    public var workspace: String?
    /// Whether the images tell the processor they were made on.
    public var hasProcessor: Bool
    public init(agent: AgentName, version: VersionNumber, tree: DumpedTree, workspace: String?, hasProcessor: Bool = true) {
        self.agent = agent
        self.version = version
        self.tree = tree
        self.workspace = workspace
        self.hasProcessor = hasProcessor
    }

    /// Descriptors of CRIU from here on are the connections. Low ones, so that a shell can name them.
    private static let firstConnection = 3

    public var text: String {
        """
        The processes of '\(agent)@\(version)', as CRIU \(tree.criu) dumped them.

        WHAT MUST BE THERE

        - CRIU \(tree.criu) or newer, run as root.
        - The same programs and libraries, at the same paths.
        - Every file that was open or mapped, at the same path and with the same size and mode.\(workspaceWords)
        - Free process numbers: \(tree.root) to \(tree.highestProcess). The command below makes a pid namespace, in which all are free.

        Images hold all that the processes knew: keys, tokens, what was typed. Keep them as safe as the processes themselves.

        WHAT LIES OUTSIDE OF THE IMAGES

        \(outsideWords)

        THE COMMAND

        Run it in this directory. It ends when the root process ends.

        \(command.split(separator: "\n", omittingEmptySubsequences: false).map { "    \($0)" }.joined(separator: "\n"))

        """
    }

    private var workspaceWords: String {
        guard let workspace else { return "" }
        return
            "\n  The workspace was '\(workspace)'; 'runner restore \(agent)@\(version) --only workspace' puts it back as it was at the cut,"
            + "\n  and 'runner export --format archive' writes it into an archive."
    }

    private var outsideWords: String {
        var lines: [String] = []
        if let pipe = tree.outputPipe { lines.append("- pipe:[\(pipe)] was standard output; the command's own takes its place.") }
        if let pipe = tree.errorPipe, pipe != tree.outputPipe {
            lines.append("- pipe:[\(pipe)] was standard error; the command's own takes its place.")
        }
        for (number, connection) in tree.connections.enumerated() {
            let form = connection.form == .stream ? "a stream" : "packets"
            lines.append(
                "- socket:[\(connection.inode)] was a connection (\(form)) to the outside; descriptor \(Self.firstConnection + number), "
                    + "which nobody answers any more, takes its place.")
        }
        return lines.isEmpty ? "Nothing: standard input was /dev/null." : lines.joined(separator: "\n")
    }

    // MARK: The command

    /// One command for bash. Pipes become pipes again, so both streams go through `cat`.
    public var command: String {
        let piped = "\(connections)unshare --pid --mount --fork --mount-proc --kill-child \\\n  \(criu)"
        guard tree.outputPipe != nil || tree.errorPipe != nil else { return piped }
        guard tree.errorPipe != tree.outputPipe, tree.errorPipe != nil else { return piped + " | cat" }
        return piped + " 2> >(cat >&2) | cat"
    }

    /// The options are those of the dump: what was agreed on there must be said again.
    private var criu: String {
        let tcp = tree.tcp == .close ? "--tcp-close" : "--tcp-established"
        let words = [
            "criu restore --no-default-config --images-dir .", "--file-locks --link-remap \(tcp)",
            "--manage-cgroups=ignore" + (hasProcessor ? " --cpu-cap=all" : ""),
        ]
        return (words + inherited).joined(separator: " \\\n  ")
    }

    private var inherited: [String] {
        var keys: [(descriptor: Int, key: String)] = []
        if let pipe = tree.outputPipe { keys.append((1, "pipe:[\(pipe)]")) }
        if let pipe = tree.errorPipe, pipe != tree.outputPipe { keys.append((2, "pipe:[\(pipe)]")) }
        for (number, connection) in tree.connections.enumerated() {
            keys.append((Self.firstConnection + number, "socket:[\(connection.inode)]"))
        }
        return keys.map { "--inherit-fd 'fd[\($0.descriptor)]:\($0.key)'" }
    }

    /// A shell has no sockets to give away; Python makes them, closes their other ends, and becomes the command.
    private var connections: String {
        guard !tree.connections.isEmpty else { return "" }
        let forms = tree.connections.map { $0.form == .stream ? "socket.SOCK_STREAM" : "socket.SOCK_SEQPACKET" }
        return """
            python3 -c 'import fcntl, os, socket, sys
            forms = [\(forms.joined(separator: ", "))]
            held = [fcntl.fcntl(socket.socketpair(socket.AF_UNIX, form)[0], fcntl.F_DUPFD, 100) for form in forms]
            for number, one in enumerate(held, \(Self.firstConnection)): os.dup2(one, number)
            os.closerange(100, 1000)
            os.execvp(sys.argv[1], sys.argv[1:])' \\
              
            """
    }
}

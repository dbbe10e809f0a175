/// Open files in words.
enum FileWords {
    static func kind(of file: ImageMessage) -> String {
        guard let number = file.number("type"), let position = file.shape.position(ofName: "type"),
            case .choice(let names) = file.shape.fields[position].type
        else { return "?" }
        return names[Int32(truncatingIfNeeded: number)] ?? "\(number)"
    }

    static func isSocket(_ file: ImageMessage) -> Bool {
        ["isk", "usk", "psk", "nlsk"].contains { file.message($0) != nil }
    }

    static func state(_ number: UInt64?) -> String {
        switch number {
        case 1: "alive"
        case 2: "dead"
        case 3: "stopped"
        case 6: "zombie"
        default: "unknown"
        }
    }

    /// A path, an address, the number of a pipe: what tells this file from others of its kind.
    static func text(of file: ImageMessage) -> String {
        if let regular = file.message("reg") { return regular.text("name") ?? "" }
        if let socket = file.message("isk") { return internet(socket) }
        if let socket = file.message("usk") { return unix(socket) }
        if let pipe = file.message("pipe") {
            return "pipe:[\(pipe.number("pipe_id") ?? 0)] " + ((pipe.number("flags") ?? 0) & 1 == 1 ? "write" : "read")
        }
        if let fifo = file.message("fifo") { return "fifo:[\(fifo.number("pipe_id") ?? 0)]" }
        if let event = file.message("efd") { return "counter \(event.number("counter") ?? 0)" }
        if let poll = file.message("epfd") {
            return "watches " + poll.messages("tfd").compactMap { $0.number("tfd") }.map { "\($0)" }.joined(separator: ", ")
        }
        if let timer = file.message("tfd") { return "clock \(timer.number("clockid") ?? 0)" }
        if let watch = file.message("ify") { return "\(watch.values("wd").count) watches" }
        if let terminal = file.message("tty") { return "terminal \(terminal.number("tty_info_id") ?? 0)" }
        if let memory = file.message("memfd") { return "memory file \(memory.number("inode_id") ?? 0)" }
        if let namespace = file.message("nsf") { return "namespace \(namespace.number("ns_id") ?? 0)" }
        if let socket = file.message("nlsk") { return "netlink protocol \(socket.number("protocol") ?? 0)" }
        if let process = file.message("pidfd") { return "process \(process.number("nspid") ?? 0)" }
        return ""
    }

    /// `TCP 127.0.0.1:80 -> 127.0.0.1:4711 (ESTABLISHED)`
    private static func internet(_ socket: ImageMessage) -> String {
        let kind = SocketWords.protocols[socket.number("proto") ?? 0] ?? "protocol \(socket.number("proto") ?? 0)"
        let state = socket.number("state") ?? 0
        var text = kind + " " + end(socket, "src_addr", "src_port")
        if state == 1 { text += " -> " + end(socket, "dst_addr", "dst_port") }
        return socket.number("proto") == 6 ? text + " (\(SocketWords.states[state] ?? "\(state)"))" : text
    }

    /// What a socket without a stream is connected to, beyond this machine: "8.8.8.8:53". nil: it is not.
    static func farEnd(_ socket: ImageMessage) -> String? {
        guard socket.number("proto") != 6, socket.number("state") == 1 else { return nil }
        let end = end(socket, "dst_addr", "dst_port")
        return ["127.", "[::1]", "[::ffff:127."].contains { end.hasPrefix($0) } ? nil : end
    }

    private static func end(_ socket: ImageMessage, _ address: String, _ port: String) -> String {
        let text = Addresses.text(of: socket.values(address)) ?? "?"
        return (text.contains(":") ? "[\(text)]" : text) + ":\(socket.number(port) ?? 0)"
    }

    /// `STREAM /run/door.sock (LISTEN)`, `STREAM socket:[17] -> socket:[18]`
    private static func unix(_ socket: ImageMessage) -> String {
        let kind = SocketWords.types[socket.number("type") ?? 0] ?? "?"
        let state = socket.number("state") ?? 0
        var name = socket.bytes("name") ?? []
        if name.last == 0, name.count > 1 { name.removeLast() }
        // An abstract name begins with a NUL, which people write as '@'.
        if name.first == 0 { name[0] = UInt8(ascii: "@") }
        var text = "\(kind) " + (name.isEmpty ? "socket:[\(socket.number("ino") ?? 0)]" : String(decoding: name, as: UTF8.self))
        if let peer = socket.number("peer"), peer != 0 { text += " -> socket:[\(peer)]" }
        if state == 10 { text += " (LISTEN)" }
        if (socket.number("uflags") ?? 0) & 1 != 0 { text += " (external)" }
        return text
    }
}

internal import AgentModel
internal import Checkpoints
internal import OutsideWorld
internal import StatusViews

/// Where a copy of a store is: a directory, or whatever rclone knows.
struct RemotePlace: Hashable, Sendable, ArgumentValue {
    /// As rclone needs it. It may hold secrets: nothing but rclone gets to see it.
    let text: String

    init?(argument: String) {
        guard !argument.isEmpty, !argument.hasPrefix("-"), !argument.utf8.contains(where: { $0 < 32 }) else { return nil }
        text = argument
    }
    static var expected: String { "a directory, or a place that rclone knows, such as 'backup:agents'" }

    /// A ':' before any '/' makes it rclone's, as rclone itself decides.
    var isDirectory: Bool { text.prefix { $0 != "/" }.contains(":") == false }

    /// For people, notes and programs: without the options of a connection string, which may be a password. ":sftp,host=h,pass=p:dir" is ":sftp:dir".
    var shown: String { secrets.map { text.replacing($0, with: "") } ?? text }

    /// What `shown` leaves out. Options end at the first ':' that is in no quotes.
    var secrets: Substring? {
        guard !isDirectory, let comma = text.firstIndex(of: ",") else { return nil }
        guard !text[..<comma].dropFirst().contains(":") else { return nil }  // it is part of the path
        var quote: Character?
        for index in text[comma...].indices {
            let character = text[index]
            if let open = quote {
                if character == open { quote = nil }
            } else if character == ":" {
                return text[comma..<index]
            } else if character == "'" || character == "\"" {
                quote = character
            }
        }
        return text[comma...]
    }
}

/// What a remote is wanted for.
enum RemoteUse {
    case send, read, check
}

extension Workbench {
    /// The carrier to a remote, and room for what is on its way; both for as long as `body` takes.
    /// - Parameter making: whether a directory that is missing is made, and what was changed here is told there.
    func withCarrier<Result>(
        to place: RemotePlace, of store: CheckpointStore, making: Bool, checking: Bool = false, for doing: String, _ work: LongWork,
        _ body: (any Carrier) throws(CopyFault) -> Result
    ) throws(CommandFault) -> Result {
        let use: RemoteUse = making ? .send : checking ? .check : .read
        do throws(CopyFault) { return try body(try carrier(to: place, of: store, use, work)) } catch {
            throw CommandFault(error, doing: doing, place.shown)
        }
    }

    private func carrier(
        to place: RemotePlace, of store: CheckpointStore, _ use: RemoteUse, _ work: LongWork
    ) throws(CopyFault) -> any Carrier {
        guard place.isDirectory else {
            let carrier: RcloneCarrier
            do throws(CarrierFault) {
                carrier = try RcloneCarrier(place, on: machine) { done, all in work.carried(done, of: all) }
            } catch { throw .carrier(error) }
            return try sealed(carrier, for: store, use)
        }
        let path = Places.absolute(place.text, from: machine.workingDirectory)
        guard !(path + "/").hasPrefix(store.disk.rootName + "/") else { throw .noCopy("it is this store itself, or lies in it") }
        let disk: any Disk
        do throws(FileFault) { disk = try machine.disk(at: path, create: use == .send) } catch {
            if error.kind == .missing { throw .noCopy("there is nothing") }
            throw .carrier(.failed(CommandFault(error).sentence))
        }
        return try carrier(to: disk, for: store, use) { disk in
            DirectoryCarrier(work.watch(disk), isWanted: { work.isWanted })
        }
    }

    /// Room that nobody else draws.
    func draw() -> String { hexadecimal(of: machine.randomNumber()) }
}

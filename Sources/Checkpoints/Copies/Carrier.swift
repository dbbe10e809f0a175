public import OutsideWorld

/// A file that lies in a remote, as the remote tells. Nothing in it is believed.
public struct RemoteFile: Hashable, Sendable {
    /// Below the remote's root.
    public var path: String
    public var size: UInt64
    public init(path: String, size: UInt64) {
        self.path = path
        self.size = size
    }
}

/// Why a carrier could not do what it was to do.
public enum CarrierFault: Error, Hashable, Sendable {
    /// Somebody asked this command to end.
    case stopped
    /// There is no program that could carry.
    case missing(String)
    /// More came than was announced.
    case tooMuch
    /// Anything else, in words.
    case failed(String)
}

/// Carries whole files between a store's disk and a remote. What it is to send it may find sent; what it fetches is looked at by whoever asked
/// for it. Two implementations: `DirectoryCarrier`, and rclone.
public protocol Carrier: AnyObject {
    /// The remote, as a person would name it.
    var name: String { get }
    /// Every file below `directory` (nil: all); empty when there is no such directory.
    func list(_ directory: DiskPath?) throws(CarrierFault) -> [RemoteFile]
    /// Copies files below `directory` of `disk` (nil: its root) to the same paths below the remote's root. A file that is not there is passed over,
    /// and so is one that cannot be read: who needs to know lists afterwards.
    func send(_ files: [DiskPath], below directory: DiskPath?, of disk: any Disk) throws(CarrierFault)
    /// Copies files to the same paths below `directory` of `disk`, where none of them is. What is not there any more is passed over.
    func fetch(_ files: [RemoteFile], into directory: DiskPath, of disk: any Disk) throws(CarrierFault)
    /// Removes files, in any order. What is gone already is no fault.
    func remove(_ files: [DiskPath]) throws(CarrierFault)
}

/// Why a copy could not be made, taken in or looked at. Both sides then still show what they showed before.
public enum CopyFault: Error, Hashable, Sendable {
    case store(StoreFault)
    case carrier(CarrierFault)
    /// Something in the remote is not what it has to be: what, and how.
    case remote(part: String, how: String)
    /// The remote is no copy of a store, or one of a newer format: why.
    case noCopy(String)
    /// A version of that number is there with other content: where.
    case other(version: String, there: String)
    /// The remote does not list it.
    case notListed(String)
    /// Somebody asked this command to end; what is there stays.
    case stopped
    /// A version is whole again, and whoever may write that down did not: why, in a whole sentence.
    case unmarked(String)
}

/// Turns lower faults into those of a copy.
func copying<Result>(_ body: () throws(StoreFault) -> Result) throws(CopyFault) -> Result {
    do throws(StoreFault) { return try body() } catch { throw .store(error) }
}

func carrying<Result>(_ body: () throws(CarrierFault) -> Result) throws(CopyFault) -> Result {
    do throws(CarrierFault) { return try body() } catch { throw error == .stopped ? .stopped : .carrier(error) }
}

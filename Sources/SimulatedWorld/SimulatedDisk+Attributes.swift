public import AgentModel
public import OutsideWorld
internal import Synchronization

/// Extended attributes and second names.
extension SimulatedDisk {
    public func attributes(at path: DiskPath, limit: ByteCount) throws(FileFault) -> [ExtendedAttribute] {
        try attributes("listxattr", path, limit: limit) { state throws(Refusal) in
            guard let node = try state.tree.find(path) else { throw .missing }
            return node
        }
    }

    func attributes(
        _ name: String, _ path: DiskPath, limit: ByteCount, of find: (inout State) throws(Refusal) -> Int
    ) throws(FileFault) -> [ExtendedAttribute] {
        let found = try perform(name, path, changes: false) { state throws(Refusal) -> [ExtendedAttribute] in
            let node = try find(&state)
            guard state.hasAttributes else { return [] }
            return (state.tree.nodes[node]?.now.attributes ?? [:]).map { ExtendedAttribute($0.key, $0.value) }
        }
        guard found.reduce(0, { $0 + $1.name.utf8.count + $1.value.count }) <= Int(clamping: limit.bytes) else {
            throw FileFault(.tooLarge, doing: name, what: "\(rootName)/\(path)")
        }
        return found.sorted { $0.name.utf8.lexicographicallyPrecedes($1.name.utf8) }
    }

    public func setAttribute(_ name: String, of path: DiskPath, to value: [UInt8]?) throws(FileFault) {
        try perform(value == nil ? "removexattr" : "setxattr", path) { state throws(Refusal) in
            guard ExtendedAttribute.isKept(name) else { throw .denied }
            guard let node = try state.tree.find(path) else { throw .missing }
            guard state.hasAttributes else { throw .system(95) }  // EOPNOTSUPP
            switch state.tree.nodes[node]?.kind {
            case .file, .directory: break
            case .link, .other, nil: throw .denied
            }
            try state.refuseOtherNames(node)
            guard state.mayGive(attribute: name) else { throw .denied }
            // As of content: who may not write the file may not write these.
            if name.utf8.starts(with: "user.".utf8), state.user != .root, (state.tree.nodes[node]?.now.mode ?? 0) & 0o200 == 0 {
                throw .denied
            }
            if value != nil { try state.needRoom() }
            state.tree.nodes[node]?.now.attributes[name] = value
            state.tree.nodes[node]?.changedAt = state.time
        }
    }

    public func mayGive(attribute name: String) -> Bool { state.withLock { $0.hasAttributes && $0.mayGive(attribute: name) } }

    public func makeLink(_ path: DiskPath, to existing: DiskPath) throws(FileFault) {
        try perform("link", path) { state throws(Refusal) in
            guard state.hasLinks else { throw .denied }  // EPERM, as FAT has it
            try state.needRoom()
            try state.tree.link(path, to: existing, at: state.time)
        }
    }

    public func mayShare(with other: any Disk) -> Bool { state.withLock { $0.sharing != nil } && other is SimulatedDisk }

    /// What comes of it when a file here is to share its place with one of another disk; nil: nobody would even try.
    public func setSharing(_ sharing: Sharing?) { state.withLock { $0.sharing = sharing } }

    /// A file system that knows no extended attributes, or no second names of a file.
    public func setAbilities(attributes: Bool, links: Bool) {
        state.withLock { ($0.hasAttributes, $0.hasLinks) = (attributes, links) }
    }
}

extension SimulatedDisk.State {
    func mayGive(attribute name: String) -> Bool {
        ExtendedAttribute.isKept(name) && (name != ExtendedAttribute.capability || user == .root)
    }
}

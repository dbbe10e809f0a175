internal import AgentModel
internal import AgentSpecs
internal import Checkpoints
internal import OutsideWorld

extension Workbench {
    /// The spec the agent last ran with; nil: it never ran.
    func storedSpec(of agent: AgentName, in store: CheckpointStore) throws(CommandFault) -> AgentSpec? {
        let path = store.directory(of: agent) / "spec.json"
        let bytes: [UInt8]
        do { bytes = try store.disk.read(path, limit: .mebibytes(4)) } catch {
            guard error.kind == .missing else { throw CommandFault(inStore: error) }
            return nil
        }
        do { return try JSONText.decode(AgentSpec.self, from: bytes) } catch {
            throw CommandFault(
                .specInvalid,
                "could not read the stored spec of '\(agent)': '\(places.store)/\(path)' is damaged. 'runner run' writes it anew")
        }
    }
}

extension Workbench {
    /// What the launch planner needs of this host.
    /// - Parameter place: where the agent's supervisor lives; nil: where our environment says.
    func launchPlace(of agent: AgentName, storeID: String, specFile: String?, at place: SupervisorPlace? = nil) -> LaunchPlace {
        // Without a readable /etc/passwd only user numbers are known.
        let passwd = (try? machine.readFile("/etc/passwd", limit: .mebibytes(4))) ?? []
        return LaunchPlace(
            runtimeDirectory: place?.directoryOfAll ?? places.runtimeDirectory(storeID: storeID), storeDirectory: places.store,
            storeIdentity: storeID,
            specFile: specFile.map { Places.absolute($0, from: machine.workingDirectory) }, environment: machine.environment,
            accounts: Account.all(inPasswd: passwd))
    }
}

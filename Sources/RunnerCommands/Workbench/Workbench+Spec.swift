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
                .specInvalid, "could not read the stored spec of '\(agent)': '\(places.store)/\(path)' is damaged. 'runner run' writes it anew")
        }
    }
}

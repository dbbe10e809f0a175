import AgentModel
import AgentProtocol
import ControlSocket
import OutsideWorld
import SimulatedWorld

/// Those who are not what they say: each is told at most that it is refused, and changes nothing.
extension Simulation {
    private static var stranger: UInt32 { 12_345 }

    /// A user of the same machine who says that it is the agent, an agent that says that it is the operator, and a user who does.
    func strikeAsImpostor() {
        guard let world else { return }
        let hello = Hello(sdk: "impostor", resumes: machine.lives.last?.incarnation)
        let operatorsWords = (try? ControlCodec.line(ControlRequest.checkpoint(wait: false))) ?? []
        let asAgent = world.strangerSays(AgentMessage.hello(hello).framed(), inside: nil, userID: Self.stranger)
        let asOperator = [
            world.strangerSays(operatorsWords, at: .control, inside: machine.livingSandbox ?? SandboxID(0)),
            world.strangerSays(operatorsWords, at: .control, inside: nil, userID: Self.stranger),
        ].compactMap(\.self)
        machine.plan(after: .seconds(1)) { [unowned self] _ in
            guard self.world === world else { return }
            if let asAgent, !isOnlyRefused(world.told[asAgent] ?? []) { complaints.append("a stranger was taken for the agent") }
            for id in asOperator where world.told[id] != nil { complaints.append("a stranger was taken for the operator") }
        }
    }

    private func isOnlyRefused(_ bytes: [UInt8]) -> Bool {
        var reader = FrameReader()
        reader.push(bytes)
        do throws(ProtocolFault) {
            while let frame = try reader.next() {
                guard case .refusal? = try RunnerMessage(frame: frame) else { return false }
            }
        } catch { return false }
        return true
    }
}

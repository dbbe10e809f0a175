struct PlanCommand: Command {
    static var manual: Manual { Manual(name: "plan", group: .explain, summary: "", examples: [], exits: []) }
    func run(on bench: Workbench) throws(CommandFault) -> Ending { .ok }
}
enum SettingLines { static func of(_ s: AgentSpec) -> [(String,String)] { [] } }
internal import AgentSpecs

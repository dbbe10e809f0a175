import AgentModel
import FoundationEssentials
import Testing

@testable import AgentSpecs

/// docs/agent.yaml.md says what the code does.
@Suite struct SpecDocumentationTests {
    static func document(_ name: String) throws -> String {
        let root = URL(fileURLWithPath: #filePath).deletingLastPathComponent().deletingLastPathComponent().deletingLastPathComponent()
        return String(decoding: try Data(contentsOf: root.appendingPathComponent("docs/\(name)")), as: UTF8.self)
    }

    @Test func everySettingStandsThereWithItsDefault() throws {
        let rows = try Self.document("agent.yaml.md").split(separator: "\n").filter { $0.hasPrefix("| `") }
        let spec = AgentSpec(name: try #require(AgentName("a")), command: ["b"], workdir: "/c")
        for setting in SettingTable().settings where !setting.isPlanned {
            let row = rows.first { $0.hasPrefix("| `\(setting.path)` | ") }
            let cells = try #require(row, "\(setting.path) is missing").split(separator: "|").map { String($0) }
            guard case .sets(let binding) = setting.role, !["name", "command", "workdir"].contains(setting.path) else { continue }
            let text = YAMLText.value(binding.read(spec), of: setting.path)
            #expect(cells[2] == " `\(text)` ", "\(setting.path)")
        }
    }

    @Test func everyPlannedSettingIsNamed() throws {
        let words = Set(
            try Self.document("agent.yaml.md").split { !($0.isLetter || $0.isNumber || $0 == "_" || $0 == ".") }.map { String($0) })
        for setting in SettingTable().settings where setting.isPlanned {
            let parts = setting.path.split(separator: ".").map { String($0) }
            let isNamed =
                words.contains(setting.path)
                || (1..<max(parts.count, 2)).contains { count in
                    words.contains(parts.prefix(count).joined(separator: "."))
                        && words.contains(parts.dropFirst(count).joined(separator: "."))
                }
            #expect(isNamed, "\(setting.path)")
        }
    }

    @Test func everyCodeAndVariableStandsThere() throws {
        let text = try Self.document("agent.yaml.md")
        let words = Set(text.split { !($0.isLetter || $0.isNumber || $0 == "_" || $0 == "-") }.map { String($0) })
        for code in SpecCode.allCases { #expect(words.contains(code.rawValue), "\(code.rawValue)") }
        for code in PlanFault.Code.allCases { #expect(words.contains(code.rawValue), "\(code.rawValue)") }
        for name in VariableName.ofTheRunner { #expect(words.contains(name), "\(name)") }
        for flag in SpecFlags.settings { #expect(words.contains(flag.flag), "\(flag.flag)") }
    }

    @Test func everyFlagNamesASetting() {
        let table = SettingTable()
        for flag in SpecFlags.settings { #expect(table.setting(flag.setting)?.isPlanned == false, "\(flag.flag)") }
    }

    @Test func theExamplesDoWhatIsSaid() throws {
        func notices(_ name: String) throws -> [String] {
            let reading = SpecReader.read(
                Array(try Self.document("examples/\(name)").utf8), file: name, directory: "/srv", environment: [:]
            ) { _ throws(SpecFileFault) in throw SpecFileFault(why: "no such file") }
            return reading.notices.map(\.description)
        }
        #expect(try notices("agent.yaml") == [])
        let parts = try Self.document("agent.yaml.md").split(separator: "a test compares. -->\n```text\n")
        let block = try #require(parts.last).split(separator: "\n```").first.map { String($0) }
        #expect(try notices("mistakes.yaml").joined(separator: "\n") == block)
    }
}

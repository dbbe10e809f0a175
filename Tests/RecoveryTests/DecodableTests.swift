import AgentModel
import Recovery
import Testing

@Suite struct DecodableTests {
    @Test func whatAnOlderRunnerWroteIsReadWithDefaults() throws {
        let state = try JSONText.decode(RecoveryState.self, from: Array(#"{"wanted":"running","cleanStarts":3}"#.utf8))
        var expected = RecoveryState()
        expected.wanted = .running
        expected.cleanStarts = 3
        #expect(state == expected)
        #expect(try JSONText.decode(RecoverySettings.self, from: Array("{}".utf8)) == RecoverySettings())
    }

    @Test func whatIsWrittenIsReadBack() throws {
        var settings = RecoverySettings()
        settings.escalateAfter = .seconds(5)
        settings.whenExhausted = .retry
        #expect(try JSONText.decode(RecoverySettings.self, from: JSONText.encode(settings)) == settings)
    }
}

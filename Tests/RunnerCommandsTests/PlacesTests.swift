import AgentModel
import Testing

@testable import RunnerCommands

private func places(_ environment: [String: String], user: UInt32 = 1000, option: String? = nil) -> Places {
    Places(environment: environment, userID: user, workingDirectory: "/home/ada/work", store: option)
}

@Test(
    arguments: [
        ([:], UInt32(0), nil, "/var/lib/runner"), ([:], 0, "../s", "/home/ada/s"), (["RUNNER_STORE": "/a/./b/../c"], 0, nil, "/a/c"),
        (["RUNNER_STORE": ""], 0, nil, "/var/lib/runner"), (["RUNNER_STORE": "/a"], 0, "/b", "/b"),
        (["XDG_STATE_HOME": "/x", "HOME": "/home/ada"], 1000, nil, "/x/runner"),
        (["XDG_STATE_HOME": "relative", "HOME": "/home/ada"], 1000, nil, "/home/ada/.local/state/runner"),
        ([:], 1000, nil, "/tmp/runner-1000/.local/state/runner"),
    ] as [([String: String], UInt32, String?, String)])
func theStoreIsWhereItWasSaid(environment: [String: String], user: UInt32, option: String?, expected: String) {
    #expect(places(environment, user: user, option: option).store == expected)
}

@Test func aSocketPathFitsTheKernel() {
    let long = "/run/user/1000/" + String(repeating: "deep/", count: 20)
    let runtime = places(["XDG_RUNTIME_DIR": long]).runtimeDirectory(storeID: "0123456789abcdef")
    #expect(runtime == "/tmp/runner-1000/0123456789abcdef")
    #expect(places(["XDG_RUNTIME_DIR": "/run/user/1000"]).runtimeDirectory(storeID: "id") == "/run/user/1000/runner/id")
    #expect(places([:], user: 0).runtime(storeID: "id", agent: named("a")) == "/run/runner/id/a")
    // However long the name, and whoever runs it.
    let name = named(String(repeating: "n", count: 63))
    for user in [0, UInt32.max] {
        let runtime = places(["XDG_RUNTIME_DIR": "/run/user/1000"], user: user).runtime(storeID: "0123456789abcdef", agent: name)
        #expect((runtime + "/doors/notify.sock").utf8.count <= 107, "\(runtime)")
    }
}

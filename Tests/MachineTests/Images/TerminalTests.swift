import AgentModel
import CriuDriver
import CriuRequests
import Glibc
import LaunchPlans
import OutsideWorld
import Testing

@testable import LinuxWorld

extension CriuStage {
    fileprivate func type(_ text: String, into id: SandboxID) { world.terminal(of: id)?.type(Array(text.utf8)) }

    /// Everything that was shown up to `text`, which is then forgotten.
    @discardableResult
    fileprivate func see(_ text: String) throws -> String {
        func shown() -> String { String(decoding: self.text[.standardOutput] ?? [], as: UTF8.self) }
        if !shown().contains(text) { try wait("'\(text)' in '\(shown())'") { _ in shown().contains(text) ? () : nil } }
        defer { forgetOutput() }
        return shown()
    }
}

/// Agents that have a terminal of their own.
@Suite(.serialized)
struct TerminalTests {
    private static func plan(_ stage: CriuStage, _ shape: Shape = .namespaces) -> LaunchPlan {
        var plan = stage.fixture.plan(shape, ["bash", "--norc", "-i"])
        plan.environment += [.init(name: "PS1", value: "ready> "), .init(name: "TERM", value: "dumb")]
        plan.terminal = LaunchPlan.TerminalSize(rows: 33, columns: 101)
        return plan
    }

    @Test(arguments: Shape.possible) func anAgentHasATerminalOfItsOwn(shape: Shape) throws {
        try onOwnThread {
            let stage = try CriuStage(needsCriu: false)
            let shell = try stage.launch(Self.plan(stage, shape))
            try stage.see("ready> ")
            stage.type("stty size; tty; cat </dev/tty\n", into: shell.id)
            #expect(try stage.see("/dev/pts/").contains("33 101\r\n"))
            stage.world.terminal(of: shell.id)?.resize(to: LaunchPlan.TerminalSize(rows: 50, columns: 90))
            stage.type("typed\n", into: shell.id)
            try stage.see("typed\r\ntyped\r\n")
            stage.type("\u{3}", into: shell.id)
            try stage.see("ready> ")
            stage.type("stty size\n", into: shell.id)
            try stage.see("50 90\r\n")
            // The next supervisor has it as well, and the shell has not noticed.
            let adopted = try #require(try stage.replaceSupervisor())
            stage.type("echo $((6 * 7)); exit 3\n", into: adopted.id)
            var end: ProcessEnd?
            try stage.wait("the end") { event in
                if case .sandbox(adopted.id, .ended(let told)) = event { end = told }
                return event == .sandbox(adopted.id, .vanished) ? () : nil
            }
            #expect(end == .exited(3))
            try stage.see("\r\n42\r\n")
        }
    }

    @Test(.enabled(if: hasCriu, "needs criu")) func aShellGoesOnOnItsTerminalAfterACrash() throws {
        try onOwnThread {
            let stage = try CriuStage()
            let plan = Self.plan(stage)
            var shell = try stage.launch(plan)
            try stage.see("ready> ")
            stage.type("N=1; stty -echoctl\n", into: shell.id)
            try stage.see("ready> ")
            for round in 1...3 {
                stage.type("sh -c 'echo now; exec cat'\n", into: shell.id)
                try stage.see("\r\nnow\r\n")
                stage.type("hello\n", into: shell.id)
                try stage.see("hello\r\nhello\r\n")
                #expect(stage.blockers(in: shell.id) == [])
                let images = stage.newImages()
                let dump = try stage.dump(shell, into: images)
                #expect(dump.tree.terminal?.hasPrefix("tty[") == true)
                stage.type("\u{3}", into: shell.id)  // after the cut
                try stage.see("ready> ")
                stage.type("N=100; echo late\n", into: shell.id)
                try stage.see("\r\nlate\r\n")
                try stage.crash(shell.id)
                stage.forgetOutput()

                // Whoever restores it need not know that it had a terminal.
                var later = plan
                if round == 2 { later.terminal = nil }
                let restored = try stage.restore(later, from: images, dump.tree)
                shell = (restored.sandbox, restored.pid)
                stage.type("there\n", into: shell.id)
                try stage.see("there\r\nthere\r\n")
                // The group in front is the one it was: ctrl-c ends cat, not the shell, which knows what it knew.
                stage.type("\u{3}", into: shell.id)
                try stage.see("ready> ")
                stage.type("echo at $N $(stty size) $(stty -a </dev/tty | grep -o -- -echoctl); N=$((N + 1))\n", into: shell.id)
                try stage.see("at \(round) 33 101 -echoctl\r\n")
                stage.type("sh -c 'echo now; exec sleep 1000'\n", into: shell.id)
                try stage.see("\r\nnow\r\n")
                stage.type("\u{1a}", into: shell.id)
                try stage.see("Stopped")
                stage.type("kill %1; wait; echo ended\n", into: shell.id)
                try stage.see("\r\nended\r\n")
            }
            #expect(stage.errors == "")
            try stage.crash(shell.id)
        }
    }
}

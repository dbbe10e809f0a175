import AgentProtocol
import Testing

struct NotifyDatagramTests {
    static let good: [(String, NotifyDatagram)] = [
        ("READY=1", .with { $0.isReady = true }),
        ("READY=1\nSTATUS=serving 7 = seven\n", .with { ($0.isReady, $0.status) = (true, "serving 7 = seven") }),
        ("WATCHDOG=1", .with { $0.watchdog = .alive }),
        ("WATCHDOG=trigger", .with { $0.watchdog = .trigger }),
        ("WATCHDOG_USEC=3000000", .with { $0.watchdogEvery = .seconds(3) }),
        ("STOPPING=1\nRELOADING=1", .with { ($0.isStopping, $0.isReloading) = (true, true) }),
        ("EXTEND_TIMEOUT_USEC=5000000", .with { $0.extendedBy = .seconds(5) }),
        ("EXTEND_TIMEOUT_USEC=18446744073709551615", .with { $0.extendedBy = ProtocolLimits.longestExtension }),
        ("ERRNO=2\nEXIT_STATUS=-1", .with { ($0.errorNumber, $0.exitStatus) = (2, -1) }),
        ("MAINPID=1\nX_COLOUR=blue\nFDSTORE=1", .with { $0.ignored = ["MAINPID", "X_COLOUR", "FDSTORE"] }),
        ("STATUS=a\u{1b}[31mred\rb", .with { $0.status = "a [31mred b" }),
        ("", NotifyDatagram()), ("\n\n", NotifyDatagram()),
    ]

    @Test(arguments: good) func aDatagramIsReadAsSdNotifyMeansIt(_ text: String, _ expected: NotifyDatagram) throws {
        #expect(try NotifyDatagram(Array(text.utf8)) == expected)
    }

    @Test(arguments: [
        ("READY", "E-PROTOCOL-VALUE"), ("=1", "E-PROTOCOL-VALUE"), ("READY=yes", "E-PROTOCOL-VALUE"), ("WATCHDOG=2", "E-PROTOCOL-VALUE"),
        ("WATCHDOG_USEC=0", "E-PROTOCOL-VALUE"), ("WATCHDOG_USEC=-1", "E-PROTOCOL-VALUE"), ("EXTEND_TIMEOUT_USEC=+1", "E-PROTOCOL-VALUE"),
        ("ERRNO=99999999999", "E-PROTOCOL-VALUE"), ("STATUS=a\0b", "E-PROTOCOL-TEXT"), ("READY=1\nnonsense", "E-PROTOCOL-VALUE"),
        ("STATUS=" + String(repeating: "x", count: 4096), "E-PROTOCOL-LIMIT"),
    ]) func aBadDatagramIsIgnoredWhole(_ text: String, _ code: String) {
        #expect { try NotifyDatagram(Array(text.utf8)) } throws: { ($0 as? ProtocolFault)?.code == code }
        #expect { try NotifyDatagram([0x53, 0x3d, 0xff]) } throws: { ($0 as? ProtocolFault)?.code == "E-PROTOCOL-TEXT" }
    }
}

extension NotifyDatagram {
    static func with(_ change: (inout NotifyDatagram) -> Void) -> NotifyDatagram {
        var datagram = NotifyDatagram()
        change(&datagram)
        return datagram
    }
}

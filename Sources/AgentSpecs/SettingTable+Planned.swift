extension SettingTable {
    /// The rest of the spec's shape: read and checked, then refused by name until a version acts on it. A misspelt key inside is still
    /// told apart from one that is only early.
    static let planned: [Setting] = health + reporting + confinement + lifecycle

    private static let health: [Setting] = [
        .planned("health.http.url", .text),
        .planned("health.http.every", .duration(from: .milliseconds(100))),
        .planned("health.http.timeout", .duration(from: .milliseconds(100))),
        .planned("health.http.failures", .count(1...1000)),
        .planned("health.http.status", .count(100...599)),
        .planned("health.command.run", .command),
        .planned("health.command.every", .duration(from: .milliseconds(100))),
        .planned("health.command.timeout", .duration(from: .milliseconds(100))),
        .planned("health.command.failures", .count(1...1000)),
        .planned("health.tcp.address", .text),
        .planned("health.tcp.every", .duration(from: .milliseconds(100))),
        .planned("health.tcp.timeout", .duration(from: .milliseconds(100))),
        .planned("health.tcp.failures", .count(1...1000)),
        .planned("health.output_silence", .duration(from: .seconds(1))),
        .planned("health.progress_within", .duration(from: .seconds(1))),
        .planned("health.memory_growth.by", .size(from: 1)),
        .planned("health.memory_growth.within", .duration(from: .seconds(1))),
        .planned("health.loop.repeats", .count(2...100_000)),
        .planned("health.loop.within", .duration(from: .seconds(1))),
        .planned("health.silent_call", .duration(from: .seconds(1))),
        .planned("health.start_delay", .duration(from: .zero)),
        .planned(
            "probes",
            .entries([
                .planned("name", .text), .planned("http", .text), .planned("command", .command), .planned("tcp", .text),
                .planned("every", .duration(from: .milliseconds(100))), .planned("timeout", .duration(from: .milliseconds(100))),
                .planned("failures", .count(1...1000)),
            ])),
        .planned("budget.tokens", .count(0...Int64.max)),
        .planned("budget.cost", .number(0...1e12)),
        .planned("budget.window", .duration(from: .seconds(1))),
        .planned("budget.when_reached", .choice(["suspend", "stop", "notify"])),
    ]

    private static let reporting: [Setting] = [
        .planned("notify.webhook.url", .text),
        .planned("notify.webhook.timeout", .duration(from: .milliseconds(100))),
        .planned("notify.command", .command),
        .planned("notify.events", .texts),
        .planned("notify.repeat_after", .duration(from: .seconds(1))),
        .planned("notify.dead_man.url", .text),
        .planned("notify.dead_man.every", .duration(from: .seconds(1))),
    ]

    private static let confinement: [Setting] = [
        .planned("limits.memory_high", .size(from: 1)),
        .planned("limits.disk", .size(from: 1)),
        .planned("limits.io", .text),
        .planned("limits.gpu", .text),
        .planned("limits.nice", .count(-20...19)),
        .planned("network.allow", .texts),
        .planned("network.ports", .texts),
        .planned("sandbox.isolation", .choice(["auto", "namespaces", "none"])),
        .planned("sandbox.read_only", .paths),
        .planned("sandbox.hide", .paths),
        .planned("sandbox.seccomp", .text),
        .planned("secrets.env", .texts),
        .planned("secrets.files", .paths),
    ]

    private static let lifecycle: [Setting] = [
        .planned(
            "config_files",
            .either(
                .texts,
                .entries([
                    .planned("path", .path), .planned("format", .choice(["json", "jsonl", "yaml", "toml", "text"])),
                    .planned("repair", .choice(["known-good", "never"])), .planned("must_hold", .texts),
                ]))),
        .planned("restore.from", .choice(["known-good", "latest", "clean"])),
        .planned("restore.only", .texts),
        .planned("restore.environment", .choice(["current", "stored"])),
        .planned("schedule.run", .cron),
        .planned("schedule.stop", .cron),
        .planned("schedule.utc_offset", .offset),
        .planned("update.watch", .paths),
        .planned("update.canary", .flag),
        .planned("depends_on", .texts),
        .planned("labels", .map(.text)),
    ]
}

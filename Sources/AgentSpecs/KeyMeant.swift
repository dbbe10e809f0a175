/// What a person probably meant by a key that is not one.
struct KeyMeant {
    let key: String
    let section: String
    let table: SettingTable

    /// `did you mean 'limits.memory'?`, or what is known here.
    var suggestion: String {
        let siblings = table.keys(in: section)
        if let near = nearest(to: key, among: siblings) { return "did you mean '\(near)'?" }
        if let other = elsewhere { return "did you mean '\(other)'?" }
        return section.isEmpty ? "docs/agent.yaml.md lists all settings" : "known there are \(quotedList(siblings, "and"))"
    }

    /// The same word in another section, or another system's word for it.
    private var elsewhere: String? {
        let homes = table.settings.filter { $0.key == key && !$0.isPlanned }
        if homes.count == 1 { return homes[0].path }
        return foreign.flatMap { table.setting($0) != nil || table.isSection($0) ? $0 : nil }
    }

    /// From compose files, systemd units, pm2 and process managers.
    private var foreign: String? {
        switch key.lowercased().filter({ $0 != "_" && $0 != "-" }) {
        case "cwd", "dir", "directory", "workingdir", "workingdirectory": "workdir"
        case "cmd", "exec", "execstart", "script", "run", "entrypoint", "args": "command"
        case "environment", "vars", "variables": "env"
        case "environmentfile", "dotenv": "env_file"
        case "mem", "memlimit", "memorylimit", "memorymax", "maxmemoryrestart": "limits.memory"
        case "cpus", "cpulimit", "cpuquota": "limits.cpu"
        case "pids", "pidslimit", "tasksmax", "tasks": "limits.processes"
        case "nofile", "limitnofile", "ulimits": "limits.open_files"
        case "restartpolicy", "autorestart": "recovery.restart"
        case "interval", "checkpointinterval", "period": "checkpoint.every"
        case "retention": "checkpoint.keep"
        case "keeplast": "checkpoint.keep.last"
        case "keephourly": "checkpoint.keep.hourly"
        case "keepdaily": "checkpoint.keep.daily"
        case "keepweekly": "checkpoint.keep.weekly"
        case "keepmonthly": "checkpoint.keep.monthly"
        case "keepwithin": "checkpoint.keep.within"
        case "exclude", "ignore": "checkpoint.exclude"
        case "watchdog", "watchdogsec", "healthcheck": "health.heartbeat"
        case "killsignal", "stopsignal": "stop.signal"
        case "timeoutstopsec", "stopgraceperiod", "stoptimeout", "killtimeout": "stop.deadline"
        case "uid", "runas": "user"
        default: nil
        }
    }
}

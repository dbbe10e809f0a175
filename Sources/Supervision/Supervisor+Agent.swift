internal import AgentModel
internal import AgentProtocol
internal import AgentSpecs
internal import Checkpoints
internal import LaunchPlans
internal import OutsideWorld
internal import Recovery

/// One connection at the agents' door.
struct AgentPeer {
    var session: AgentSession
    var capabilities: Set<String> = []
    /// It said which incarnation it resumes: what it had, it has.
    var remembers = false

    func can(_ capability: String) -> Bool { session.isOpen && capabilities.contains(capability) }
}

/// Faults of peers in the present minute.
struct Complaints {
    /// Written down in a minute.
    static let limit = 20
    var since = Moment(nanoseconds: 0)
    var told = 0
    var untold = 0
}

/// The cooperative protocol's runner side: who is let in, what is answered, what becomes news for the ladder.
extension Supervisor {
    // MARK: Connections

    func agentConnected(_ id: ConnectionID, _ peer: PeerCredentials) {
        var agentPeer = AgentPeer(session: AgentSession(connectedAt: world.now()))
        if let fault = CurrentConnection<ConnectionID>.refusal(isInside: isInside(peer)) {
            return act(on: agentPeer.session.refuse(fault), of: id)
        }
        peers[id] = agentPeer
        armHello()
    }

    /// Where the host cannot tell sandboxes apart, the user must at least be one that may be the agent.
    private func isInside(_ peer: PeerCredentials) -> Bool? {
        guard let life else { return false }
        if let sandbox = peer.isInside { return sandbox == life.sandbox }
        return [0, request.facts.userID, life.userID].contains(peer.userID) ? nil : false
    }

    func agentReceived(_ id: ConnectionID, _ bytes: [UInt8]) {
        guard var peer = peers[id] else { return }
        let events = peer.session.receive(bytes, at: world.now())
        peers[id] = peer
        act(on: events, of: id)
    }

    func agentClosed(_ id: ConnectionID) {
        if let fault = peers[id]?.session.finish() { complain(fault.sentence) }
        forget(id)
    }

    private func forget(_ id: ConnectionID) {
        peers[id] = nil
        currentConnection.closed(id)
        armHello()
    }

    private func act(on events: [SessionEvent], of id: ConnectionID) {
        for event in events {
            switch event {
            case .hello(let hello, let version): greet(id, hello, version)
            case .message(let message):
                guard currentConnection.current == id else { continue }
                heard(message, id)
            case .send(let bytes): if !bytes.isEmpty { world.send(bytes, to: id) }
            case .close(let fault):
                complain("\(fault.code): \(fault.sentence)", "closed a connection at the agent's door: \(fault.sentence)")
                world.close(id)
                forget(id)
            case .ignored(let what): complain(what)
            }
        }
    }

    /// What a peer did wrong goes into the journal and, with `said`, into the log; only so much a minute, for a peer that makes nothing but
    /// mistakes must not turn over what matters there.
    private func complain(_ what: String, _ said: String? = nil) {
        let now = world.now()
        if now - complaints.since >= .seconds(60) {
            if complaints.untold > 0 { say("\(complaints.untold) more faults of the agent's peers were not written down, going on") }
            complaints = Complaints(since: now)
        }
        guard complaints.told < Complaints.limit else { return complaints.untold += 1 }
        complaints.told += 1
        note("protocol", what)
        if let said { say(said) }
    }

    func send(_ message: RunnerMessage, to id: ConnectionID) {
        guard var peer = peers[id] else { return }
        let bytes = peer.session.encoded(message)
        peers[id] = peer
        if !bytes.isEmpty { world.send(bytes, to: id) }
    }

    private func armHello() { deadlines[.hello] = peers.values.compactMap(\.session.deadline).min() }

    func helloDue() {
        for id in peers.keys.sorted() {
            guard var peer = peers[id] else { continue }
            let events = peer.session.tick(at: world.now())
            peers[id] = peer
            act(on: events, of: id)
        }
        armHello()
    }

    // MARK: Welcome

    private func greet(_ id: ConnectionID, _ hello: Hello, _ version: UInt32) {
        guard let life else { return }
        switch currentConnection.admit(id, hello, incarnation: life.incarnation) {
        case .admitted: break
        case .takesOver(let old):
            world.close(old)
            peers[old] = nil
        case .refused(let fault):
            guard var peer = peers[id] else { return }
            let events = peer.session.refuse(fault)
            peers[id] = peer
            return act(on: events, of: id)
        }
        peers[id]?.capabilities = Set(hello.capabilities)
        peers[id]?.remembers = hello.resumes != nil
        if hello.capabilities.contains("prepare") { self.life?.preparesItself = true }
        armHello()
        if hello.resumes != life.incarnation { newSpeaker() }
        if hello.resumes == life.incarnation {
            welcome(id, welcome(version, state: nil, schema: nil, restored: nil))
        } else {
            welcomeWithState(id, version)
        }
    }

    /// What the runner had asked on an earlier connection is void; a cut that is still wanted is asked for anew.
    private func askAgain(_ id: ConnectionID) {
        guard let run = checkpointRun, case .preparing = run.stage, peers[id]?.can("prepare") == true else { return }
        send(.prepare(request: run.request, deadline: spec.checkpoint.deadline, reason: run.reason), to: id)
    }

    /// The state is in memory after a launch; a supervisor that took the agent over reads it from the store.
    private func welcomeWithState(_ id: ConnectionID, _ version: UInt32) {
        guard let life else { return }
        guard case .version(let number) = life.origin, restoresState, !(life.isFromImages && peers[id]?.remembers == true) else {
            return welcome(id, welcome(version, state: nil, schema: nil, restored: nil))
        }
        if let restored = life.restored { return handOver(restored, id, version) }
        let store = store
        let agent = agent
        let holdsState = versions.first { $0.version == number }?.parts.cooperative ?? false
        aside { () -> StoredState? in
            holdsState ? try? store.state(agent, number) : nil
        } then: { [self] restored in
            guard peers[id] != nil else { return }
            if let restored { return handOver(restored, id, version) }
            welcome(id, welcome(version, state: nil, schema: nil, restored: nil))
        }
    }

    private func handOver(_ restored: StoredState, _ id: ConnectionID, _ version: UInt32) {
        if restored.bytes.count <= ProtocolLimits.inlineState {
            let message = welcome(version, state: .inline(restored.bytes), schema: restored.schema, restored: restored)
            return welcome(id, message)
        }
        // Too large for a frame: a file in the staging directory, which the agent reads and checks.
        let name = "restored-state"
        guard let staging = try? world.disk(at: request.place.doors + "/staging") else {
            return couldNotHandOver("the staging directory is gone")
        }
        aside { () -> Result<StatePayload, FileFault> in
            Result { () throws(FileFault) in
                // Readable for an agent of another user. Nobody else comes here: the directory is the agent's own, mode 0700.
                try staging.replace(DiskPath(stringLiteral: name), with: restored.bytes, mode: 0o644)
                return .file(name: name, size: UInt64(restored.bytes.count), sha256: sha256(restored.bytes))
            }
        } then: { [self] result in
            switch result {
            case .success(let payload):
                welcome(id, welcome(version, state: payload, schema: restored.schema, restored: restored))
            case .failure(let fault): couldNotHandOver(fault.sentence)
            }
        }
    }

    private func welcome(_ id: ConnectionID, _ message: Welcome) {
        life?.welcomedAt = world.now()
        send(.welcome(message), to: id)
        askAgain(id)
    }

    private func couldNotHandOver(_ why: String) {
        note("warning", "could not hand the state over: \(why)")
        if let life { world.kill(life.sandbox) }  // without its state it would begin anew in a rolled-back workspace
    }

    private func welcome(_ version: UInt32, state: StatePayload?, schema: String?, restored: StoredState?) -> Welcome {
        var changed: [String] = []
        if let restored, restored.specDigest != specDigest { changed.append("spec") }
        let cut = (life?.isFromImages ?? false) ? life?.origin.version.flatMap { number in versions.first { $0.version == number } } : nil
        if cut != nil { changed.append("connections") }
        // Read anew at each welcome, which is rare: only a fork's first version says it.
        if let version = life?.origin.version, (try? store.manifest(agent, version))?.forkedFrom != nil { changed.append("agent") }
        return Welcome(
            version: version, agent: agent.text, incarnation: life?.incarnation ?? incarnations,
            restoredFrom: life?.origin.version, state: state, stateSchema: schema,
            slept: (restored?.takenAt ?? cut?.takenAt).map { max(.zero, world.wallTime() - $0) }, changed: changed,
            beatEvery: spec.health.heartbeat)
    }

    // MARK: Messages

    private func heard(_ message: AgentMessage, _ id: ConnectionID) {
        signOfLife()
        switch message {
        case .beat(let beat): took(beat)
        case .prepared(let request, let point): agentPrepared(request, point)
        case .refused(let request, let why): agentRefused(request, why)
        case .save(let request, let point): agentSaves(request, point)
        case .effectBegin(let request, let key, let description, let idempotent):
            effectBegins(id, request, key: key, description: description, idempotent: idempotent)
        case .effectEnd(let request, let key, let result): effectEnds(id, request, key: key, result: result)
        case .turn(let waiting): heardTurn(waiting: waiting)
        case .done(let text):
            life?.saidDone = true
            say("the agent says that its work is done\(text.map { ": \($0)" } ?? "")")
        case .failed(let why): inbox.append(.reportedFailure(why))
        case .hello, .pong: break
        }
    }

    private func took(_ beat: Beat) {
        guard life != nil else { return }
        alive()
        if let step = beat.step {
            life?.beat.step = step
            if life?.progressed == false, imageRestore == nil, grantsProgress(step) {
                life?.progressed = true
                inbox.append(.progressed)
            }
        }
        if let progress = beat.progress { life?.beat.progress = progress }
        if let note = beat.note { life?.beat.note = note }
        if let tokens = beat.tokens { life?.beat.tokens = tokens }
        if let cost = beat.costMicroUSD { life?.beat.costMicroUSD = cost }
        statusChanged = true
    }

    func signOfLife() {
        guard life?.signOfLife == false else { return }
        // What is restored may still fail, and then it never was: it counts when it is told as launched.
        guard imageRestore == nil else {
            life?.spokeEarly = true
            return
        }
        life?.signOfLife = true
        life?.restored = nil
        inbox.append(.signOfLife)
    }

    // MARK: Heartbeats

    func alive() {
        if let incarnation = life?.incarnation, beatingIncarnation != incarnation {
            beatingIncarnation = incarnation
            writeMemory()
        }
        life?.lastBeat = (world.now(), world.wallTime())
        armHeartbeat()
    }

    /// Watched from the first heartbeat on, and not while the agent stands still for a cut.
    func armHeartbeat() {
        guard let life, life.end == nil, let limit = life.watchdogEvery ?? spec.health.heartbeat, let last = life.lastBeat else {
            return deadlines[.heartbeat] = nil
        }
        switch checkpointRun?.stage {
        case .dumping, .cutting, .thawing: return deadlines[.heartbeat] = nil
        case .hook, .preparing, .committing, nil: break
        }
        // A beat that was under way when it was stopped comes later.
        guard deadlines[.stopped] == nil, checkpointRun?.standsSince == nil else { return deadlines[.heartbeat] = nil }
        deadlines[.heartbeat] = max(last.at + limit, life.silenceAllowedUntil ?? last.at)
    }

    /// While it stood still for a cut the agent could not beat; what it was silent before counts on, or an agent that hangs would be
    /// forgiven with every checkpoint.
    func forgiveSilence(since stoodStillFrom: Moment) {
        if let last = life?.lastBeat { life?.lastBeat = (last.at + (world.now() - max(stoodStillFrom, last.at)), last.time) }
        armHeartbeat()
    }

    func heartbeatDue() {
        guard let life, let last = life.lastBeat else { return }
        inbox.append(.missedHeartbeat(silentFor: world.now() - last.at))
    }

    // MARK: sd_notify

    func datagram(_ bytes: [UInt8], _ peer: PeerCredentials) {
        // A stranger's heartbeat would keep a hung agent alive: the same rule as at the other door.
        guard let life, isInside(peer) != false else { return }
        let news: NotifyDatagram
        do throws(ProtocolFault) { news = try NotifyDatagram(bytes) } catch {
            return complain("a notify datagram was ignored: \(error.sentence)")
        }
        signOfLife()
        if let status = news.status {
            self.life?.beat.note = status
            statusChanged = true
        }
        if let every = news.watchdogEvery { self.life?.watchdogEvery = every }
        if let extended = news.extendedBy {
            self.life?.silenceAllowedUntil = world.now() + extended
            if deadlines[.stopped] != nil { deadlines[.stopped] = world.now() + extended }
        }
        switch news.watchdog {
        case .alive: alive()
        case .trigger: inbox.append(.missedHeartbeat(silentFor: world.now() - (life.lastBeat?.at ?? world.now())))
        case nil: armHeartbeat()
        }
    }
}

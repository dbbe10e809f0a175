import AgentModel
import Checkpoints
import Glibc
import OutsideWorld
import Testing

@testable import LinuxWorld

/// The store over a real file system, with the kernel as oracle: what was there before is there after.
@Suite struct StoreOnLinuxTests {
    /// A store and a workspace side by side.
    struct Place {
        let scratch: ScratchDirectory
        let agent: AgentName
        let store: CheckpointStore
        let workspace: LinuxDisk
        var work: String { scratch.path + "/work" }
        var disk: any Disk { store.disk }

        init(storeAt path: String? = nil, isQuick: Bool = false) throws {
            scratch = try ScratchDirectory(isQuick: isQuick)
            agent = try #require(AgentName("agent-7"))
            store = try Self.open(path ?? scratch.path + "/store")
            try store.addAgent(agent)
            workspace = try LinuxDisk(at: scratch.path + "/work", create: true)
        }

        static func open(_ path: String) throws -> CheckpointStore {
            try CheckpointStore.open(try LinuxDisk(at: path, create: true), create: true) { "0123456789abcdef" }
        }

        func request(forced: Bool = false, limit: ByteCount = ByteCount(1 << 40)) -> CutRequest {
            CutRequest(
                agent: agent, kind: .checkpoint, reason: .schedule, takenAt: WallTime(seconds: 1_795_000_000), forced: forced,
                cooperative: CooperativePart(state: .bytes(Array("state".utf8)), schema: "v1"), workspace: workspace, incarnation: 1,
                sizeLimit: limit)
        }

        @discardableResult
        func take() throws -> VersionNumber { try store.commit(try store.cut(request(), stagingID: "s")).version }

        func restore(_ version: VersionNumber) throws -> WorkspaceRestorePlan {
            try store.restoreWorkspace(agent, version, to: workspace, excluded: [])
        }

        func shell(_ script: String) throws { try Shell.output("cd \"$0\"; \(script)", work) }
    }

    private func kind(_ body: () throws -> Void) throws -> StoreFault.Kind? {
        do {
            try body()
            return nil
        } catch let fault as StoreFault { return fault.kind }
    }

    // MARK: Before = after

    /// What file systems can hold and people do not expect.
    private static let odd = """
        mkdir -p plain/deep 'with space' .hidden; echo one > plain/one; echo two > 'with space/two'; : > empty
        printf x > "$(printf 'new\\nline')"; printf y > "$(printf 'no-text-\\377\\200')"; printf z > "$(printf '\\364\\217\\270\\277')"
        printf l > "$(printf 'n%.0s' $(seq 255))"; printf d > -rf; ln -s /etc/passwd absolute; ln -s ../../.. up; ln -s gone dangling
        ln -s "$(printf 'a\\377b')" odd-target; mkdir closed sticky group; echo c > closed/file; chmod 0500 closed; chmod 1777 sticky
        chmod 2750 group; echo s > suid; chmod 4711 suid; echo n > none; chmod 0 none; echo h > hard; ln hard hard2
        dd if=/dev/zero of=sparse bs=1 count=0 seek=3000000 2>/dev/null; printf middle | dd of=sparse bs=1 seek=1500000 conv=notrunc 2>/dev/null
        p=nest; for i in $(seq 120); do p=$p/directory-with-a-name-$i; done; mkdir -p "$p"; echo bottom > "$p/file"
        touch -d '1999-12-31T23:59:59.123456789Z' plain/one plain 'with space'; touch -d '@-5.25' empty
        mkfifo pipe; perl -MSocket -e 'socket(S, PF_UNIX, SOCK_STREAM, 0); bind(S, sockaddr_un("socket")) or die'
        """
    /// As root, what only root can make.
    private static let foreign = """
        mknod device c 1 3; chown 1000:1001 plain/one plain; chown -h 1000:1000 dangling; chown 12345 suid; chmod 6755 suid; chown :4242 group
        chmod 2750 group
        """
    private static let wreck = """
        chmod -R u+rwx closed; rm -rf closed plain/one .hidden "$(printf 'no-text-\\377\\200')"; echo other > empty; echo new > added; mkdir -p more/added
        rm absolute; echo file > absolute; rm -rf sticky; ln -s /etc sticky; chmod 0777 'with space'; rm dangling; mkdir dangling; echo in > dangling/in
        chmod 600 suid none; rm hard2; chown 0:0 plain 2>/dev/null || true; printf X | dd of=sparse bs=1 seek=5 conv=notrunc 2>/dev/null
        """

    @Test func aWorkspaceComesBackAsTheKernelSawIt() throws {
        try onOwnThread {
            let place = try Place()
            try place.shell(Self.odd)
            if geteuid() == 0 { try place.shell(Self.foreign) }
            let before = try LookedAt(place.work)
            let version = try place.take()
            try place.store.verify(place.agent, version)
            #expect(try LookedAt(place.work) == before, "a checkpoint changes nothing")
            let special = geteuid() == 0 ? 3 : 2
            #expect(try place.store.manifest(place.agent, version).notes.count == special)
            try place.shell(Self.wreck)
            #expect(try LookedAt(place.work) != before)
            let plan = try place.store.planRestore(place.agent, version, to: place.workspace, excluded: [])
            #expect(try place.restore(version) == plan)
            #expect(try LookedAt(place.work) == before)
            #expect(plan.leftAlone.count == special)
            try place.shell("test -p pipe && test -S socket")
            // Nothing more to do, and into an empty directory the same.
            #expect(try place.restore(version).steps.isEmpty)
            try place.shell("find . -mindepth 1 -type d -exec chmod 700 {} +; find . -mindepth 1 -delete")
            _ = try place.restore(version)
            #expect(try LookedAt(place.work) == before)
        }
    }

    @Test func twentyThousandFilesComeBack() throws {
        try onOwnThread {
            let place = try Place(isQuick: true)
            try place.shell("perl -e 'for $d (1..200) { mkdir $d; for (1..100) { open F, \">\", \"$d/$_\"; print F \"$d $_\\n\" } }'")
            let before = try LookedAt(place.work)
            #expect(before.hashes.count == 20_000)
            let version = try place.take()
            try place.store.verify(place.agent, version)
            try place.shell("rm -rf 1* 2*; echo x >> 3/3; mkdir 201")
            _ = try place.restore(version)
            #expect(try LookedAt(place.work) == before)
            try place.store.remove(place.agent, version)
            #expect(try place.disk.names(in: "trash") == [])
        }
    }

    // MARK: Standing

    @Test func marksPinsAndRemovalsAreOnDisk() throws {
        let place = try Place()
        try place.shell("echo 1 > file")
        let (first, second) = (try place.take(), try place.take())
        try place.store.mark(place.agent, first, .proven, because: "it ran")
        try place.store.pin(place.agent, first, true)
        try place.store.mark(place.agent, second, .suspect, because: "it died young")
        let again = try Place.open(place.scratch.path + "/store")
        let listed = try again.versions(of: place.agent)
        #expect(listed.map(\.standing) == [.proven, .suspect] && listed.map(\.pinned) == [true, false])
        let agents = place.scratch.path + "/store/agents/agent-7/"
        #expect(linkTarget(of: agents + "latest") == "versions/2" && linkTarget(of: agents + "known-good") == "versions/1")
        try again.remove(place.agent, second)
        #expect(linkTarget(of: agents + "latest") == "versions/1" && access(agents + "versions/2", F_OK) != 0)
    }

    // MARK: A disk that refuses

    private static var canMount: Bool { geteuid() == 0 && canIsolate }

    /// Mounts a tmpfs at `path` while `body` runs.
    private func onSmallDisk(_ path: String, kibibytes: Int, _ body: () throws -> Void) throws {
        try #require(mkdir(path, 0o700) == 0 && mount("none", path, "tmpfs", 0, "size=\(kibibytes)k,mode=0700") == 0)
        defer { umount2(path, Int32(MNT_DETACH)) }
        try body()
    }

    @Test(.enabled(if: canMount, "needs root and mount(2)")) func aFullDiskLeavesOlderVersionsAsTheyWere() throws {
        let outer = try ScratchDirectory()
        let path = outer.path + "/small"
        try onSmallDisk(path, kibibytes: 512) {
            let place = try Place(storeAt: path)
            try place.shell("echo small > file")
            let version = try place.take()
            let stored = try LookedAt(path + "/agents/agent-7/versions")
            // Told before a byte is written, from the sizes.
            try place.shell("dd if=/dev/urandom of=large bs=1k count=600 2>/dev/null")
            guard case .full(.some, .some)? = try kind({ try place.take() }) else {
                Issue.record("a workspace larger than the disk was taken")
                return
            }
            // Full in the middle of a commit, when the copy was already made.
            try place.shell("rm large; echo more > file")
            let staged = try place.store.cut(place.request(), stagingID: "s")
            try fill(path + "/filler")
            #expect(try kind { _ = try place.store.commit(staged) } == .full(needed: nil, free: nil))
            #expect(try LookedAt(path + "/agents/agent-7/versions") == stored)
            try place.store.verify(place.agent, version)
            #expect(try kind { try place.take() } != nil)
            _ = try place.store.recover(place.agent)
            #expect(try place.disk.names(in: "staging") == [])
            unlink(path + "/filler")
            let next = try place.take()
            #expect(next > version)
            try place.store.verify(place.agent, next)
        }
    }

    private func fill(_ path: String) throws {
        let descriptor = open(path, O_WRONLY | O_CREAT | O_CLOEXEC, 0o600)
        try #require(descriptor >= 0)
        let piece = [UInt8](repeating: 1, count: 4096)
        while write(descriptor, piece, piece.count) > 0 {}
        close(descriptor)
    }

    @Test(.enabled(if: canMount, "needs root and mount(2)")) func aReadOnlyStoreIsReadAndNothingElse() throws {
        let outer = try ScratchDirectory()
        let path = outer.path + "/small"
        try onSmallDisk(path, kibibytes: 512) {
            let place = try Place(storeAt: path)
            try place.shell("echo one > file")
            let version = try place.take()
            try #require(mount("none", path, nil, UInt(MS_REMOUNT | MS_RDONLY), nil) == 0)
            try place.shell("echo two > file")
            let before = try LookedAt(place.work)
            let store = try Place.open(path)
            #expect(try store.versions(of: place.agent).map(\.version) == [version])
            try store.verify(place.agent, version)
            #expect(try store.planRestore(place.agent, version, to: place.workspace, excluded: []).steps.map(\.change) == [.changed])
            for attempt: () throws -> Void in [
                { try place.take() }, { _ = try place.restore(version) }, { try store.remove(place.agent, version) },
                { try store.mark(place.agent, version, .suspect, because: "x") }, { _ = try store.lock(place.agent, holder: "x") },
            ] { #expect(try kind(attempt) == .readOnly) }
            #expect(try LookedAt(place.work) == before)
        }
    }

    @Test(.enabled(if: geteuid() == 0, "needs root")) func anotherUserIsDenied() throws {
        try onOwnThread {
            let place = try Place()
            try place.shell("echo one > file")
            try place.take()
            let path = place.scratch.path + "/store"
            chmod(place.scratch.path, 0o755)
            let disk = try LinuxDisk(at: path, create: false)
            withoutRights {
                #expect(throws: FileFault(.denied, doing: "open the directory", what: path)) { try LinuxDisk(at: path, create: false) }
                let found = try? kind { _ = try CheckpointStore.open(disk, create: false) { "" } }
                #expect(found == .denied)
            }
        }
    }
}

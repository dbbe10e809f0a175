internal import Checkpoints
internal import OutsideWorld

extension CopyFault {
    static let stoppedWords = "it was stopped. What is there already stays, and the same command goes on from there"
}

extension CommandFault {
    /// - Parameters:
    ///   - doing: "sync to", "pull from".
    ///   - place: as it was typed.
    init(_ fault: CopyFault, doing: String, _ place: String) {
        let what = "could not \(doing) '\(place)': "
        switch fault {
        case .store(let fault) where fault.isStop:
            self.init(.copyStopped, what + CopyFault.stoppedWords)
        case .store(let fault): self.init(fault)
        case .carrier(.missing(let program)):
            self.init(
                .remoteProgram,
                what
                    + "'\(program)' is not installed, and it carries what goes elsewhere. Install the package '\(program)', or give a directory"
            )
        case .carrier(.tooMuch):
            self.init(.remoteDamaged, what + "more came from there than was announced. Nothing of it was used; find out who writes there")
        case .carrier(.failed(let why)):
            self.init(.remoteIO, what + "\(why). Look at the place and at its settings; what is there stays, and the same command goes on")
        case .carrier(.stopped), .stopped:
            self.init(.copyStopped, what + CopyFault.stoppedWords)
        case .remote(let part, let how):
            self.init(
                .remoteDamaged, what + "'\(part)' there is not what was stored: \(how). Nothing of it was used; see 'runner store check'")
        case .noCopy(let why):
            self.init(
                .remoteNoCopy, what + "\(why). Give the place that 'runner store sync' was given; in an empty one that makes a new copy")
        case .other(let version, let there):
            self.init(
                .remoteOther,
                what
                    + "\(there) has another '\(version)'. Take it in beside that with '--as NAME', or keep the two apart in places of their own"
            )
        case .unmarked(let why): self.init(.supervisorIO, what + why)
        case .notListed(let version):
            self.init(.remoteVersion, what + "'\(version)' is not listed there. 'runner store check' lists what is")
        }
    }
}

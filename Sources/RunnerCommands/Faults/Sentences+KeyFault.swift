internal import Sealing

extension CommandFault {
    /// - Parameter store: its path.
    init(_ fault: KeyFault, store: String) {
        switch fault {
        case .unusable(let file, let why): self.init(.keyFile, "could not use the key file '\(file)': \(why)")
        case .wrongKey(let file, let has, let wants):
            self.init(
                .keyWrong,
                "could not open the store '\(store)': the key in '\(file)' is \(has), and the store wants \(wants). Name the right file with --key-file"
            )
        case .damaged(let how):
            self.init(
                .storeFormat,
                "could not open the store '\(store)': its 'encryption' is damaged: \(how). Put back a copy of it: every 'runner store sync' makes one"
            )
        case .disk(let fault): self.init(inStore: fault)
        }
    }
}

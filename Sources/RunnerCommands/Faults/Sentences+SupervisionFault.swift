internal import Supervision

extension CommandFault {
    init(_ fault: SupervisionFault) {
        switch fault.cause {
        case .store(let fault): self.init(fault)
        case .file(let fault): self.init(inStore: fault)
        case .launch(let launch): self.init(launch, of: fault.agent)
        }
    }
}

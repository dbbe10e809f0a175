internal import Checkpoints

extension CommandFault {
    init(_ fault: StoreFault) {
        self.init(foreign: fault.code, fault.sentence)
    }
}

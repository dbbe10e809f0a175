import CriuRequests
import Testing

private let withoutProcessor: CriuRestore = {
    var restore = CriuRestore(images: 4)
    restore.comparesProcessor = false
    return restore
}()

@Test(
    arguments: [
        .version, .features, .check, .describeProcessor(images: 4), .compareProcessor(images: 4), .goOn(true, external: []),
        .goOn(false, external: ["unix[12]", "unix[13]"]),
        .dump(CriuDump(images: 4, root: 1000, leavesRunning: true)),
        .dump(
            CriuDump(
                images: 4, root: 7, leavesRunning: false, external: ["unix[1]"], tcp: .keep,
                deletedFileLimit: 1, stopWithin: 3)),
        .dump(CriuDump(images: 4, scratch: 5, root: 7, leavesRunning: true)),
        .restore(CriuRestore(images: 4)), .restore(CriuRestore(images: 4, scratch: 5)), .restore(withoutProcessor),
        .restore(
            CriuRestore(
                images: 4, inherited: [.init(key: "pipe:[1]", descriptor: 5), .init(key: "socket:[2]", descriptor: 6)], tcp: .keep,
                leavesStopped: true, isLazy: true)),
    ] as [CriuRequest])
func aRequestSurvivesTheWay(request: CriuRequest) {
    #expect(CriuRequest(packet: request.packet()) == request)
}

@Test(
    arguments: [
        .moment(CriuMoment(name: .postDump, pid: 1000)), .moment(CriuMoment(name: .preRestore)),
        .result(CriuResult(.version, succeeded: true, version: CriuVersion(4, 2, 1))),
        .result(CriuResult(.features, succeeded: true, features: CriuFeatures(dirtyTracking: false, lazyPages: true, pidfdStore: true))),
        .result(CriuResult(.check, succeeded: true)), .result(CriuResult(.dump, succeeded: false, errorNumber: 56)),
        .result(CriuResult(.restore, succeeded: true, root: 1000)), .result(CriuResult(.restore, succeeded: false, errorNumber: 17)),
    ] as [CriuAnswer])
func anAnswerSurvivesTheWay(answer: CriuAnswer) {
    #expect(CriuAnswer(packet: answer.packet()) == answer)
}

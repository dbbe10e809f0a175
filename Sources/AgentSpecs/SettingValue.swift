internal import AgentModel

/// A value of one setting, read and within its bounds.
enum SettingValue: Hashable, Sendable {
    case none
    case text(String)
    case texts([String])
    case variables([String: String])
    case duration(Duration)
    case size(ByteCount)
    /// Thousandths of one processor.
    case processors(UInt32)
    case count(Int64)
    case number(Double)
    case flag(Bool)
    case signal(Int32)
    case offset(Duration)
}

/// A Swift type of a field of `AgentSpec`, and the value that fits it.
protocol SettingField {
    init?(_ value: SettingValue)
    var settingValue: SettingValue { get }
}

extension Duration: SettingField {
    init?(_ value: SettingValue) {
        guard case .duration(let duration) = value else { return nil }
        self = duration
    }
    var settingValue: SettingValue { .duration(self) }
}
extension ByteCount: SettingField {
    init?(_ value: SettingValue) {
        guard case .size(let size) = value else { return nil }
        self = size
    }
    var settingValue: SettingValue { .size(self) }
}
extension String: SettingField {
    init?(_ value: SettingValue) {
        guard case .text(let text) = value else { return nil }
        self = text
    }
    var settingValue: SettingValue { .text(self) }
}
extension Bool: SettingField {
    init?(_ value: SettingValue) {
        guard case .flag(let flag) = value else { return nil }
        self = flag
    }
    var settingValue: SettingValue { .flag(self) }
}
extension Double: SettingField {
    init?(_ value: SettingValue) {
        guard case .number(let number) = value else { return nil }
        self = number
    }
    var settingValue: SettingValue { .number(self) }
}
extension Int: SettingField {
    init?(_ value: SettingValue) {
        guard case .count(let count) = value else { return nil }
        self.init(exactly: count)
    }
    var settingValue: SettingValue { .count(Int64(self)) }
}
extension UInt32: SettingField {
    init?(_ value: SettingValue) {
        guard case .count(let count) = value else { return nil }
        self.init(exactly: count)
    }
    var settingValue: SettingValue { .count(Int64(self)) }
}
extension UInt64: SettingField {
    init?(_ value: SettingValue) {
        guard case .count(let count) = value else { return nil }
        self.init(exactly: count)
    }
    var settingValue: SettingValue { .count(Int64(clamping: self)) }
}
extension Array: SettingField where Element == String {
    init?(_ value: SettingValue) {
        guard case .texts(let texts) = value else { return nil }
        self = texts
    }
    var settingValue: SettingValue { .texts(self) }
}
extension Optional: SettingField where Wrapped: SettingField {
    init?(_ value: SettingValue) {
        if value == .none {
            self = .none
        } else {
            guard let wrapped = Wrapped(value) else { return nil }
            self = .some(wrapped)
        }
    }
    var settingValue: SettingValue { self?.settingValue ?? .none }
}

/// Users and groups as /etc/passwd and /etc/group list them. No name service: a static program must not load one, and the supervisor must not
/// wait for one.
struct UserFiles {
    /// /etc/passwd: `name:password:user number:group number:…` a line.
    let users: [UInt8]
    /// /etc/group: `name:password:group number:…` a line.
    let groups: [UInt8]

    /// `name`, `number`, `name:group` or `number:group`.
    func find(_ text: String) -> (userID: UInt32, groupID: UInt32)? {
        let parts = text.split(separator: ":", omittingEmptySubsequences: false).map(String.init)
        guard let user = parts.first, parts.count <= 2, !parts.contains("") else { return nil }
        guard let found = findUser(user) else { return nil }
        guard let group = parts.dropFirst().first else { return found }
        return findGroup(group).map { (found.userID, $0) }
    }

    private func findUser(_ text: String) -> (userID: UInt32, groupID: UInt32)? {
        let number = UInt32(text)
        for fields in records(users, count: 4) {
            guard let userID = UInt32(fields[2]), let groupID = UInt32(fields[3]) else { continue }
            if fields[0] == text || userID == number { return (userID, groupID) }
        }
        return number.map { ($0, $0) }
    }

    private func findGroup(_ text: String) -> UInt32? {
        UInt32(text) ?? records(groups, count: 3).first { $0[0] == text }.flatMap { UInt32($0[2]) }
    }

    private func records(_ file: [UInt8], count: Int) -> [[String]] {
        file.split(separator: UInt8(ascii: "\n")).compactMap { line in
            let fields = line.split(separator: UInt8(ascii: ":"), omittingEmptySubsequences: false)
            return fields.count >= count ? fields.map { String(decoding: $0, as: UTF8.self) } : nil
        }
    }
}

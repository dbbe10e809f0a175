/// The candidate a person probably meant by `word`; nil when none is near enough to be worth saying.
func nearest(to word: String, among candidates: [String]) -> String? {
    let meant = Array(folded(word).utf8)
    // Long words are not typos of settings, and distances cost the product of the lengths.
    guard meant.count >= 2, meant.count <= 48 else { return nil }
    let allowed = meant.count <= 5 ? 1 : meant.count <= 8 ? 2 : 3
    var best: (candidate: String, distance: Int)?
    for candidate in candidates {
        let distance = editDistance(meant, Array(folded(candidate).utf8))
        if distance <= allowed, distance < (best?.distance ?? .max) { best = (candidate, distance) }
    }
    return best?.candidate
}

/// `openFiles`, `open-files` and `OPEN_FILES` are one word to a person.
private func folded(_ word: String) -> String {
    word.lowercased().filter { $0 != "_" && $0 != "-" }
}

/// Insertions, deletions, substitutions and swaps of neighbours (optimal string alignment).
func editDistance(_ a: [UInt8], _ b: [UInt8]) -> Int {
    if a.isEmpty || b.isEmpty { return max(a.count, b.count) }
    var beforeLast = [Int](repeating: 0, count: b.count + 1)
    var last = Array(0...b.count)
    for i in 1...a.count {
        var row = [i]
        for j in 1...b.count {
            let cost = a[i - 1] == b[j - 1] ? 0 : 1
            var distance = min(last[j] + 1, row[j - 1] + 1, last[j - 1] + cost)
            if i > 1, j > 1, a[i - 1] == b[j - 2], a[i - 2] == b[j - 1] { distance = min(distance, beforeLast[j - 2] + 1) }
            row.append(distance)
        }
        beforeLast = last
        last = row
    }
    return last[b.count]
}

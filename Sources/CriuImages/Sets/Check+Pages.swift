/// Page maps against the files their pages lie in, the mappings they belong to and the older set they lean on.
extension Check {
    mutating func lookAtPages() {
        var wanted: [UInt64: UInt64] = [:]
        for (name, map) in facts.pageMaps {
            // No file is so large; the sum of many cannot overflow then.
            wanted[map.pagesID] = min((wanted[map.pagesID] ?? 0) + map.present, 1 << 50)
            if map.inParent > 0 { lookAtParent(of: name, map) }
            lookAtAreas(of: name, map)
        }
        for (id, pages) in wanted {
            let name = "pages-\(id).img"
            guard let file = directory.files[name] else {
                if pages > 0 { add(.error, name, "it is missing, and \(pages) pages are in it", "CRIU fails when it reads them") }
                continue
            }
            let size = pages * PageMap.pageSize
            if file.size < size {
                add(.error, name, "it has \(file.size) bytes, and its maps count \(size)", "a restore never ends")
            } else if file.size > size {
                add(.error, name, "it has \(file.size) bytes, and its maps count \(size)", "it or its maps are not whole")
            }
        }
        // Of a map that cannot be read nobody knows which pages are its own.
        guard !facts.faults.keys.contains(where: { $0.hasPrefix("pagemap-") }) else { return }
        for name in directory.files.keys {
            guard let (kind, id) = ImageKind.of(fileName: name), kind.name == "PAGES", let id, wanted[id] == nil else { continue }
            add(.warning, name, "no page map counts its pages", "it is not read")
        }
    }

    private mutating func lookAtAreas(of name: String, _ map: PageMap) {
        guard let (kind, pid) = ImageKind.of(fileName: name), kind.stem == "pagemap", let pid, let memory = facts.memories[pid] else {
            return
        }
        var areas = memory.areas.map(\.range).sorted { $0.lowerBound < $1.lowerBound }[...]
        for run in map.runs {
            var address = run.address
            while address < run.end {
                while let area = areas.first, area.upperBound <= address { areas = areas.dropFirst() }
                guard let area = areas.first, area.contains(address) else {
                    return add(
                        .error, name, "the page at \(hexadecimal(address)) lies in no mapping of mm-\(pid).img",
                        "CRIU has nowhere to put it")
                }
                address = min(run.end, area.upperBound)
            }
        }
    }

    private mutating func lookAtParent(of name: String, _ map: PageMap) {
        switch directory.parent {
        case .none:
            add(.error, name, "\(map.inParent) pages are in an older set, and there is no link 'parent'", "the pages are gone")
        case .missing(let target):
            add(.error, ImageDirectory.parentLink, "it leads to '\(target)', which is not there", "CRIU cannot open the older set")
        case .set(let older):
            guard let first = PageSource.firstMissing(map, name, in: older) else { return }
            add(.error, name, "the page at \(hexadecimal(first)) is in no older set", "the page is gone")
        }
    }
}

import Foundation

/// `hakmem stats` for the terminal.
package enum StatsText {
  package static func lines(_ found: Inspection) -> [String] {
    let heap = found.statistics
    var lines = [
      TerminalStyle.coloured("Heap of process \(found.pid) (\(found.program))", .heading),
      "  HAKMEM \(found.version), \(heap.threadCaches) thread caches"
        + (found.ledger.resident > 0
          ? ", \(Figures.bytes(found.ledger.resident)) resident in all" : "") + age(found),
      "",
    ]
    if found.isRunning, let reason = found.reason {
      lines.removeLast()
      lines += TextWrap.lines(reason, indent: "  ") + [""]
    }
    func row(_ name: String, _ bytes: Int, _ what: String) {
      let amount = Figures.bytes(bytes)
      lines.append(
        "  " + name + String(repeating: " ", count: max(1, 15 - name.count))
          + String(repeating: " ", count: max(0, 10 - amount.count)) + amount + "  " + what)
    }
    row("live", heap.liveBytes, "in \(heap.liveBlocks) blocks that the program holds")
    row("  medium", heap.liveMediumBytes, "of these, in page runs")
    row("  large", heap.liveLargeBytes, "of these, above 1 MiB: \(heap.largeRegions) blocks")
    row("thread caches", heap.threadCacheBytes, "free, at hand for a thread")
    row("depot", heap.depotBytes, "free, at hand for all threads")
    row("free in slabs", heap.slabFreeBytes, "free or never used, in slabs with live blocks")
    row("free pages", heap.pageFreeBytes, "used before, not yet given back to the kernel")
    row("metadata", heap.metadataBytes, "the allocator's own")
    row(
      "mapped", heap.mappedBytes, "address space for blocks: \(heap.superslabs) SuperSlabs in use")
    lines += [
      "",
      "  since the start: \(heap.refills) refills, \(heap.overflows) overflows, "
        + "\(heap.slabsCreated) slabs made, \(heap.slabsRetired) retired,",
      "  \(heap.maps) mmap, \(heap.unmaps) munmap, \(heap.purges) purges of "
        + "\(Figures.bytes(heap.purgedBytes))",
    ]
    if heap.corruptions > 0 {
      lines.append(
        "  " + TerminalStyle.coloured("\(heap.corruptions) damaged free lists found", .bad))
    }
    return lines + classes(heap) + EventsText.lines(found.events, last: 10)
  }

  /// How old figures of a page are.
  package static func age(_ found: Inspection) -> String {
    guard found.source == .page else { return "" }
    if !found.isRunning { return "; the process has ended, this is its page" }
    let seconds = max(Date().timeIntervalSince1970 - found.time, 0)
    return "; from its page, \(Figures.seconds(seconds)) old"
  }

  private static func classes(_ heap: HeapStatistics) -> [String] {
    var table = TerminalTable([
      "block size", "live blocks", "live", "cached", "in depot", "free in slabs", "slabs",
    ])
    table.leftColumns = []
    for figures in heap.classes {
      table.rows.append([
        "\(figures.blockSize)", "\(figures.liveBlocks)", Figures.bytes(figures.liveBytes),
        "\(figures.threadCacheBlocks)", "\(figures.depotBlocks)", "\(figures.slabFreeBlocks)",
        "\(figures.slabs)",
      ])
    }
    return table.rows.isEmpty ? [] : [""] + table.lines
  }
}

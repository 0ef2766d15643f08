import Foundation

/// `hakmem top` for the terminal.
package enum TopText {
  /// One look at a process.
  package struct Sample: Sendable {
    package var found: Inspection
    package var counters: ProcessCounters
    /// Seconds of a clock that only goes forward.
    package var time: Double

    package init(found: Inspection, counters: ProcessCounters, time: Double) {
      self.found = found
      self.counters = counters
      self.time = time
    }
  }

  /// The lines of a screen.
  ///
  /// - Parameter previous: The look before, from which rates are counted; nil: there is none.
  package static func lines(_ now: Sample, previous: Sample?) -> [String] {
    let heap = now.found.statistics
    let seconds = previous.map { now.time - $0.time } ?? 0
    func rate(_ value: (Sample) -> Int) -> String {
      guard let previous, seconds > 0 else { return "–" }
      return Figures.scaled(Double(max(value(now) - value(previous), 0)) / seconds)
    }
    var lines = [
      TerminalStyle.coloured("Process \(now.found.pid) (\(now.found.program))", .heading),
      "  resident \(Figures.bytes(now.counters.resident)), live \(Figures.bytes(heap.liveBytes)) in "
        + "\(heap.liveBlocks) blocks, \(heap.threadCaches) thread caches"
        + StatsText.age(now.found),
      "  a second: \(processor(now, previous, seconds)), \(rate { $0.counters.minorFaults }) faults, "
        + "\(rate { $0.found.statistics.refills }) refills, "
        + "\(rate { $0.found.statistics.overflows }) overflows, "
        + "\(rate { $0.found.statistics.purgedBytes })B purged",
      "",
    ]
    lines += heapLines(now.found)
    lines += classes(now, previous, seconds)
    return lines + EventsText.lines(now.found.events, last: 5)
  }

  private static func processor(_ now: Sample, _ previous: Sample?, _ seconds: Double) -> String {
    guard let previous, seconds > 0 else { return "– processors" }
    let used = (now.counters.processorSeconds - previous.counters.processorSeconds) / seconds
    return String(format: "%.2f processors", max(used, 0))
  }

  /// The ledger in two columns.
  private static func heapLines(_ found: Inspection) -> [String] {
    let cells = found.ledger.lines.map { line in
      let amount = Figures.bytes(line.resident)
      return line.title + String(repeating: " ", count: max(1, 24 - line.title.count))
        + String(repeating: " ", count: max(0, 10 - amount.count)) + amount
    }
    return stride(from: 0, to: cells.count, by: 2).map { index in
      let left = cells[index]
      guard index + 1 < cells.count else { return "  " + left }
      return "  " + left + String(repeating: " ", count: max(4, 42 - left.count)) + cells[index + 1]
    }
  }

  private static let mostClasses = 12

  /// The classes with most traffic. Blocks that the program frees and allocates again without a
  /// thread cache running empty or full are not counted anywhere: that is what makes them fast.
  private static func classes(_ now: Sample, _ previous: Sample?, _ seconds: Double) -> [String] {
    var before: [Int: HeapStatistics.Class] = [:]
    for figures in previous?.found.statistics.classes ?? [] { before[figures.number] = figures }
    let rows = now.found.statistics.classes.map { figures in
      let old = before[figures.number]
      let isRate = seconds > 0
      return (
        figures: figures,
        taken: max(figures.refilledBlocks - (isRate ? old?.refilledBlocks ?? 0 : 0), 0),
        returned: max(figures.returnedBlocks - (isRate ? old?.returnedBlocks ?? 0 : 0), 0)
      )
    }.sorted {
      ($1.taken + $1.returned, $1.figures.liveBytes, $0.figures.number)
        < ($0.taken + $0.returned, $0.figures.liveBytes, $1.figures.number)
    }
    guard !rows.isEmpty else { return [] }
    let unit = seconds > 0 ? "/s" : ""
    var table = TerminalTable([
      "block size", "live blocks", "live", "at hand", "taken\(unit)", "returned\(unit)",
    ])
    table.leftColumns = []
    func amount(_ value: Int) -> String {
      Figures.scaled(seconds > 0 ? Double(value) / seconds : Double(value))
    }
    for row in rows.prefix(mostClasses) {
      let figures = row.figures
      table.rows.append([
        "\(figures.blockSize)", "\(figures.liveBlocks)", Figures.bytes(figures.liveBytes),
        "\(figures.threadCacheBlocks + figures.depotBlocks)", amount(row.taken),
        amount(row.returned),
      ])
    }
    return [""] + table.lines
      + ["  taken, returned: by thread caches; what comes and goes inside a cache is not counted"]
  }

  /// The list of processes on HAKMEM.
  package static func lines(_ processes: [ServedProcess], ended pages: [PublishedPage]) -> [String]
  {
    guard !processes.isEmpty || !pages.isEmpty else {
      return ["No process on HAKMEM is to be seen. Start one with hakmem run -- PROGRAM."]
    }
    var table = TerminalTable(["PID", "resident", "page", "program"])
    table.leftColumns = [3]
    for process in processes {
      let counters = ProcessCounters(pid: process.pid) ?? ProcessCounters()
      let hasPage = PublishedPage.find(pid: process.pid) != nil
      table.rows.append([
        "\(process.pid)", Figures.bytes(counters.resident), hasPage ? "yes" : "no", process.program,
      ])
    }
    for page in pages {
      table.rows.append([
        "\(page.pid)", "–", "yes", "ended; \(page.events.count) events in \(page.path)",
      ])
    }
    return table.lines
  }
}

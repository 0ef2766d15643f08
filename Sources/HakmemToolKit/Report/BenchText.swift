/// A benchmark's result for the terminal, at most 100 columns wide.
package enum BenchText {
  static let width = 100
  private static let longestLabel = 34

  /// The lines of a report.
  package static func lines(_ result: BenchResult) -> [String] {
    var lines = heading(result)
    if result.rows.contains(where: { $0.measure == .time }) {
      for row in result.rows { lines += ProgramText.lines(row) }
    } else {
      lines += speed(result)
      lines += memory(result, "Peak resident memory, MiB") { $0.peakRssKib }
      lines += memory(result, "Settled resident memory, MiB") { $0.settledRssKib }
      lines += latency(result)
    }
    lines += verdicts(result)
    lines += failures(result)
    for note in result.notes { lines += TextWrap.lines("Note: \(note)") }
    return lines
  }

  static func label(_ row: BenchResult.Row) -> String {
    row.id.count > longestLabel ? row.id.prefix(longestLabel - 1) + "…" : row.id
  }

  /// Machine, method and allocators.
  private static func heading(_ result: BenchResult) -> [String] {
    let machine = result.machine.facts.filter { $0.name != "system" }
      .map { "\($0.name): \($0.value)" }.joined(separator: "; ")
    let allocators = result.allocators.map { "\($0.name) \($0.version ?? "?")" }
    var method = "\(result.method.rounds) rounds"
    if let seconds = result.method.seconds { method += " of \(Figures.seconds(seconds))" }
    if result.method.kind == "callgrind" { method = "instructions counted by callgrind" }
    var lines = TextWrap.lines(machine)
    lines += TextWrap.lines("allocators: \(allocators.joined(separator: ", "))")
    lines += TextWrap.lines("method: \(method), random order, seed \(result.method.seed)")
    let set = result.method.environment.sorted { $0.key < $1.key }
      .map { "\($0.key)=\($0.value)" }
    let own = result.allocators.flatMap { allocator in
      allocator.options.sorted { $0.key < $1.key }.map {
        "\(allocator.name): \($0.key)=\($0.value)"
      }
    }
    let options = set + own
    lines += TextWrap.lines(
      "options: \(options.isEmpty ? "all at their defaults" : options.joined(separator: ", "))")
    return lines.map { TerminalStyle.coloured($0, .quiet) }
  }

  private static func speed(_ result: BenchResult) -> [String] {
    let counted = result.method.kind == "callgrind"
    let hasFloor = result.rows.contains { $0.floor != nil }
    let title =
      counted
      ? "Instructions per operation (fewer is better)"
      : "Speed, a second, median of \(result.method.rounds) (more is better)"
        + (hasFloor ? "; floor: the loop without an allocator" : "")
    return grid(result, title, last: hasFloor ? "floor" : nil) { row, cell in
      cell.failure != nil ? "failed" : cell.median.map(Figures.scaled) ?? "–"
    } lastValue: { row in
      row.floor.map(Figures.scaled) ?? "–"
    }
  }

  private static func memory(
    _ result: BenchResult, _ title: String, _ figure: @escaping (BenchResult.Run) -> Double?
  ) -> [String] {
    guard
      result.rows.contains(where: { $0.cells.contains { $0.runs.contains { figure($0) != nil } } })
    else { return [] }
    return grid(result, title) { _, cell in
      Figures.mebibytes(kibibytes: BenchResult.median(cell, figure))
    }
  }

  private static func latency(_ result: BenchResult) -> [String] {
    guard result.rows.contains(where: { $0.cells.contains { $0.latency != nil } }) else {
      return []
    }
    return grid(result, "Time of a call that 99.9 % stay below") { _, cell in
      cell.curve.nanoseconds(atPercentile: 99.9).map { Figures.seconds(Double($0) * 1e-9) } ?? "–"
    }
  }

  /// A table of rows by allocators; too many allocators continue in a second one.
  private static func grid(
    _ result: BenchResult, _ title: String, last: String? = nil,
    _ value: (BenchResult.Row, BenchResult.Cell) -> String,
    lastValue: ((BenchResult.Row) -> String)? = nil
  ) -> [String] {
    func table(_ allocators: ArraySlice<Allocator>) -> TerminalTable {
      var table = TerminalTable(
        ["workload"] + allocators.map { String($0.name.prefix(12)) } + (last.map { [$0] } ?? []))
      for row in result.rows {
        let cells = allocators.map { allocator in
          row.cells.first { $0.allocator == allocator.name }.map { value(row, $0) } ?? "–"
        }
        table.rows.append([label(row)] + cells + (lastValue.map { [$0(row)] } ?? []))
      }
      return table
    }
    var lines = ["", TerminalStyle.coloured(title, .heading)]
    var rest = result.allocators[...]
    while !rest.isEmpty {
      var count = rest.count
      while count > 1 && table(rest.prefix(count)).width > width { count -= 1 }
      lines += table(rest.prefix(count)).lines
      rest = rest.dropFirst(count)
      if !rest.isEmpty { lines.append("") }
    }
    return lines
  }

  private static func verdicts(_ result: BenchResult) -> [String] {
    let judged = result.rows.compactMap { row in row.best(.speed).map { (row, $0) } }
    guard !judged.isEmpty else { return [] }
    var table = TerminalTable(["workload", "best other", "ratio", "interval", "verdict"])
    table.leftColumns = [0, 1, 4]
    for (row, comparison) in judged {
      switch comparison.verdict {
      case .ahead: table.meanings[table.rows.count] = .good
      case .behind: table.meanings[table.rows.count] = .bad
      default: break
      }
      table.rows.append([
        label(row), String(comparison.peer.prefix(14)), Figures.ratio(comparison.ratio),
        comparison.interval.map(Figures.interval) ?? "–", comparison.verdict.rawValue,
      ])
    }
    let title = "\(result.subject) against the best other allocator (above 1 it is better)"
    return ["", TerminalStyle.coloured(title, .heading)] + table.lines
      + ["", TerminalStyle.coloured(Summary.sentence(result), .heading)]
  }

  private static func failures(_ result: BenchResult) -> [String] {
    let failed = result.rows.flatMap { row in
      row.cells.compactMap { cell in cell.failure.map { (row, cell, $0) } }
    }
    guard !failed.isEmpty else { return [] }
    return ["", TerminalStyle.coloured("Failed", .heading)]
      + failed.flatMap { row, cell, failure in
        TextWrap.lines("\(row.id) on \(cell.allocator): \(failure)", indent: "  ").map {
          TerminalStyle.coloured($0, .bad)
        }
      }
  }
}

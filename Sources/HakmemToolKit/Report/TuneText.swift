/// What `hakmem tune` prints: a table for each row, policies below one another.
package enum TuneText {
  package static func lines(_ tune: TuneResult) -> [String] {
    let result = tune.result
    var lines = TextWrap.lines(
      "\(result.method.rounds) rounds in random order, seed \(result.method.seed); medians. The last"
        + " columns compare with the defaults: above 1.00× is faster or smaller."
    ).map { TerminalStyle.coloured($0, .quiet) }
    for row in result.rows { lines += table(row, result) }
    for note in result.notes { lines += TextWrap.lines("Note: \(note)") }
    lines.append("")
    for sentence in tune.recommendation.sentences {
      lines += TextWrap.lines(sentence).map { TerminalStyle.coloured($0, .heading) }
    }
    let options = tune.recommendation.options.sorted { $0.key < $1.key }
    if !options.isEmpty {
      lines.append("  " + options.map { "\($0.key)=\($0.value)" }.joined(separator: " "))
    }
    return lines
  }

  private static func table(_ row: BenchResult.Row, _ result: BenchResult) -> [String] {
    let isTime = row.measure == .time
    let counted = ["cycles", "instructions", "dtlb_misses"].filter { name in
      row.cells.contains { $0.runs.contains { $0.counters?[name] != nil } }
    }
    let columns = counted.map { $0 == "dtlb_misses" ? "dTLB/op" : "\($0)/op" }
    var table = TerminalTable(
      ["policy", isTime ? "time" : "a second"] + columns + [
        "faults", "peak MiB", "settled", "speed", "interval", "verdict", "memory",
      ])
    table.leftColumns = [0, 7 + columns.count, 8 + columns.count]
    for cell in row.cells {
      guard cell.failure == nil else {
        table.rows.append([cell.allocator, "failed"])
        continue
      }
      let value = cell.median ?? .nan
      let counters = counted.map { name in
        Figures.significant(BenchResult.median(cell) { $0.counters?[name] })
      }
      let speed = comparison(row, cell, .speed)
      if speed?.verdict == .behind { table.meanings[table.rows.count] = .good }
      if speed?.verdict == .ahead { table.meanings[table.rows.count] = .bad }
      table.rows.append(
        [cell.allocator, isTime ? Figures.seconds(value) : Figures.scaled(value)] + counters + [
          Figures.scaled(BenchResult.median(cell) { $0.faults }),
          Figures.mebibytes(kibibytes: BenchResult.median(cell) { $0.peakRssKib }),
          Figures.mebibytes(kibibytes: BenchResult.median(cell) { $0.settledRssKib }),
          speed.map { Figures.ratio(1 / $0.ratio) } ?? "",
          speed?.interval.map { Figures.interval(Interval(1 / $0.upper, 1 / $0.lower)) } ?? "",
          speed.map { words($0.verdict, better: "faster", worse: "slower") } ?? "",
          memory(row, cell),
        ])
    }
    return ["", TerminalStyle.coloured(row.id, .heading)] + table.lines
      + (counted.isEmpty ? ["  Cycles, instructions and dTLB misses: not counted here."] : [])
  }

  private static func comparison(
    _ row: BenchResult.Row, _ cell: BenchResult.Cell, _ quantity: BenchResult.Comparison.Quantity
  ) -> BenchResult.Comparison? {
    row.comparisons.first { $0.peer == cell.allocator && $0.quantity == quantity }
  }

  /// The worse of peak and settled memory.
  private static func memory(_ row: BenchResult.Row, _ cell: BenchResult.Cell) -> String {
    let both = [comparison(row, cell, .peakMemory), comparison(row, cell, .settledMemory)]
      .compactMap { $0 }
    let beyondNoise = both.filter { $0.verdict == .ahead || $0.verdict == .behind }
    guard let worst = (beyondNoise.isEmpty ? both : beyondNoise).max(by: { $0.ratio < $1.ratio })
    else { return "" }
    return words(worst.verdict, better: "less", worse: "more")
      + (beyondNoise.isEmpty ? "" : " \(Figures.ratio(1 / worst.ratio))")
  }

  /// A verdict on the defaults, said of the policy.
  private static func words(
    _ verdict: BenchResult.Comparison.Verdict, better: String, worse: String
  ) -> String {
    switch verdict {
    case .ahead: worse
    case .behind: better
    case .noDifference: "within noise"
    case .unknown: "few rounds"
    }
  }
}

/// What changed against an older result, for the terminal.
package enum BaselineText {
  /// The lines of a comparison.
  package static func lines(_ comparison: BaselineComparison, name: String) -> [String] {
    var lines = ["", TerminalStyle.coloured("Against \(name)", .heading)]
    lines += TextWrap.lines(
      comparison.isCounted
        ? "Instruction counts are compared as they are."
        : comparison.references.isEmpty
          ? "Speeds are compared as they are: the two results have no other allocator of the same "
            + "version in common, so that the machine's own speed is part of the difference."
          : "Speeds are taken relative to \(comparison.references.joined(separator: ", ")).",
      indent: "  ")
    let moved = comparison.changes.filter(\.moved)
    if comparison.changes.isEmpty {
      lines.append("  No row can be compared.")
    } else if moved.isEmpty {
      lines.append("  No row moved beyond noise, of \(comparison.changes.count) figures.")
    } else {
      var table = TerminalTable(["workload", "figure", "new/old", "interval", ""])
      table.leftColumns = [0, 1, 4]
      for change in moved {
        table.meanings[table.rows.count] = change.ratio > 1 ? .good : .bad
        table.rows.append([
          String(change.row.prefix(38)), quantity(change.quantity), Figures.ratio(change.ratio),
          Figures.interval(change.interval), change.ratio > 1 ? "better" : "worse",
        ])
      }
      lines += table.lines
      lines.append(
        "  \(moved.count) of \(comparison.changes.count) figures moved beyond noise "
          + "(above 1 is better).")
    }
    if !comparison.unmatched.isEmpty {
      lines += TextWrap.lines(
        "Only in one of the two: \(comparison.unmatched.joined(separator: ", ")).", indent: "  ")
    }
    return lines
  }

  static func quantity(_ quantity: BenchResult.Comparison.Quantity) -> String {
    switch quantity {
    case .speed: "speed"
    case .peakMemory: "peak memory"
    case .settledMemory: "settled memory"
    }
  }
}

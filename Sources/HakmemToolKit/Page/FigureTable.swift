/// What else was measured on one row: one line an allocator, one column a figure.
struct FigureTable {
  struct Line {
    var name: String
    var isSubject: Bool
    var cells: [String]
  }

  let headings: [String]
  let lines: [Line]

  private typealias Column = (heading: String, value: (BenchResult.Cell) -> String?)

  /// - Returns: nil when nothing was measured.
  init?(_ row: BenchResult.Row, subject: String) {
    let columns = FigureTable.columns(row).filter { column in
      row.cells.contains { column.value($0) != nil }
    }
    guard !columns.isEmpty else { return nil }
    headings = columns.map(\.heading)
    lines = row.cells.map { cell in
      Line(
        name: cell.allocator, isSubject: cell.allocator == subject,
        cells: columns.map { $0.value(cell) ?? "–" })
    }
  }

  private static func columns(_ row: BenchResult.Row) -> [Column] {
    func median(
      _ figure: @escaping (BenchResult.Run) -> Double?, _ format: @escaping (Double) -> String
    ) -> (BenchResult.Cell) -> String? {
      { cell in
        let value = BenchResult.median(cell, figure)
        return value.isFinite ? format(value) : nil
      }
    }
    let mebibytes: (Double) -> String = { Figures.mebibytes(kibibytes: $0) }
    var columns: [Column] = [
      ("best", { cell in cell.best.map { BarChart.value($0, row.measure) } }),
      ("peak MiB", median({ $0.peakRssKib }, mebibytes)),
      ("settled MiB", median({ $0.settledRssKib }, mebibytes)),
      ("faults", median({ $0.faults }, Figures.scaled)),
      ("switches", median({ $0.switches }, Figures.scaled)),
      ("user s", median({ $0.userSeconds }) { Figures.significant($0) }),
      ("system s", median({ $0.systemSeconds }) { Figures.significant($0) }),
      ("system calls", { cell in cell.systemCalls.map { Figures.scaled(Double($0)) } }),
    ]
    for (key, name) in counters {
      columns.append((name, median({ $0.counters?[key] }) { Figures.significant($0) }))
    }
    for percentile in LatencyCurve.shownPercentiles {
      let name = percentile == 100 ? "longest" : "p\(Scale.number(percentile))"
      columns.append(
        (
          name,
          { cell in
            cell.curve.nanoseconds(atPercentile: percentile).map {
              Figures.seconds(Double($0) * 1e-9)
            }
          }
        ))
    }
    return columns
  }

  private static let counters = [
    ("cycles", "cycles/op"), ("instructions", "instr/op"), ("branch_misses", "branch misses/op"),
    ("l1d_misses", "L1d misses/op"), ("cache_misses", "cache misses/op"),
    ("dtlb_misses", "dTLB misses/op"),
  ]
}

import Foundation

/// The line charts of a result.
enum BenchCharts {
  /// Resident memory over a run; nil without samples.
  static func memory(_ row: BenchResult.Row, _ order: [String: Int]) -> LineChart? {
    let series = series(row, order) { cell in
      (cell.rssTimeline ?? []).map { (x: $0[0], y: $0[1] / 1024) }
    }
    guard series.contains(where: { $0.points.count > 1 }) else { return nil }
    let points = series.flatMap(\.points)
    return LineChart(
      title: "Resident memory over time, MiB",
      description: "Resident memory of each allocator over one run of \(row.id)",
      xTitle: "milliseconds", x: .linear(to: points.map(\.x).max() ?? 0),
      y: .linear(to: points.map(\.y).max() ?? 0), xLabel: { Scale.number($0) },
      yLabel: { Scale.short(Figures.significant($0)) }, series: series)
  }

  /// Time of single calls by percentile; nil when they were not measured.
  static func latency(_ row: BenchResult.Row, _ order: [String: Int]) -> LineChart? {
    // Across: how many calls there are for each slower one, so that every nine is as wide.
    let series = series(row, order) { cell in
      cell.curve.points.map {
        (x: 100 / (100 - min($0.percentile, 99.999_99)), y: Double($0.nanoseconds))
      }
    }
    let points = series.flatMap(\.points).filter { $0.y > 0 }
    guard let largest = points.map(\.y).max(), let smallest = points.map(\.y).min(),
      let furthest = points.map(\.x).max(), furthest > 1
    else { return nil }
    return LineChart(
      title: "Time of a call by percentile",
      description: "Percentiles of the time of single calls of \(row.id)",
      xTitle: "percentile of calls, %", x: .decades(1, furthest), y: .decades(smallest, largest),
      xLabel: { percentile($0) }, yLabel: { Scale.short(Figures.seconds($0 * 1e-9)) },
      series: series)
  }

  /// Speed over threads, of the rows that differ in them alone; empty when there are none.
  static func scaling(_ result: BenchResult, _ order: [String: Int]) -> [LineChart] {
    func key(_ row: BenchResult.Row) -> String {
      row.id.split(separator: " ").filter { !$0.hasPrefix("threads=") }.joined(separator: " ")
    }
    var groups: [(key: String, rows: [BenchResult.Row])] = []
    for row in result.rows where row.threads != nil && row.measure == .rate {
      if let index = groups.firstIndex(where: { $0.key == key(row) }) {
        groups[index].rows.append(row)
      } else {
        groups.append((key(row), [row]))
      }
    }
    return groups.compactMap { chart($0.key, $0.rows, result.allocators, order) }
  }

  private static func chart(
    _ name: String, _ rows: [BenchResult.Row], _ allocators: [Allocator], _ order: [String: Int]
  ) -> LineChart? {
    let rows = rows.sorted { ($0.threads ?? 0) < ($1.threads ?? 0) }
    guard Set(rows.map(\.threads)).count > 1 else { return nil }
    let series = allocators.map { allocator in
      LineChart.Series(
        index: order[allocator.name] ?? 0, name: allocator.name,
        points: rows.compactMap { row in
          row.cells.first { $0.allocator == allocator.name }?.median.map {
            (x: Double(row.threads ?? 1), y: $0)
          }
        })
    }
    let points = series.flatMap(\.points)
    return LineChart(
      title: "\(name): speed over threads, a second",
      description: "Speed of each allocator on \(name) by the number of threads",
      xTitle: "threads", x: .marks(points.map(\.x)),
      y: .linear(to: points.map(\.y).max() ?? 1), xLabel: { Scale.number($0) },
      yLabel: { Scale.short(Figures.scaled($0)) }, series: series)
  }

  private static func series(
    _ row: BenchResult.Row, _ order: [String: Int],
    _ points: (BenchResult.Cell) -> [(x: Double, y: Double)]
  ) -> [LineChart.Series] {
    row.cells.map {
      LineChart.Series(index: order[$0.allocator] ?? 0, name: $0.allocator, points: points($0))
    }.filter { !$0.points.isEmpty }
  }

  /// "0" for 1, "90" for 10, "99.9" for 1000: the share of calls that are faster than one in so
  /// many.
  private static func percentile(_ oneIn: Double) -> String {
    let digits = max(0, Int(log10(oneIn).rounded()) - 2)
    return String(format: "%.\(digits)f", 100 * (1 - 1 / oneIn))
  }
}

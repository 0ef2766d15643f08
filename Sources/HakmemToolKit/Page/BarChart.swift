/// Every allocator on one row, the best first.
struct BarChart {
  /// An allocator as the template takes it; positions in per cent.
  struct Bar {
    var name: String
    var style: String
    var value: String
    var failure: String?
    var width: String
    var whiskerLeft: String
    var whiskerRight: String
    var isSubject: Bool
    /// The subject's ratio to it, with its verdict.
    var comparison: String?
  }

  let title: String
  let bars: [Bar]

  init(_ row: BenchResult.Row, subject: String, _ order: [String: Int]) {
    title = BarChart.title(row)
    let values = row.cells.compactMap { $0.interval?.upper ?? $0.median }
    let scale = Scale.linear(to: values.filter(\.isFinite).max() ?? 1)
    let sorted = row.cells.sorted {
      guard let left = $0.median, let right = $1.median else { return $0.median != nil }
      return row.measure.isHigherBetter ? left > right : left < right
    }
    bars = sorted.map { cell in
      let median = cell.median ?? 0
      let interval = cell.interval ?? Interval(median, median)
      return Bar(
        name: cell.allocator, style: SeriesStyle.name(order[cell.allocator] ?? 0),
        value: cell.median.map { BarChart.value($0, row.measure) } ?? "",
        failure: cell.failure, width: scale.percent(median),
        whiskerLeft: scale.percent(interval.lower), whiskerRight: scale.percent(interval.upper),
        isSubject: cell.allocator == subject,
        comparison: row.comparisons.first {
          $0.quantity == .speed && $0.peer == cell.allocator
        }.map { "\(Figures.ratio($0.ratio)) \($0.verdict.rawValue)" })
    }
  }

  private static func title(_ row: BenchResult.Row) -> String {
    switch row.measure {
    case .rate: "Speed, \(row.unit) a second (longer is better)"
    case .time: "Wall time (shorter is better)"
    case .instructions: "Instructions per operation (shorter is better)"
    }
  }

  static func value(_ value: Double, _ measure: BenchResult.Measure) -> String {
    measure == .time ? Figures.seconds(value) : Figures.scaled(value)
  }
}

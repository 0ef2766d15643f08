/// The subject against the best other allocator, one bar a row.
struct RatioChart {
  /// A row as the template takes it; positions in per cent.
  struct Bar {
    var label: String
    var anchor: String
    var peer: String
    var ratio: String
    var interval: String
    var verdict: String
    /// The style: "ahead", "behind" or "none".
    var style: String
    var left: String
    var width: String
    var hasWhisker: Bool
    var whiskerLeft: String
    var whiskerRight: String
  }

  let title: String
  let explanation: String
  let ticks: [Scale.Tick]
  /// Where 1 stands.
  let one: String
  let bars: [Bar]

  /// - Returns: nil when no row has a comparison.
  init?(
    _ result: BenchResult, _ quantity: BenchResult.Comparison.Quantity, title: String,
    explanation: String
  ) {
    let judged = result.rows.enumerated().compactMap { index, row in
      row.best(quantity).map { (index, row, $0) }
    }
    guard !judged.isEmpty else { return nil }
    let ends = judged.flatMap { _, _, comparison in
      [comparison.ratio, comparison.interval?.lower ?? 1, comparison.interval?.upper ?? 1]
    }.filter { $0.isFinite && $0 > 0 }
    let scale = Scale.ratios(ends.min() ?? 1, ends.max() ?? 1)
    self.title = title
    self.explanation = explanation
    ticks = scale.ticks { Scale.number($0) + "×" }
    one = scale.percent(1)
    bars = judged.map { index, row, comparison in
      let (from, to) = (
        scale.share(min(1, comparison.ratio)), scale.share(max(1, comparison.ratio))
      )
      let interval = comparison.interval ?? Interval(comparison.ratio, comparison.ratio)
      return Bar(
        label: row.id, anchor: Page.anchor(index), peer: comparison.peer,
        ratio: Figures.ratio(comparison.ratio),
        interval: comparison.interval.map(Figures.interval) ?? "",
        verdict: comparison.verdict.rawValue, style: RatioChart.style(comparison.verdict),
        left: Scale.number(100 * from), width: Scale.number(100 * (to - from)),
        hasWhisker: comparison.interval != nil, whiskerLeft: scale.percent(interval.lower),
        whiskerRight: scale.percent(interval.upper))
    }
  }

  static func style(_ verdict: BenchResult.Comparison.Verdict) -> String {
    switch verdict {
    case .ahead: "ahead"
    case .behind: "behind"
    case .noDifference, .unknown: "none"
    }
  }
}

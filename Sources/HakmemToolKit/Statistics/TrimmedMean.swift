/// The mean without the extremes, with its standard error: one round in five that was disturbed
/// from outside does not shift it (Tukey and McLaughlin 1963).
package struct TrimmedMean: Equatable, Sendable {
  package let value: Double
  /// The standard error, from the winsorised variance.
  package let standardError: Double
  /// Degrees of freedom of value ÷ error as Student's t.
  package let degreesOfFreedom: Int

  /// Share of the values that is cut at each end.
  package static let trim = 0.2

  /// - Parameter sample: At least two values.
  package init(_ sample: [Double]) { self.init(sorted: sample.sorted()) }

  init(sorted: [Double]) {
    let count = sorted.count
    let cut = TrimmedMean.cut(count)
    let kept = sorted[cut..<(count - cut)]
    value = kept.reduce(0, +) / Double(kept.count)
    degreesOfFreedom = kept.count - 1
    let winsorised = kept.reduce(0, +) + Double(cut) * (kept.first! + kept.last!)
    let mean = winsorised / Double(count)
    func square(_ value: Double) -> Double { (value - mean) * (value - mean) }
    let squares =
      kept.reduce(0) { $0 + square($1) } + Double(cut) * (square(kept.first!) + square(kept.last!))
    let share = Double(kept.count) / Double(count)
    standardError =
      count > 1
      ? (squares / Double(count - 1)).squareRoot() / (share * Double(count).squareRoot())
      : .infinity
  }

  /// Values cut at each end. Below seven rounds cutting costs more certainty than outliers do.
  static func cut(_ count: Int) -> Int { count < 7 ? 0 : Int(trim * Double(count)) }
}

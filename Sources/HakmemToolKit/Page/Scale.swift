import Foundation

/// An axis: where values stand on it, and which of them are written.
struct Scale {
  /// One written value.
  struct Tick {
    /// Position in per cent of the axis.
    var position: String
    var label: String
  }

  private let lower: Double
  private let upper: Double
  private let isLogarithmic: Bool
  private(set) var tickValues: [Double]

  /// An axis from 0 to at least the largest value.
  static func linear(to largest: Double) -> Scale {
    guard largest > 0, largest.isFinite else {
      return Scale(lower: 0, upper: 1, isLogarithmic: false, tickValues: [0])
    }
    let step = niceStep(largest / 4)
    let count = max(1, Int((largest / step).rounded(.up)))
    return Scale(
      lower: 0, upper: step * Double(count), isLogarithmic: false,
      tickValues: (0...count).map { Double($0) * step })
  }

  /// A logarithmic axis over powers of ten that hold both values, which must be positive.
  static func decades(_ smallest: Double, _ largest: Double) -> Scale {
    let low = floor(log10(smallest))
    let high = max(low + 1, ceil(log10(largest) - 1e-9))
    return Scale(
      lower: low, upper: high, isLogarithmic: true,
      tickValues: stride(from: low, through: high, by: 1).map { pow(10, $0) })
  }

  /// A logarithmic axis on which the given positive values, and they alone, are written.
  static func marks(_ values: [Double]) -> Scale {
    let values = Array(Set(values)).sorted()
    let low = log10(values.first ?? 1)
    let high = log10(values.last ?? 10)
    let margin = max(0.02, (high - low) * 0.06)
    return Scale(
      lower: low - margin, upper: high + margin, isLogarithmic: true, tickValues: values)
  }

  /// A logarithmic axis of ratios around 1, from the smallest to the largest, at least 0.8…1.25,
  /// at most 1/32…32.
  static func ratios(_ smallest: Double, _ largest: Double) -> Scale {
    let low = max(1.0 / 32, min(0.8, smallest / 1.03))
    let high = min(32, max(1.25, largest * 1.03))
    var candidates = [0.8, 0.9, 1, 1.1, 1.25]
    if high / low > 2.2 { candidates = [0.25, 0.5, 0.67, 0.8, 1, 1.25, 1.5, 2, 3, 4] }
    if high / low > 5 { candidates = [0.05, 0.1, 0.25, 0.5, 1, 2, 4, 10, 20] }
    return Scale(
      lower: log10(low), upper: log10(high), isLogarithmic: true,
      tickValues: candidates.filter { low <= $0 && $0 <= high })
  }

  /// The position of a value as a share of the axis, 0…1; values beyond its ends stand there.
  func share(_ value: Double) -> Double {
    let position = isLogarithmic ? (value > 0 ? log10(value) : -.infinity) : value
    return min(1, max(0, (position - lower) / (upper - lower)))
  }

  /// The position in per cent, for style sheets.
  func percent(_ value: Double) -> String { Scale.number(100 * share(value)) }

  func ticks(_ label: (Double) -> String) -> [Tick] {
    tickValues.map { Tick(position: percent($0), label: label($0)) }
  }

  /// A number for markup, with at most two decimals.
  static func number(_ value: Double) -> String {
    var text = String(format: "%.2f", value)
    while text.hasSuffix("0") { text.removeLast() }
    if text.hasSuffix(".") { text.removeLast() }
    return text
  }

  /// A figure with its unit, without zeros at the end: "20 M" for "20.0 M".
  static func short(_ figure: String) -> String {
    let parts = figure.split(separator: " ", maxSplits: 1)
    guard let value = parts.first.flatMap({ Double($0) }) else { return figure }
    return ([number(value)] + parts.dropFirst().map(String.init)).joined(separator: " ")
  }

  private static func niceStep(_ step: Double) -> Double {
    let power = pow(10, floor(log10(step)))
    for factor in [1.0, 2, 2.5, 5] where step <= factor * power * 1.0001 { return factor * power }
    return 10 * power
  }
}

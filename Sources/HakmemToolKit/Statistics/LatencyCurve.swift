import Histogram

/// Times of single calls, of all runs of one row together.
package struct LatencyCurve: Sendable {
  /// Percentiles that the tables show.
  package static let shownPercentiles: [Double] = [50, 90, 99, 99.9, 99.99, 100]

  private var histogram: Histogram<UInt64>
  package private(set) var count: UInt64 = 0

  package init() { histogram = Histogram<UInt64>(numberOfSignificantValueDigits: .three) }

  /// Adds calls that took at least `nanoseconds` each.
  package mutating func add(nanoseconds: UInt64, count calls: UInt64) {
    guard calls > 0 else { return }
    histogram.record(nanoseconds, count: calls)
    count += calls
  }

  /// The time in nanoseconds within which `percentile` per cent of the calls ended; nil without
  /// calls.
  package func nanoseconds(atPercentile percentile: Double) -> UInt64? {
    count == 0 ? nil : histogram.valueAtPercentile(percentile)
  }

  /// Points of the curve: percentile and nanoseconds, closer together towards 100 %, as far as
  /// there are calls to tell.
  package var points: [(percentile: Double, nanoseconds: UInt64)] {
    guard count > 0 else { return [] }
    var points: [(percentile: Double, nanoseconds: UInt64)] = []
    var rest = 1.0  // the share of calls that take longer
    while rest * Double(count) >= 1 && rest > 1e-7 {
      let percentile = 100 * (1 - rest)
      points.append((percentile, histogram.valueAtPercentile(percentile)))
      rest *= 0.794_328_234_724_281_5  // ten points a decade
    }
    return points
  }
}

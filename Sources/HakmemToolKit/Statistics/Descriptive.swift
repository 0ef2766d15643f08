import Foundation

/// Figures that describe a sample.
package enum Descriptive {
  /// The median; NaN for an empty sample.
  package static func median(_ sample: [Double]) -> Double { quantile(sample.sorted(), 0.5) }

  /// The quantile `p` in 0…1 of a sorted sample, linear between its values (R's type 7); NaN for
  /// an empty sample.
  package static func quantile(_ sorted: [Double], _ p: Double) -> Double {
    guard let last = sorted.last else { return .nan }
    let position = min(max(p, 0), 1) * Double(sorted.count - 1)
    let index = Int(position)
    guard index + 1 < sorted.count else { return last }
    return sorted[index] + (position - Double(index)) * (sorted[index + 1] - sorted[index])
  }

  package static func mean(_ sample: [Double]) -> Double {
    sample.isEmpty ? .nan : sample.reduce(0, +) / Double(sample.count)
  }

  /// Standard deviation with n − 1; 0 for fewer than two values.
  package static func standardDeviation(_ sample: [Double]) -> Double {
    guard sample.count > 1 else { return 0 }
    let mean = mean(sample)
    let squares = sample.reduce(0) { $0 + ($1 - mean) * ($1 - mean) }
    return (squares / Double(sample.count - 1)).squareRoot()
  }

  /// The geometric mean of positive values.
  package static func geometricMean(_ sample: [Double]) -> Double {
    exp(mean(sample.map { log($0) }))
  }
}

import Foundation

/// Two allocators compared round by round: in one round both ran one after the other, so that
/// what slowed the machine down slowed both. The ratio is taken within each round, and its
/// logarithms are averaged with the extremes trimmed.
///
/// The interval is the wider of two at each end: the percentiles of a bootstrap of the rounds'
/// median, which follows a lopsided sample, and Student's t for trimmed means, which knows that few
/// rounds show less than the whole spread. Either alone claims too much in some case.
package struct PairedComparison: Sendable {
  /// Below this many common rounds nothing can be said.
  package static let minimumRounds = 3

  /// Logarithm of the ratio.
  private let estimate: Double
  private let standardError: Double
  private let degrees: Double
  /// Medians of the resamples, sorted.
  private let resampled: [Double]

  /// - Parameters:
  ///   - ratios: Positive ratios, one per round.
  ///   - seed: Of the bootstrap.
  /// - Returns: nil with fewer than `minimumRounds`.
  package init?(ratios: [Double], seed: UInt64) {
    let logarithms = ratios.filter { $0 > 0 && $0.isFinite }.map { log($0) }
    guard logarithms.count >= PairedComparison.minimumRounds else { return nil }
    let trimmed = TrimmedMean(logarithms)
    estimate = trimmed.value
    standardError = trimmed.standardError
    degrees = Double(trimmed.degreesOfFreedom)
    resampled = Bootstrap.medians(logarithms, seed: seed)
  }

  /// The ratio.
  package var ratio: Double { exp(estimate) }

  /// The probability of a ratio this far from 1 if there is no difference.
  package var probability: Double {
    guard standardError > 0 else { return estimate == 0 ? 1 : 0 }
    // Resamples on the other side of the estimate, or on neither.
    let crossing = resampled.count { estimate > 0 ? $0 <= 0 : $0 >= 0 }
    // One is added, so that a finite number of resamples never claims certainty.
    let bootstrap = min(1, 2 * Double(crossing + 1) / Double(resampled.count + 1))
    let student = StudentT.twoSidedProbability(estimate / standardError, degrees: degrees)
    return max(bootstrap, student)
  }

  /// The interval that leaves the true ratio outside with probability `error` at most.
  package func interval(error: Double) -> Interval {
    let reach = StudentT.twoSidedQuantile(error, degrees: degrees) * standardError
    return Interval(
      exp(min(estimate - reach, Descriptive.quantile(resampled, error / 2))),
      exp(max(estimate + reach, Descriptive.quantile(resampled, 1 - error / 2))))
  }
}

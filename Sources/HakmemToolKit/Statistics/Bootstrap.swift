/// Intervals from resampling what was measured.
package enum Bootstrap {
  package static let resamples = 4000

  /// A percentile interval for the median.
  ///
  /// - Parameters:
  ///   - sample: The rounds of one row; an interval of one value is that value.
  ///   - confidence: 0.95 for 95 %.
  package static func medianInterval(
    _ sample: [Double], confidence: Double = 0.95, seed: UInt64
  ) -> Interval {
    guard sample.count > 1 else { return Interval(sample.first ?? .nan, sample.first ?? .nan) }
    var random = RandomSource(seed: seed)
    var resample = sample
    var medians: [Double] = []
    medians.reserveCapacity(resamples)
    for _ in 0..<resamples {
      for index in resample.indices { resample[index] = sample[random.index(below: sample.count)] }
      medians.append(Descriptive.median(resample))
    }
    medians.sort()
    let tail = (1 - confidence) / 2
    return Interval(
      Descriptive.quantile(medians, tail), Descriptive.quantile(medians, 1 - tail))
  }

  /// Trimmed means of resamples, sorted.
  ///
  /// - Parameter sample: At least one value.
  package static func trimmedMeans(_ sample: [Double], seed: UInt64) -> [Double] {
    var random = RandomSource(seed: seed)
    var resample = sample
    var means: [Double] = []
    means.reserveCapacity(resamples)
    for _ in 0..<resamples {
      for index in resample.indices { resample[index] = sample[random.index(below: sample.count)] }
      means.append(TrimmedMean(resample).value)
    }
    means.sort()
    return means
  }
}

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
    let medians = medians(sample, seed: seed)
    let tail = (1 - confidence) / 2
    return Interval(
      Descriptive.quantile(medians, tail), Descriptive.quantile(medians, 1 - tail))
  }

  /// Medians of resamples, sorted.
  ///
  /// - Parameter sample: At least one value.
  package static func medians(_ sample: [Double], seed: UInt64) -> [Double] {
    let sorted = sample.sorted()
    let count = sorted.count
    var random = RandomSource(seed: seed)
    // A resample is how often each value was drawn: its median shows without sorting.
    var drawn = [Int](repeating: 0, count: count)
    var medians = [Double](repeating: 0, count: resamples)
    for index in medians.indices {
      for place in 0..<count { drawn[place] = 0 }
      for _ in 0..<count { drawn[random.index(below: count)] += 1 }
      var passed = 0
      var place = 0
      while passed + drawn[place] <= (count - 1) / 2 {
        passed += drawn[place]
        place += 1
      }
      let lower = sorted[place]
      while passed + drawn[place] <= count / 2 {
        passed += drawn[place]
        place += 1
      }
      medians[index] = (lower + sorted[place]) / 2
    }
    medians.sort()
    return medians
  }
}

/// Samples of resident memory over the time of a run.
enum Timeline {
  /// Enough for a chart as wide as a page.
  private static let maximumSamples = 240

  /// Of several runs the one whose peak is the median; nil of none.
  static func typical(_ runs: [[[Double]]]) -> [[Double]]? {
    func peak(_ samples: [[Double]]) -> Double { samples.map { $0[1] }.max() ?? 0 }
    return runs.isEmpty ? nil : runs.sorted { peak($0) < peak($1) }[runs.count / 2]
  }

  /// Fewer samples, of each stretch the one with the most memory, so that no peak is lost.
  static func thinned(_ samples: [[Double]]) -> [[Double]] {
    let samples = samples.filter { $0.count == 2 }
    guard samples.count > maximumSamples else { return samples }
    return (0..<maximumSamples).map { part in
      let start = part * samples.count / maximumSamples
      let end = (part + 1) * samples.count / maximumSamples
      return samples[start..<end].max { $0[1] < $1[1] }!
    }
  }
}

/// The result in a sentence.
package enum Summary {
  /// How many rows have which verdict on speed against the best peer.
  package static func count(
    _ result: BenchResult, _ verdict: BenchResult.Comparison.Verdict
  ) -> Int {
    result.rows.filter { $0.best(.speed)?.verdict == verdict }.count
  }

  /// "HAKMEM is ahead in 4 rows, behind in 1; no difference in 2."
  package static func sentence(_ result: BenchResult) -> String {
    let unknown = count(result, .unknown)
    return "\(result.subject) is ahead in \(rows(count(result, .ahead))), behind in "
      + "\(count(result, .behind)); no difference in \(count(result, .noDifference))"
      + (unknown > 0 ? "; too few rounds for a verdict in \(unknown)." : ".")
  }

  /// Of a comparison of a library with itself: whether as few figures differ as chance allows, and
  /// the sentences that say so.
  package static func selfComparison(_ result: BenchResult) -> (isSound: Bool, sentence: String) {
    let judged = result.rows.flatMap { row in row.comparisons.map { (row.id, $0) } }
    let different = judged.filter { $0.1.verdict == .ahead || $0.1.verdict == .behind }
    let equal = judged.filter { $0.1.verdict == .noDifference }.count
    let isSound = !judged.isEmpty && Double(equal) >= 0.95 * Double(judged.count)
    let names = different.map { "\($0.0), \(name($0.1.quantity)) (\(Figures.ratio($0.1.ratio)))" }
    return (
      isSound,
      "The same library twice: no significant difference in \(equal) of \(judged.count) figures "
        + "(speed, peak and settled memory of \(rows(result.rows.count))); "
        + (isSound ? "the method is sound here." : "at least 95 % are expected.")
        + (names.isEmpty ? "" : " Different: \(names.joined(separator: "; ")).")
    )
  }

  private static func name(_ quantity: BenchResult.Comparison.Quantity) -> String {
    switch quantity {
    case .speed: "speed"
    case .peakMemory: "peak memory"
    case .settledMemory: "settled memory"
    }
  }

  private static func rows(_ count: Int) -> String { count == 1 ? "1 row" : "\(count) rows" }
}

extension BenchResult.Cell {
  /// The times of single calls; empty when they were not measured.
  package var curve: LatencyCurve {
    var curve = LatencyCurve()
    for pair in latency ?? [] where pair.count == 2 {
      curve.add(nanoseconds: pair[0], count: pair[1])
    }
    return curve
  }
}

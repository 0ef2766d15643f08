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

  /// Of a comparison of a library with itself: whether as few rows differ as chance allows, and
  /// the sentence that says so.
  package static func selfComparison(_ result: BenchResult) -> (isSound: Bool, sentence: String) {
    let judged = result.rows.filter { $0.best(.speed) != nil }
    let equal = judged.filter { row in
      let verdict = row.best(.speed)?.verdict
      return verdict == .noDifference
    }.count
    let isSound = !judged.isEmpty && Double(equal) >= 0.95 * Double(judged.count)
    return (
      isSound,
      "The same library twice: no significant difference in \(equal) of \(rows(judged.count)); "
        + (isSound ? "the method is sound here." : "at least 95 % are expected.")
    )
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

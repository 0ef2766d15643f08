import Foundation

/// A result compared with an older one of the same rows.
///
/// Two results are of different hours, and the machine may have been faster in one of them. So a
/// row's speed is taken relative to the allocators that both results have in the same version,
/// round by round; only without such allocators the bare speeds are compared, and the report says
/// so. Memory is compared as it is.
package struct BaselineComparison: Equatable, Sendable {
  /// One row that both have.
  package struct Change: Equatable, Sendable {
    package var row: String
    package var quantity: BenchResult.Comparison.Quantity
    /// New ÷ old, turned so that above 1 is better.
    package var ratio: Double
    package var interval: Interval
    package var probability: Double
    /// Whether it moved beyond noise.
    package var moved: Bool
  }

  /// A change below this factor is not worth naming, however certain it is.
  package static let smallestChange = 1.01

  package var changes: [Change] = []
  /// Rows that only one of the results has.
  package var unmatched: [String] = []
  /// Allocators against which speeds were taken; empty: bare speeds.
  package var references: [String]

  /// Whether instructions were counted, which do not depend on the machine's speed.
  package var isCounted: Bool

  package init(new: BenchResult, old: BenchResult) {
    isCounted = new.method.kind == "callgrind"
    references = new.allocators.filter { allocator in
      allocator.name != new.subject
        && old.allocators.contains {
          $0.name == allocator.name && $0.version == allocator.version && $0.name != old.subject
        }
    }.map(\.name)
    for row in new.rows {
      guard let before = old.rows.first(where: { $0.id == row.id && $0.measure == row.measure })
      else {
        unmatched.append(row.id)
        continue
      }
      for quantity in BenchResult.Comparison.Quantity.allCases {
        let now = levels(row, subject: new.subject, quantity)
        let then = levels(before, subject: old.subject, quantity)
        let isCount = row.measure == .instructions && quantity == .speed
        if let change = Self.change(row.id, quantity, now, then, isCount: isCount) {
          changes.append(change)
        }
      }
    }
    unmatched += old.rows.map(\.id).filter { id in !new.rows.contains { $0.id == id } }
    let level = FalseDiscovery.level(changes.map(\.probability))
    for index in changes.indices {
      let size = max(changes[index].ratio, 1 / changes[index].ratio)
      changes[index].moved =
        changes[index].probability <= level && size >= BaselineComparison.smallestChange
    }
  }

  /// Logarithms of the subject's level in each round; larger is better.
  private func levels(
    _ row: BenchResult.Row, subject: String, _ quantity: BenchResult.Comparison.Quantity
  ) -> [Double] {
    guard let own = row.cells.first(where: { $0.allocator == subject }) else { return [] }
    let peers = row.cells.filter { references.contains($0.allocator) && !$0.runs.isEmpty }
    return own.runs.compactMap { run in
      switch quantity {
      case .peakMemory: return run.peakRssKib.flatMap { $0 > 0 ? -log($0) : nil }
      case .settledMemory: return run.settledRssKib.flatMap { $0 > 0 ? -log($0) : nil }
      case .speed:
        let sign: Double = row.measure.isHigherBetter ? 1 : -1
        // Counts do not depend on the hour.
        if row.measure == .instructions { return sign * log(run.value) }
        let others = peers.compactMap { peer in
          peer.runs.first { $0.round == run.round }.map { log($0.value) }
        }
        guard others.count == peers.count else { return nil }
        return sign * (log(run.value) - (others.isEmpty ? 0 : Descriptive.mean(others)))
      }
    }
  }

  /// Welch's comparison of two trimmed means (Yuen 1974).
  private static func change(
    _ row: String, _ quantity: BenchResult.Comparison.Quantity, _ now: [Double], _ then: [Double],
    isCount: Bool
  ) -> Change? {
    // A single time says nothing about noise; a single count of instructions says everything.
    let fewest = isCount ? 1 : 2
    guard now.count >= fewest, then.count >= fewest else { return nil }
    let (new, old) = (TrimmedMean(now), TrimmedMean(then))
    let difference = new.value - old.value
    func variance(_ mean: TrimmedMean) -> Double {
      mean.standardError.isFinite ? mean.standardError * mean.standardError : 0
    }
    let total = variance(new) + variance(old)
    var probability = abs(difference) < 1e-9 ? 1.0 : 0.0
    var reach = 0.0
    if total > 0 {
      let weights = [(variance(new), new), (variance(old), old)].reduce(0.0) {
        $0 + $1.0 * $1.0 / Double(max(1, $1.1.degreesOfFreedom))
      }
      let degrees = total * total / weights
      let error = total.squareRoot()
      probability = StudentT.twoSidedProbability(difference / error, degrees: degrees)
      reach = StudentT.twoSidedQuantile(FalseDiscovery.rate, degrees: degrees) * error
    }
    return Change(
      row: row, quantity: quantity, ratio: exp(difference),
      interval: Interval(exp(difference - reach), exp(difference + reach)),
      probability: probability, moved: false)
  }
}

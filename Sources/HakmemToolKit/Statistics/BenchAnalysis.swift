import Foundation

/// Turns the runs of a result into medians, intervals and verdicts.
package enum BenchAnalysis {
  typealias Comparison = BenchResult.Comparison

  /// A smaller difference is none, however certain it is: a page of resident memory more or less.
  static let smallestDifference = 1.005

  /// Fills in what follows from the runs.
  package static func analysed(_ result: BenchResult) -> BenchResult {
    var result = result
    for row in result.rows.indices {
      for column in result.rows[row].cells.indices {
        summarise(
          &result.rows[row].cells[column], result.rows[row].measure, seed: result.method.seed)
      }
      result.rows[row].comparisons = []
    }
    for quantity in Comparison.Quantity.allCases { compare(&result, quantity) }
    return result
  }

  private static func summarise(
    _ cell: inout BenchResult.Cell, _ measure: BenchResult.Measure, seed: UInt64
  ) {
    let values = cell.runs.map(\.value)
    guard !values.isEmpty else { return }
    cell.median = Descriptive.median(values)
    cell.interval = Bootstrap.medianInterval(values, seed: seed)
    cell.best = measure.isHigherBetter ? values.max() : values.min()
  }

  /// Compares the subject with every peer in one quantity. All rows against their best peers are
  /// one family of tests, and the other peers a second one: what is said of a row's best peer
  /// does not depend on how many others were installed.
  private static func compare(_ result: inout BenchResult, _ quantity: Comparison.Quantity) {
    struct Pair {
      var row: Int
      var peer: String
      var isBest: Bool
      var ratios: [Double]
      var comparison: PairedComparison?
    }
    var pairs: [Pair] = []
    for (index, row) in result.rows.enumerated() {
      guard let subject = row.cells.first(where: { $0.allocator == result.subject }) else {
        continue
      }
      let best = bestPeer(row, subject: result.subject, quantity)
      for cell in row.cells where cell.allocator != result.subject && !cell.runs.isEmpty {
        let ratios = ratios(subject, cell, row.measure, quantity)
        guard !ratios.isEmpty else { continue }
        let seed = result.method.seed &+ UInt64(pairs.count)
        pairs.append(
          Pair(
            row: index, peer: cell.allocator, isBest: cell.allocator == best, ratios: ratios,
            comparison: PairedComparison(ratios: ratios, seed: seed)))
      }
    }
    for isBest in [true, false] {
      let family = pairs.filter { $0.isBest == isBest }
      let level = FalseDiscovery.level(family.compactMap { $0.comparison?.probability })
      if isBest && quantity == .speed { result.method.level = level }
      for pair in family {
        result.rows[pair.row].comparisons.append(
          verdict(
            pair.comparison, quantity, pair.peer, isBest: isBest, ratios: pair.ratios, level: level,
            isExact: result.rows[pair.row].measure == .instructions && quantity == .speed))
      }
    }
  }

  private static func verdict(
    _ comparison: PairedComparison?, _ quantity: Comparison.Quantity, _ peer: String,
    isBest: Bool, ratios: [Double], level: Double, isExact: Bool
  ) -> Comparison {
    guard let comparison else {
      let ratio = Descriptive.geometricMean(ratios)
      // Counted instructions do not scatter: one count is enough.
      let verdict: Comparison.Verdict =
        !isExact ? .unknown : ratio > 1.002 ? .ahead : ratio < 0.998 ? .behind : .noDifference
      return Comparison(
        quantity: quantity, peer: peer, isBest: isBest, ratio: ratio, verdict: verdict)
    }
    let interval = comparison.interval(error: level)
    let size = max(comparison.ratio, 1 / comparison.ratio)
    let verdict: Comparison.Verdict =
      interval.contains(1) || size < smallestDifference
      ? .noDifference : comparison.ratio > 1 ? .ahead : .behind
    return Comparison(
      quantity: quantity, peer: peer, isBest: isBest, ratio: comparison.ratio, interval: interval,
      probability: comparison.probability, verdict: verdict)
  }

  /// The subject's advantage in each round that both finished; above 1 it is better.
  private static func ratios(
    _ subject: BenchResult.Cell, _ peer: BenchResult.Cell, _ measure: BenchResult.Measure,
    _ quantity: Comparison.Quantity
  ) -> [Double] {
    let others = Dictionary(peer.runs.map { ($0.round, $0) }) { first, _ in first }
    return subject.runs.compactMap { run in
      guard let other = others[run.round], let own = figure(run, quantity),
        let theirs = figure(other, quantity), own > 0, theirs > 0
      else { return nil }
      return quantity == .speed && measure.isHigherBetter ? own / theirs : theirs / own
    }
  }

  /// The other allocator that does best in a row, by the median; nil when there is none. One that
  /// failed is none, whatever it did in the rounds before, unless all failed.
  static func bestPeer(
    _ row: BenchResult.Row, subject: String, _ quantity: Comparison.Quantity
  ) -> String? {
    let measured = row.cells.filter { $0.allocator != subject && !$0.runs.isEmpty }
    let sound = measured.filter { $0.failure == nil }
    let peers = sound.isEmpty ? measured : sound
    let higherIsBetter = quantity == .speed && row.measure.isHigherBetter
    let medians = peers.map { ($0.allocator, BenchResult.median($0) { figure($0, quantity) }) }
      .filter { $0.1.isFinite }
    return higherIsBetter
      ? medians.max { $0.1 < $1.1 }?.0 : medians.min { $0.1 < $1.1 }?.0
  }

  private static func figure(_ run: BenchResult.Run, _ quantity: Comparison.Quantity) -> Double? {
    switch quantity {
    case .speed: run.value
    case .peakMemory: run.peakRssKib
    case .settledMemory: run.settledRssKib
    }
  }
}

extension BenchResult.Row {
  /// The subject against the best other allocator.
  package func best(_ quantity: BenchResult.Comparison.Quantity) -> BenchResult.Comparison? {
    comparisons.first { $0.isBest && $0.quantity == quantity }
  }
}

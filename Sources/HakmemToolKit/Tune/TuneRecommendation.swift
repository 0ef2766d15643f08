import Foundation

/// What a benchmark of policies says to do.
package struct TuneRecommendation: Codable, Equatable, Sendable {
  /// The policy; nil when the defaults are best, and without a verdict.
  package var policy: String?
  /// Its options, beyond those that were given for all.
  package var options: [String: String]
  /// The reason, in sentences.
  package var sentences: [String]

  /// A policy that costs more memory than this factor, beyond noise, is named but not recommended.
  package static let mostMemory = 1.05
  /// Less memory by this factor is worth an option of its own.
  package static let leastSaving = 1.05

  /// What one policy did over all rows, as factors against the defaults: above 1 it is better.
  struct Effect {
    var policy: String
    var isSlower = false
    var failed = false
    var fasterRows = 0
    /// Geometric means over the rows.
    var speed = 1.0
    /// The worst and the best row beyond noise; 1 when there is none.
    var worstMemory = 1.0
    var bestMemory = 1.0

    init(_ policy: String, _ result: BenchResult) {
      self.policy = policy
      var speeds: [Double] = []
      for row in result.rows {
        if row.cells.first(where: { $0.allocator == policy })?.failure != nil { failed = true }
        for comparison in row.comparisons where comparison.peer == policy {
          let factor = 1 / comparison.ratio
          switch (comparison.quantity, comparison.verdict) {
          case (.speed, .ahead): isSlower = true
          case (.speed, .behind): fasterRows += 1
          case (.peakMemory, .ahead), (.settledMemory, .ahead):
            worstMemory = min(worstMemory, factor)
          case (.peakMemory, .behind), (.settledMemory, .behind):
            bestMemory = max(bestMemory, factor)
          default: break
          }
          if comparison.quantity == .speed { speeds.append(factor) }
        }
      }
      if !speeds.isEmpty { speed = Descriptive.geometricMean(speeds) }
    }

    var isSafe: Bool { !failed && !isSlower }
    var isSmall: Bool { worstMemory >= 1 / TuneRecommendation.mostMemory }
  }

  /// - Parameter result: Analysed; its subject is the defaults.
  package init(_ result: BenchResult, base: [String: String] = [:]) {
    let effects = result.allocators.filter { $0.name != result.subject }.map {
      Effect($0.name, result)
    }
    options = [:]
    sentences = []
    let speeds = result.rows.flatMap(\.comparisons).filter { $0.quantity == .speed }
    guard speeds.isEmpty || speeds.contains(where: { $0.verdict != .unknown }) else {
      sentences = ["Too few rounds for a verdict; at least 3 are needed."]
      return
    }
    let faster = effects.filter { $0.isSafe && $0.fasterRows > 0 }
    let smaller = effects.filter {
      $0.isSafe && $0.isSmall && $0.bestMemory >= TuneRecommendation.leastSaving
    }
    if let best = faster.filter(\.isSmall).max(by: { $0.speed < $1.speed }) {
      choose(best, result, base)
      sentences.append(
        "\(best.policy) is faster than the defaults in \(Self.rows(best.fasterRows)), slower in none"
          + " (\(Figures.ratio(best.speed)) over all).")
    } else if let best = smaller.max(by: { $0.bestMemory < $1.bestMemory }) {
      choose(best, result, base)
      sentences.append(
        "\(best.policy) takes less memory, down to \(Figures.ratio(1 / best.bestMemory)), and is"
          + " slower in no row.")
    } else {
      sentences.append(
        "The defaults are best: no policy is faster or smaller beyond noise without a price.")
    }
    for trade in faster where !trade.isSmall {
      sentences.append(
        "\(trade.policy) would be faster (\(Figures.ratio(trade.speed)) over all) for"
          + " \(Figures.ratio(1 / trade.worstMemory)) the memory.")
    }
  }

  private mutating func choose(
    _ effect: Effect, _ result: BenchResult, _ base: [String: String]
  ) {
    policy = effect.policy
    let chosen = result.allocators.first { $0.name == effect.policy }?.options ?? [:]
    options = chosen.filter { base[$0.key] != $0.value }
  }

  private static func rows(_ count: Int) -> String { count == 1 ? "1 row" : "\(count) rows" }
}

/// A run of `hakmem tune`: what was measured, and what follows.
package struct TuneResult: Codable, Equatable, Sendable {
  package var result: BenchResult
  package var recommendation: TuneRecommendation

  package init(_ result: BenchResult, base: [String: String] = [:]) {
    self.result = result
    recommendation = TuneRecommendation(result, base: base)
  }

  /// The result as JSON text.
  package func json() throws -> String {
    CompactArrays.joined(
      String(decoding: try BenchResult.encoder().encode(self), as: UTF8.self)) + "\n"
  }
}

import Foundation
import Testing

@testable import HakmemToolKit

/// Results made up for tests.
enum Sample {
  /// Rows of runs on a machine whose speed drifts by a factor of 1.6, as virtual ones do.
  ///
  /// - Parameter speeds: What each allocator does on a steady machine, by name; the first one is
  ///   the subject.
  static func result(
    rows: Int, rounds: Int = 12, speeds: [(String, Double)], noise: Double = 0.03, seed: UInt64
  ) -> BenchResult {
    var random = RandomSource(seed: seed)
    var result = empty(speeds.map(\.0), rounds: rounds, seed: seed)
    for index in 0..<rows {
      var cells = speeds.map { BenchResult.Cell(allocator: $0.0) }
      for round in 1...rounds {
        let drift = 1.3 + 0.3 * sin(Double(round + index) / 5)
        for (column, speed) in speeds.enumerated() {
          // One run in twenty is disturbed from outside.
          let hit = Double.random(in: 0..<1, using: &random) < 0.05 ? 0.7 : 1
          let value = speed.1 * drift * hit * exp(noise * random.normal())
          cells[column].runs.append(
            BenchResult.Run(round: round, value: value, peakRssKib: 4096, settledRssKib: 2048))
        }
      }
      result.rows.append(
        BenchResult.Row(
          id: "row\(index)", workload: "row\(index)", unit: "operations", parameters: [:],
          measure: .rate, cells: cells))
    }
    return result
  }

  static func empty(_ names: [String], rounds: Int, seed: UInt64) -> BenchResult {
    BenchResult(
      tool: "0", date: "2000-01-01T00:00:00Z", machine: .current(),
      method: BenchResult.Method(
        rounds: rounds, seconds: 0.1, seed: seed, kind: "time", environment: [:], options: [:]),
      allocators: names.map { Allocator(name: $0, library: nil, version: "1") },
      subject: names[0], rows: [])
  }
}

@Suite struct AnalysisTests {
  @Test func theSameLibraryTwiceShowsNoDifference() {
    var sound = 0
    for seed in 1...20 {
      let result = Sample.result(
        rows: 10, speeds: [("a", 1e6), ("a again", 1e6)], seed: UInt64(seed))
      if Summary.selfComparison(BenchAnalysis.analysed(result)).isSound { sound += 1 }
    }
    // Each benchmark of ten rows is allowed to fail one time in twenty.
    #expect(sound >= 18)
  }

  @Test func tenPercentAreFoundDespiteDriftAndDisturbance() {
    let result = BenchAnalysis.analysed(
      Sample.result(
        rows: 5, speeds: [("HAKMEM", 1.1e6), ("glibc", 0.5e6), ("other", 1e6)], seed: 5))
    for row in result.rows {
      let best = row.best(.speed)
      #expect(best?.peer == "other")
      #expect(best?.verdict != .behind)
      #expect(abs((best?.ratio ?? 0) - 1.1) < 0.08)
      #expect(row.comparisons.filter { $0.quantity == .speed }.count == 2)
    }
    #expect(Summary.count(result, .ahead) >= 4)
    #expect(Summary.sentence(result).hasPrefix("HAKMEM is ahead in"))
  }

  @Test func behindIsSaidAsPlainly() {
    let result = BenchAnalysis.analysed(
      Sample.result(rows: 3, speeds: [("HAKMEM", 1e6), ("other", 1.3e6)], seed: 6))
    #expect(Summary.count(result, .behind) == 3)
    let text = BenchText.lines(result).joined(separator: "\n")
    #expect(text.contains("behind"))
  }

  @Test(arguments: [0, 5]) func aFailedAllocatorLeavesTheRowToTheOthers(runsBefore: Int) {
    var result = Sample.result(
      rows: 1, speeds: [("HAKMEM", 1e6), ("glibc", 1e6), ("x", 9e6)], seed: 1)
    result.rows[0].cells[2].runs.removeLast(12 - runsBefore)
    result.rows[0].cells[2].failure = "SIGSEGV"
    result = BenchAnalysis.analysed(result)
    #expect(result.rows[0].best(.speed)?.peer == "glibc")
    #expect(BenchText.lines(result).contains { $0.contains("row0 on x: SIGSEGV") })
  }

  @Test func timesCountTheOtherWayRound() {
    var result = Sample.result(rows: 1, speeds: [("HAKMEM", 1), ("glibc", 2)], seed: 2)
    result.rows[0].measure = .time
    result = BenchAnalysis.analysed(result)
    #expect(result.rows[0].best(.speed)?.verdict == .ahead)
  }

  @Test func aBaselineOfTheSameSpeedOnASlowerMachineHasNotMoved() {
    let old = Sample.result(rows: 4, speeds: [("HAKMEM", 1e6), ("glibc", 5e5)], seed: 1)
    let new = Sample.result(rows: 4, speeds: [("HAKMEM", 6e5), ("glibc", 3e5)], seed: 2)
    let comparison = BaselineComparison(new: new, old: old)
    #expect(comparison.references == ["glibc"])
    #expect(comparison.changes.filter { $0.quantity == .speed }.count == 4)
    #expect(comparison.changes.allSatisfy { !$0.moved })
  }

  @Test func aBaselineShowsWhatMoved() {
    let old = Sample.result(rows: 2, speeds: [("HAKMEM", 1e6), ("glibc", 5e5)], seed: 1)
    var new = Sample.result(rows: 2, speeds: [("HAKMEM", 8e5), ("glibc", 5e5)], seed: 2)
    new.rows[1].id = "new row"
    let comparison = BaselineComparison(new: new, old: old)
    let moved = comparison.changes.filter(\.moved)
    #expect(moved.map(\.row) == ["row0"])
    #expect(moved.first.map { $0.ratio < 0.9 } == true)
    #expect(comparison.unmatched == ["new row", "row1"])
    let text = BaselineText.lines(comparison, name: "old.json").joined(separator: "\n")
    #expect(text.contains("worse"))
  }

  @Test func resultsSurviveJSON() throws {
    let result = BenchAnalysis.analysed(
      Sample.result(rows: 2, speeds: [("HAKMEM", 1e6), ("glibc", 5e5)], seed: 1))
    let text = try result.json()
    #expect(text.contains("\"format\" : 1"))
    #expect(text.contains("\"settled_rss_kib\""))
    #expect(try BenchResult.read(text, name: "x") == result)
  }

  @Test func foreignAndNewerFilesAreRefused() {
    #expect(throws: BenchFailure("x is not a result of hakmem bench.")) {
      try BenchResult.read("[]", name: "x")
    }
    #expect(throws: BenchFailure("x has format 99; this version reads up to 1.")) {
      try BenchResult.read("{\"format\": 99}", name: "x")
    }
  }

  @Test func pathsStayOutOfResults() throws {
    var result = Sample.empty(["HAKMEM"], rounds: 1, seed: 1)
    result.allocators[0].library = "/somewhere/secret/libhakmem.so"
    let text = try result.json()
    #expect(!text.contains("secret"))
    #expect(text.contains("libhakmem.so"))
  }
}

import Foundation
import Testing

@testable import HakmemToolKit

@Suite struct StatisticsTests {
  @Test func quantilesAreThoseOfR() {
    let sample = [1.0, 2, 4, 8, 16]
    #expect(Descriptive.median([3, 1, 2]) == 2)
    #expect(Descriptive.median([4, 1, 2, 3]) == 2.5)
    #expect(Descriptive.quantile(sample, 0.25) == 2)
    #expect(Descriptive.quantile(sample, 0.9) == 12.8)
    #expect(Descriptive.median([]).isNaN)
  }

  @Test func standardDeviationDividesByOneLess() {
    #expect(abs(Descriptive.standardDeviation([2, 4, 4, 4, 5, 5, 7, 9]) - 2.138_089_935) < 1e-9)
    #expect(Descriptive.standardDeviation([7]) == 0)
    #expect(abs(Descriptive.geometricMean([1, 10, 100]) - 10) < 1e-12)
  }

  /// Values from printed tables of Student's t.
  @Test(arguments: [
    (12.706, 1.0, 0.05), (4.303, 2, 0.05), (2.776, 4, 0.05), (2.262, 9, 0.05), (3.250, 9, 0.01),
    (1.980, 120, 0.05),
  ])
  func studentsTAgreesWithTables(t: Double, degrees: Double, probability: Double) {
    let found = StudentT.twoSidedProbability(t, degrees: degrees)
    #expect(abs(found - probability) < probability * 0.002)
    #expect(abs(StudentT.twoSidedQuantile(probability, degrees: degrees) - t) < 0.001 * t)
  }

  @Test func trimmedMeanCutsTheExtremes() {
    // R: mean(x, trim = 0.2); winsorised variance 1.3444 by hand.
    let sample = [1.0, 2, 2, 3, 3, 3, 4, 4, 5, 100]
    let trimmed = TrimmedMean(sample)
    #expect(abs(trimmed.value - 19.0 / 6) < 1e-12)
    #expect(trimmed.degreesOfFreedom == 5)
    let winsorised = [2.0, 2, 2, 3, 3, 3, 4, 4, 4, 4]
    let expected = Descriptive.standardDeviation(winsorised) / (0.6 * 10.0.squareRoot())
    #expect(abs(trimmed.standardError - expected) < 1e-12)
  }

  @Test func fewValuesAreNotTrimmed() {
    let trimmed = TrimmedMean([1, 2, 3, 4, 10])
    #expect(trimmed.value == 4)
    #expect(trimmed.degreesOfFreedom == 4)
  }

  @Test func theMedianIntervalHoldsTheMedianAndRepeats() {
    let sample = (1...30).map(Double.init)
    let interval = Bootstrap.medianInterval(sample, seed: 1)
    #expect(interval == Bootstrap.medianInterval(sample, seed: 1))
    #expect(interval.contains(15.5))
    // Order statistics of 30 values: ranks 10 and 21 bound the median with 95 %.
    #expect(abs(interval.lower - 10) <= 2 && abs(interval.upper - 21) <= 2)
    #expect(Bootstrap.medianInterval([5], seed: 1) == Interval(5, 5))
  }

  @Test func aClearDifferenceIsFoundThroughOneDisturbedRound() throws {
    let ratios = [1.10, 1.11, 1.09, 1.10, 1.12, 1.08, 0.6, 1.10, 1.11, 1.09]
    let comparison = try #require(PairedComparison(ratios: ratios, seed: 3))
    #expect(abs(comparison.ratio - 1.098) < 0.005)
    #expect(!comparison.interval(error: 0.05).contains(1))
    #expect(comparison.probability < 0.01)
  }

  @Test func equalRoundsAreNoDifference() throws {
    let equal = try #require(PairedComparison(ratios: [1, 1, 1, 1], seed: 1))
    #expect(equal.probability == 1)
    #expect(equal.interval(error: 0.05) == Interval(1, 1))
    #expect(PairedComparison(ratios: [1.5, 1.5], seed: 1) == nil)
  }

  @Test func theIntervalAndTheProbabilityAgree() throws {
    var random = RandomSource(seed: 7)
    for round in 0..<40 {
      let ratios = (0..<8).map { _ in exp(0.02 + 0.05 * random.normal()) }
      let comparison = try #require(PairedComparison(ratios: ratios, seed: UInt64(round)))
      let probability = comparison.probability
      #expect(comparison.interval(error: probability * 0.5).contains(1))
      guard probability < 0.4 else { continue }
      #expect(!comparison.interval(error: probability * 2 + 0.01).contains(1))
    }
  }

  @Test func benjaminiAndHochbergsOwnExample() {
    // Their paper's fifteen probabilities; four are rejected at 5 %.
    let probabilities = [
      0.0001, 0.0004, 0.0019, 0.0095, 0.0201, 0.0278, 0.0298, 0.0344, 0.0459, 0.3240, 0.4262,
      0.5719, 0.6528, 0.7590, 1.0,
    ]
    let level = FalseDiscovery.level(probabilities)
    #expect(probabilities.filter { $0 <= level }.count == 4)
    #expect(FalseDiscovery.level([0.9, 0.8]) == 0.025)
    #expect(FalseDiscovery.level([]) == 0.05)
  }

  @Test func theGeneratorIsSplitMix64() {
    var random = RandomSource(seed: 1_234_567)
    #expect(random.next() == 6_457_827_717_110_365_317)
    #expect(random.next() == 3_203_168_211_198_807_973)
  }

  @Test func latencyPercentiles() {
    var curve = LatencyCurve()
    #expect(curve.nanoseconds(atPercentile: 50) == nil)
    curve.add(nanoseconds: 10, count: 990)
    curve.add(nanoseconds: 100, count: 9)
    curve.add(nanoseconds: 1000, count: 1)
    #expect(curve.count == 1000)
    #expect(curve.nanoseconds(atPercentile: 50) == 10)
    #expect(curve.nanoseconds(atPercentile: 99.5) == 100)
    #expect(curve.nanoseconds(atPercentile: 100) == 1000)
    #expect(curve.points.map(\.nanoseconds) == curve.points.map(\.nanoseconds).sorted())
  }
}

extension RandomSource {
  /// A normally distributed number (Box and Muller).
  mutating func normal() -> Double {
    let first = Double.random(in: 1e-12..<1, using: &self)
    let second = Double.random(in: 0..<1, using: &self)
    return (-2 * log(first)).squareRoot() * cos(2 * .pi * second)
  }
}

/// A range that holds the true value with a stated confidence.
package struct Interval: Codable, Equatable, Sendable {
  package var lower: Double
  package var upper: Double

  package init(_ lower: Double, _ upper: Double) {
    self.lower = lower
    self.upper = upper
  }

  /// Whether the value lies in the range, its ends included.
  package func contains(_ value: Double) -> Bool { lower <= value && value <= upper }
}

/// Many rows, one claim: among the rows called different, at most 5 % are expected to be called so
/// by chance; with no difference anywhere, the chance of naming even one row is 5 %.
/// (Benjamini and Hochberg 1995; intervals at the matching level: Benjamini and Yekutieli 2005.)
package enum FalseDiscovery {
  package static let rate = 0.05

  /// The error level at which each row is judged: rate × rows called different ÷ rows.
  ///
  /// - Parameter probabilities: One per row.
  package static func level(_ probabilities: [Double], rate: Double = FalseDiscovery.rate) -> Double
  {
    guard !probabilities.isEmpty else { return rate }
    let count = Double(probabilities.count)
    var level = rate / count
    for (index, probability) in probabilities.sorted().enumerated() {
      let candidate = rate * Double(index + 1) / count
      if probability <= candidate { level = candidate }
    }
    return level
  }
}

import Foundation

/// Student's t distribution.
package enum StudentT {
  /// The probability that |t| is at least this large by chance.
  ///
  /// - Parameter degrees: Degrees of freedom, positive.
  package static func twoSidedProbability(_ t: Double, degrees: Double) -> Double {
    guard t.isFinite else { return t.isNaN ? 1 : 0 }
    return incompleteBeta(degrees / (degrees + t * t), degrees / 2, 0.5)
  }

  /// The value that |t| exceeds with this probability by chance.
  package static func twoSidedQuantile(_ probability: Double, degrees: Double) -> Double {
    var low = 0.0
    var high = 1.0
    while twoSidedProbability(high, degrees: degrees) > probability && high < 1e12 { high *= 2 }
    for _ in 0..<100 {
      let middle = (low + high) / 2
      if twoSidedProbability(middle, degrees: degrees) > probability {
        low = middle
      } else {
        high = middle
      }
    }
    return (low + high) / 2
  }

  /// The regularised incomplete beta function I_x(a, b), by its continued fraction (Lentz).
  /// Source: DLMF 8.17.22.
  static func incompleteBeta(_ x: Double, _ a: Double, _ b: Double) -> Double {
    if x <= 0 { return 0 }
    if x >= 1 { return 1 }
    // The fraction converges fast on this side of the mean; the other side by symmetry.
    if x > (a + 1) / (a + b + 2) { return 1 - incompleteBeta(1 - x, b, a) }
    let logarithm = lgamma(a + b) - lgamma(a) - lgamma(b)
    let front = exp(logarithm + a * log(x) + b * log(1 - x)) / a
    var fraction = 1.0
    var c = 1.0
    var d = 0.0
    for step in 0...300 {
      let m = Double(step / 2)
      let coefficient: Double
      if step == 0 {
        coefficient = 1
      } else if step % 2 == 0 {
        coefficient = m * (b - m) * x / ((a + 2 * m - 1) * (a + 2 * m))
      } else {
        coefficient = -(a + m) * (a + b + m) * x / ((a + 2 * m) * (a + 2 * m + 1))
      }
      d = 1 + coefficient * d
      d = 1 / (abs(d) < 1e-300 ? 1e-300 : d)
      c = 1 + coefficient / c
      if abs(c) < 1e-300 { c = 1e-300 }
      fraction *= c * d
      if abs(1 - c * d) < 1e-14 { break }
    }
    return front * (fraction - 1)
  }
}

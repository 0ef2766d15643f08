import Foundation

/// Numbers as people read them: three significant digits and a unit.
package enum Figures {
  /// "1.00", "12.3", "456"; no exponent, whatever the size.
  package static func significant(_ value: Double, digits: Int = 3) -> String {
    guard value.isFinite else { return "–" }
    guard value != 0 else { return "0" }
    let rounded = Double(String(format: "%.\(digits - 1)e", value)) ?? value
    let magnitude = Int(floor(log10(abs(rounded)))) + 1
    return String(format: "%.\(max(0, digits - magnitude))f", rounded)
  }

  /// A rate or count with a decimal prefix: "365 M", "47.1 k", "12".
  package static func scaled(_ value: Double) -> String {
    guard value.isFinite else { return "–" }
    for (factor, prefix) in [(1e12, "T"), (1e9, "G"), (1e6, "M"), (1e3, "k")] {
      if abs(value) >= factor * 0.9995 { return "\(significant(value / factor)) \(prefix)" }
    }
    if value == value.rounded() && abs(value) < 1000 { return String(Int(value)) }
    return significant(value)
  }

  /// Bytes with a binary prefix: "2.00 GiB".
  package static func bytes(_ value: Int) -> String {
    let number = Double(value)
    for (shift, prefix) in [(40, "TiB"), (30, "GiB"), (20, "MiB"), (10, "KiB")] {
      let factor = Double(1 << shift)
      if number >= factor * 0.9995 { return "\(significant(number / factor)) \(prefix)" }
    }
    return "\(value) B"
  }

  /// KiB as MiB without the unit: for columns headed "MiB".
  package static func mebibytes(kibibytes: Double) -> String {
    kibibytes.isFinite ? significant(kibibytes / 1024) : "–"
  }

  /// Seconds: "1.25 s", "340 ms", "12.0 µs", "85 ns", "4.2 ns".
  package static func seconds(_ value: Double) -> String {
    guard value.isFinite else { return "–" }
    for (factor, unit) in [(1.0, "s"), (1e-3, "ms"), (1e-6, "µs")] {
      if abs(value) >= factor * 0.9995 { return "\(significant(value / factor)) \(unit)" }
    }
    let nanoseconds = value * 1e9
    return nanoseconds < 10
      ? "\(significant(nanoseconds, digits: 2)) ns"
      : "\(Int(nanoseconds.rounded())) ns"
  }

  /// A ratio: "1.23×"; hundredths up to 10, then fewer.
  package static func ratio(_ value: Double) -> String {
    guard value.isFinite else { return "–" }
    return value < 10 ? String(format: "%.2f×", value) : "\(significant(value))×"
  }

  /// An interval of ratios: "1.01–1.07".
  package static func interval(_ interval: Interval) -> String {
    func part(_ value: Double) -> String {
      guard value.isFinite else { return value < 0 ? "0" : "∞" }
      return value < 10 ? String(format: "%.2f", value) : significant(value)
    }
    return "\(part(interval.lower))–\(part(interval.upper))"
  }
}

/// Counts of durations in log-linear buckets: 32 buckets an octave, so 3 % wide.
///
/// One per thread, added up for the report; 0 … 31 ns have a bucket each.
package struct Histogram {
  package static let bucketCount = 32 * 36
  package let counts: UnsafeMutablePointer<UInt64>

  package init() {
    counts = Mapping.table(of: UInt64.self, count: Histogram.bucketCount)
  }

  private init(counts: UnsafeMutablePointer<UInt64>) {
    self.counts = counts
  }

  /// Stands for a histogram where calls are not timed. Never written.
  package static var none: Histogram {
    Histogram(counts: UnsafeMutablePointer(bitPattern: 8).unsafelyUnwrapped)
  }

  private var isNone: Bool { UInt(bitPattern: counts) == 8 }

  package func clear() {
    if isNone { return }
    for bucket in 0..<Histogram.bucketCount { counts[bucket] = 0 }
  }

  @inline(__always)
  package static func bucket(of nanoseconds: UInt64) -> Int {
    if nanoseconds < 32 { return Int(nanoseconds) }
    let shift = 58 - nanoseconds.leadingZeroBitCount
    return min((shift << 5) + Int(nanoseconds >> UInt64(shift)), bucketCount - 1)
  }

  /// The least duration, in nanoseconds, that falls into a bucket.
  package static func lowerBound(of bucket: Int) -> Int {
    if bucket < 32 { return bucket }
    let shift = (bucket >> 5) - 1
    return ((bucket & 31) + 32) << shift
  }

  @inline(__always)
  package func record(_ nanoseconds: UInt64) {
    counts[Histogram.bucket(of: nanoseconds)] &+= 1
  }

  package func add(_ other: Histogram) {
    for bucket in 0..<Histogram.bucketCount { counts[bucket] &+= other.counts[bucket] }
  }
}

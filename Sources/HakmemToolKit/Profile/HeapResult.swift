/// What the heap profile of one run found; the figures are estimates unless every allocation was
/// seen.
package struct HeapResult: Codable, Sendable {
  package struct StackRow: Codable, Sendable {
    package var stack: [String]
    package var liveBytes: Int
    package var liveCount: Int
    package var totalBytes: Int
    package var totalCount: Int
    package var peakBytes: Int
    package var temporaryCount: Int
    package var meanLifetimeMilliseconds: Double?
  }

  /// Bytes between two samples on average; 1: every allocation.
  package var sampleBytes: Int
  package var samples: Int
  package var liveBytes: Int
  package var liveCount: Int
  package var totalBytes: Int
  package var totalCount: Int
  package var peakBytes: Int
  package var temporaryCount: Int
  /// Estimated allocations by size: element n counts sizes from 2ⁿ on.
  package var sizes: [Int]
  /// Freed samples by lifetime: element n counts lifetimes from 2ⁿ milliseconds on.
  package var lifetimes: [Int]
  package var untracked: Int
  package var stacks: [StackRow]
}

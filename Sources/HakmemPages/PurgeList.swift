import HakmemPlatform

/// Pages of some slabs on their way to the kernel: one call for all where it takes a list (Linux 6.13),
/// which saves it most of the work for single pages.
package struct PurgeList: ~Copyable {
  /// A slab has at most 64 pages.
  private static let mostRunsOfASlab = 32
  private static let mostRuns = 2 * mostRunsOfASlab

  /// An address and a length each, as `SystemCalls.adviseAll` takes them.
  private let runs: UnsafeMutableBufferPointer<UInt>
  private var count = 0

  private init(_ runs: UnsafeMutableBufferPointer<UInt>) { self.runs = runs }

  package static func withEmpty(_ body: (inout PurgeList) -> Void) {
    withUnsafeTemporaryAllocation(of: UInt.self, capacity: 2 * mostRuns) { runs in
      var list = PurgeList(runs)
      body(&list)
    }
  }

  private var pageShift: UInt { UInt(ProcessFacts.systemPageBytes.trailingZeroBitCount) }

  /// Whether the pages of another slab may not fit.
  package var isFull: Bool { count > Self.mostRuns - Self.mostRunsOfASlab }

  /// Adds pages of the slab that begins at `start`, a bit each.
  package mutating func add(_ pages: UInt64, of start: UInt) {
    guard pages != 0, !Purge.isHugePage(at: start) else { return }
    var rest = pages
    while rest != 0 {
      let first = rest.trailingZeroBitCount
      let length = (~(rest >> UInt64(first))).trailingZeroBitCount
      rest &= ~Self.pages(first, length)
      runs[2 * count] = start &+ UInt(first) << pageShift
      runs[2 * count + 1] = UInt(length) << pageShift
      count += 1
    }
  }

  private static func pages(_ first: Int, _ count: Int) -> UInt64 {
    (UInt64.max >> UInt64(64 - count)) << UInt64(first)
  }

  /// Drops the pages. Runs that the kernel refuses, as it does where the program locked its memory, are
  /// empty afterwards.
  package func release(lazily: Bool) {
    var bytes: UInt = 0
    for index in 0..<count { bytes &+= runs[2 * index + 1] }
    if count > 1,
      SystemCalls.adviseAll(runs, count: count, byteCount: bytes, Purge.advice(lazily: lazily))
    {
      for index in 0..<count { Purge.note(runs[2 * index], runs[2 * index + 1]) }
      return
    }
    for index in 0..<count
    where !Purge.release(runs[2 * index], runs[2 * index + 1], lazily: lazily) {
      runs[2 * index + 1] = 0
    }
  }

  /// Takes the slab that was added last out of the list; returns which of its pages went.
  package mutating func takeLast(of start: UInt, byteCount: UInt) -> UInt64 {
    var released: UInt64 = 0
    while count > 0, runs[2 * count - 2] &- start < byteCount {
      count -= 1
      let length = Int(runs[2 * count + 1] >> pageShift)
      guard length > 0 else { continue }
      released |= Self.pages(Int((runs[2 * count] &- start) >> pageShift), length)
    }
    return released
  }
}

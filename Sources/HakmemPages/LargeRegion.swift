import HakmemPlatform
import Synchronization

/// A mapping for one block above 1 MiB, or a part of one; only one region begins in each 2 MiB.
package struct LargeRegion: Equatable {
  package let address: UInt
  @inline(__always)
  package init(unsafeRecord address: UInt) { self.address = address }

  struct Record: ~Copyable {
    /// Link in the list of spare records.
    let link: Atomic<UInt64>
    let kind: Atomic<UInt8>
    /// 1 while the program holds the block: of two threads that free it only one succeeds.
    let isLive: Atomic<UInt8>
    var start: UInt
    /// The block's whole pages, and the mapping's, which is longer if it served a longer block before.
    var byteCount: UInt
    var mappedBytes: UInt
    /// Kept behind the block (LargeRegions+Slack).
    let slackBytes: Atomic<UInt>
    /// Where the kernel's mapping ended when it was made: regions of one can be joined.
    var mapping: UInt
    /// In the list of kept regions or of those with slack, and since when.
    var next: UInt
    var previous: UInt
    var freedAt: UInt32
    /// Whether pages may be present or not zero.
    var isDirty: Bool
    /// Free, and its pages went back but for the first: addresses, which no limit counts.
    var isEmpty: Bool
    /// It was asked for as zeroes.
    var wasZeroed: Bool
    /// Its pages went back, and most had been used: zeroes are cheaper written than had from new ones.
    var wasFull: Bool
    /// Its pages went back when the program held hardly anything more (LargeRegions.isIdle).
    var wasIdle: Bool
    /// Grows in place or by moving page tables: the program fills it step by step.
    var hasGrown: Bool
    var hasHugePages: Bool
    /// What the program asked for, while blocks are checked.
    var requestedBytes: UInt
  }

  /// Writes the spare record of a region that nobody holds yet.
  init(
    unsafeRecord address: UInt, start: UInt, byteCount: UInt, mappedBytes: UInt, mapping: UInt,
    isDirty: Bool
  ) {
    self.address = address
    record.pointee.start = start
    record.pointee.byteCount = byteCount
    record.pointee.slackBytes.store(0, ordering: .relaxed)
    record.pointee.mappedBytes = mappedBytes
    record.pointee.mapping = mapping
    record.pointee.isDirty = isDirty
    record.pointee.isEmpty = false
    record.pointee.hasGrown = false
    record.pointee.hasHugePages = false
  }

  var record: UnsafeMutablePointer<Record> { Memory.pointer(at: address) }

  package var start: UInt { record.pointee.start }
  package var byteCount: UInt { record.pointee.byteCount }
  package var mappedBytes: UInt { record.pointee.mappedBytes }
  var slackBytes: UInt { record.pointee.slackBytes.load(ordering: .acquiring) }
  package var isEmpty: Bool { record.pointee.isEmpty }
  package var requestedBytes: UInt {
    get { record.pointee.requestedBytes }
    nonmutating set { record.pointee.requestedBytes = newValue }
  }
  package var isLive: Bool { record.pointee.isLive.load(ordering: .acquiring) != 0 }

  /// The region whose block begins at `pointer`, live or kept; nil when there is none.
  package static func starting(at pointer: UInt) -> LargeRegion? {
    guard let region = around(pointer), region.start == pointer else { return nil }
    return region
  }

  /// The region that begins in the 2 MiB around `pointer`.
  package static func around(_ pointer: UInt) -> LargeRegion? {
    let record = SuperSlabRegistry.record(at: pointer)
    guard SpanKind.of(record: record) == .large else { return nil }
    return LargeRegion(unsafeRecord: record)
  }

  package func noteUse() { MapLog.note(.large, start, byteCount) }

  /// Takes the block from the program; false when somebody else did.
  package func claimFree() -> Bool {
    record.pointee.isLive.exchange(0, ordering: .acquiringAndReleasing) == 1
  }
}

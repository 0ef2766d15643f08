import Synchronization

/// A lock-free stack of records in the metadata region (R. K. Treiber, IBM RJ 5118, 1986).
///
/// The head word is `tag << 30 | index`. `index` is the record's offset from the metadata base in
/// lines of 64 bytes, 0 when empty; `tag` counts the pops, so that a head that was popped and
/// pushed again is not mistaken for an unchanged one: 2³⁴ pops would have to pass while one thread
/// stands between its load and its compare-and-swap. A record's first word links to the next one.
/// Records are never unmapped, so that reading the link of one that was just popped is harmless.
package struct TaggedStack {
  package let head: UnsafeMutablePointer<Atomic<UInt64>>

  @inline(__always)
  package init(unsafeAt address: UInt) { head = Memory.pointer(at: address) }

  @inline(__always)
  package var isEmpty: Bool { head.pointee.load(ordering: .relaxed) & Self.indexMask == 0 }

  private static let indexBits: UInt64 = 30
  private static let indexMask: UInt64 = (1 << indexBits) &- 1

  @inline(__always)
  private static func link(of record: UInt) -> UnsafeMutablePointer<Atomic<UInt64>> {
    Memory.pointer(at: record)
  }

  @inline(__always)
  package func push(_ record: UInt) { pushChain(first: record, last: record) }

  /// Pushes records that are already linked from `first` to `last`.
  @inline(__always)
  package func pushChain(first: UInt, last: UInt) {
    let index = UInt64((first &- MetadataRegion.base) >> 6)
    var old = head.pointee.load(ordering: .relaxed)
    while true {
      Self.link(of: last).pointee.store(old & Self.indexMask, ordering: .relaxed)
      // Releases the record's contents to the pop that acquires the head.
      let (done, seen) = head.pointee.weakCompareExchange(
        expected: old, desired: (old & ~Self.indexMask) | index,
        successOrdering: .releasing, failureOrdering: .relaxed)
      if done { return }
      old = seen
    }
  }

  /// Takes the newest record; 0 when there is none.
  @inline(__always)
  package func pop() -> UInt {
    var old = head.pointee.load(ordering: .acquiring)
    while true {
      let index = old & Self.indexMask
      guard index != 0 else { return 0 }
      let record = MetadataRegion.base &+ UInt(index) << 6
      let next = Self.link(of: record).pointee.load(ordering: .relaxed)
      let (done, seen) = head.pointee.weakCompareExchange(
        expected: old, desired: Self.nextTag(old) | next,
        successOrdering: .acquiring, failureOrdering: .acquiring)
      if done { return record }
      old = seen
    }
  }

  /// Takes all records at once and returns the newest; `next(after:)` walks on. 0 when empty.
  package func popAll() -> UInt {
    var old = head.pointee.load(ordering: .acquiring)
    while old & Self.indexMask != 0 {
      let (done, seen) = head.pointee.weakCompareExchange(
        expected: old, desired: Self.nextTag(old),
        successOrdering: .acquiring, failureOrdering: .acquiring)
      if done { return MetadataRegion.base &+ UInt(old & Self.indexMask) << 6 }
      old = seen
    }
    return 0
  }

  /// The newest record without taking it, which another thread may do; 0 when empty.
  package func first() -> UInt {
    let index = head.pointee.load(ordering: .acquiring) & Self.indexMask
    return index == 0 ? 0 : MetadataRegion.base &+ UInt(index) << 6
  }

  /// The record below `record` in a chain that the caller owns; 0 at its end.
  package static func next(after record: UInt) -> UInt {
    let index = link(of: record).pointee.load(ordering: .relaxed) & indexMask
    return index == 0 ? 0 : MetadataRegion.base &+ UInt(index) << 6
  }

  /// Links `record` to `next` in a chain that the caller owns.
  package static func setNext(_ next: UInt, after record: UInt) {
    let index = next == 0 ? 0 : UInt64((next &- MetadataRegion.base) >> 6)
    link(of: record).pointee.store(index, ordering: .relaxed)
  }

  @inline(__always)
  private static func nextTag(_ word: UInt64) -> UInt64 {
    (word & ~indexMask) &+ (1 << indexBits)
  }
}

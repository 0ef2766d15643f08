import HakmemPages
import HakmemPlatform
import Synchronization

/// The tail of a slab: whole pages behind its last block, which nobody uses while the slab lives. They hold
/// memory where the slab was born on granules that others had used.
extension Slab {
  /// What a slab's granules held at its birth, and what became of its tail.
  enum Origin: UInt8 {
    /// Zeroes, or no pages.
    case zero = 0
    case used = 1
    /// As `used`, and a look for tails met the slab.
    case usedAndSeen = 2
    /// As `used`, but the tail was given back.
    case usedWithoutTail = 3
    /// As `used`, but there is no tail to give back, or the kernel refused.
    case usedForGood = 4
  }

  var origin: Origin { Origin(rawValue: record.pointee.origin.load(ordering: .relaxed)) ?? .zero }
  /// Whether the granules' pages were zero when the slab was born.
  var wasZero: Bool { origin == .zero }

  /// Pages that hold a part of a block; the others are the tail.
  var bodyPageCount: Int {
    let bytes = UInt(sizeClass.blocksPerSlab) &* sizeClass.blockBytes
    return Int(bytes.roundedUp(to: ProcessFacts.systemPageBytes) >> pageShift)
  }

  var bodyEnd: UInt { start &+ UInt(bodyPageCount) << pageShift }

  var tailPages: UInt64 {
    let body = bodyPageCount
    // A guard page lies there.
    guard body < pageCount, GuardPage.bytesBehindBlocks == 0 else { return 0 }
    return Self.pages(body, pageCount &- 1)
  }

  /// Whether the tail may hold memory.
  var mayHaveTail: Bool { origin == .used || origin == .usedAndSeen }

  /// Notes where the slab is born. The caller holds it, and it has a class.
  func begin(onUsedMemory isUsed: Bool) {
    let tail = isUsed ? tailPages.nonzeroBitCount : 0
    let origin: Origin = !isUsed ? .zero : tail > 0 ? .used : .usedForGood
    record.pointee.origin.store(origin.rawValue, ordering: .relaxed)
    SlabTails.add(tail)
  }

  /// Notes that the tail is nobody's to give back any more.
  func endTail(as origin: Origin) {
    let old = record.pointee.origin.exchange(origin.rawValue, ordering: .relaxed)
    if old == Origin.used.rawValue || old == Origin.usedAndSeen.rawValue {
      SlabTails.add(-tailPages.nonzeroBitCount)
    }
  }

  /// Gives the tail back, or notes that the slab was seen. The caller pinned it.
  fileprivate func look(dropping: Bool) {
    guard origin == .usedAndSeen || dropping else {
      _ = record.pointee.origin.compareExchange(
        expected: Origin.used.rawValue, desired: Origin.usedAndSeen.rawValue, ordering: .relaxed)
      return
    }
    guard mayHaveTail, dropping || !isInYoungHugePage else { return }
    let isGone = Purge.release(bodyEnd, start &+ sizeClass.slabBytes &- bodyEnd)
    if isGone { superSlab.noteBroken() }
    endTail(as: isGone ? .usedWithoutTail : .usedForGood)
  }
}

/// Tails that hold memory go back once their slabs outlived the purge delay. A slab without a free block is on no
/// list; so all slabs are looked through, when there is enough to gain.
package enum SlabTails {
  struct State: ~Copyable {
    let pages: Atomic<Int>
    let lookedAt: Atomic<UInt32>
  }
  private static var state: UnsafeMutablePointer<State> {
    Memory.pointer(at: SlabsStorage.slabTails)
  }

  /// Bytes in tails that were not given back.
  package static var bytes: Int {
    state.pointee.pages.load(ordering: .relaxed) * Int(ProcessFacts.systemPageBytes)
  }
  static func add(_ pages: Int) {
    if pages != 0 { state.pointee.pages.wrappingAdd(pages, ordering: .relaxed) }
  }

  /// Gives back the tails of slabs that were met at the last look, which was `age` milliseconds ago or
  /// earlier. Lazily given back memory would count as gone and stay.
  package static func age(_ age: UInt32) {
    let now = Clock.milliseconds()
    guard !Purge.isLazy, isWorthALook,
      now &- state.pointee.lookedAt.load(ordering: .relaxed) >= age
    else { return }
    state.pointee.lookedAt.store(now, ordering: .relaxed)
    PinnedSlab.forEach(where: { $0.mayHaveTail }) { slab, _ in slab.look(dropping: false) }
  }

  /// Gives all of them back.
  package static func dropAll() {
    guard bytes > 0 else { return }
    PinnedSlab.forEach(where: { $0.mayHaveTail }) { slab, _ in slab.look(dropping: true) }
  }

  private static var isWorthALook: Bool {
    let fewest = 128 << 10
    return bytes > max(fewest, DirtyMemory.bytesInUse / 128)
  }
}

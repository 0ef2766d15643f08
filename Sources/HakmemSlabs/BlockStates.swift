import HakmemPages
import HakmemPlatform
import Synchronization

/// One word of 16 bits for each block of a slab, away from the blocks, while blocks are checked:
///     0                ⇔  the block is not with the program
///     slack + 1        ⇔  it is, and its last `slack` bytes are more than was asked for
/// Who holds a block writes its state. So the word of a block in `free` tells exactly whether the
/// pointer is live, and of two threads that free one block at once the later user sees it.
package enum BlockStates {
  package typealias State = Atomic<UInt16>

  /// Two sizes of tables: as for the bitmaps, most classes have few blocks.
  private static let smallTableBlocks: UInt = 512
  private static let smallBytes: UInt = 2 * smallTableBlocks
  private static let largeBytes: UInt = 2 * Constants.granuleBytes / 16

  private static func isSmall(_ sizeClass: SizeClass) -> Bool {
    UInt(sizeClass.blocksPerSlab) < smallTableBlocks
  }
  private static func spare(_ sizeClass: SizeClass) -> TaggedStack {
    TaggedStack(
      unsafeAt: isSmall(sizeClass) ? SlabsStorage.smallStates : SlabsStorage.largeStates)
  }

  /// A table of zeroes for a slab of the class; 0 when memory is exhausted.
  static func take(_ sizeClass: SizeClass) -> UInt {
    let table = spare(sizeClass).pop()
    guard table != 0 else {
      return MetadataRegion.allocate(isSmall(sizeClass) ? smallBytes : largeBytes)
    }
    // The link of the list of spares.
    Memory.storeWord(0, at: table)
    return table
  }

  /// Takes back a table whose words are zero.
  static func putBack(_ table: UInt, _ sizeClass: SizeClass) { spare(sizeClass).push(table) }
}

/// Whether blocks are checked as they come and go: when the mode or one of its parts is on. Known
/// before the first slab, for ever.
package enum Hardening {
  @inline(__always)
  package static var isOn: Bool { Memory.loadWord(at: SlabsStorage.hardening) != 0 }

  /// Notes what the options say. Runs once, before the first slab.
  package static func learn() { Memory.storeWord(isWanted ? 1 : 0, at: SlabsStorage.hardening) }

  private static var isWanted: Bool {
    Option.canary.isOn || Option.zeroOnFree.isOn || Option.quarantine.isOn
      || Option.randomPlacement.isOn || Option.guardPages.isOn || Mode.current == .hardened
  }
}

extension Slab {
  /// The state of the block with that number in the slab around `address`, where the class map
  /// knows a class.
  @inline(__always)
  package static func state(
    _ index: UInt, at address: UInt, _ map: SlabMap
  ) -> UnsafeMutablePointer<BlockStates.State> {
    Memory.pointer(at: map.word(at: address) &+ index &* 2)
  }

  /// The same in a slab that is pinned.
  package func pinnedState(_ index: Int) -> UnsafeMutablePointer<BlockStates.State> {
    Memory.pointer(at: record.pointee.states &+ UInt(index) &* 2)
  }

  /// Makes the states of the new slab's blocks known and guards its end.
  func harden(_ granules: Granules) {
    for granule in 0..<granules.span {
      SlabMap.set(
        record.pointee.states, at: granules.start &+ granule << Constants.granuleShift)
    }
    let guardBytes = GuardPage.bytesBehindBlocks
    if guardBytes > 0 {
      GuardPage.install(start &+ sizeClass.slabBytes &- guardBytes, guardBytes)
    }
  }

  /// For random placement: makes the next fresh blocks count as used before, which are handed out
  /// in any order. Some pages of them at a time, so that few blocks do not touch the whole slab.
  /// The caller holds the slab.
  func openFreshBlocks() {
    let fresh = freshCount
    let count = max(Int(Self.openedBytes / sizeClass.blockBytes), 4)
    let end = min(fresh + count, sizeClass.blocksPerSlab)
    record.pointee.fresh.store(UInt16(end), ordering: .relaxed)
    var index = fresh
    while index < end {
      _ = markFree(1 << UInt64(index % 64), word: index / 64)
      index += 1
    }
  }

  private static let openedBytes: UInt = 64 << 10
}

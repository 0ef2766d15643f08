import HakmemPlatform
import Synchronization

/// Blocks of no bytes while blocks are checked: addresses 16 bytes apart, at random, in a region that
/// nobody can access. Whether the program has one says a bit away from them.
///
/// The region comes with the first such block. Any thread may call.
package enum EmptyBlocks {
  /// How far apart they are.
  package static let stride: UInt = 16
  private static let count: UInt = 1 << 20
  private static let regionBytes: UInt = count &* stride
  private static let bitmapBytes: UInt = count / 8
  /// Looks for a free one: with half of them in use one of 60,000 requests finds none.
  private static let tries = 16

  /// Where a record of metadata lies: the region's start, then the bits; 0 before the first block.
  private static var record: UnsafeMutablePointer<Atomic<UInt>> {
    Memory.pointer(at: PagesStorage.emptyBlocks)
  }

  private static func start(_ record: UInt) -> UInt { Memory.loadWord(at: record) }

  private static func bit(
    _ number: UInt, _ record: UInt
  ) -> (word: UnsafeMutablePointer<Atomic<UInt64>>, mask: UInt64) {
    (Memory.pointer(at: record &+ 8 &+ number / 64 &* 8), 1 << UInt64(number % 64))
  }

  /// A block that nobody has; 0 when memory is exhausted or most are in use.
  package static func allocate() -> UInt {
    let record = usableRecord()
    guard record != 0 else { return 0 }
    for _ in 0..<tries {
      let number = Secret.nextWord() % count
      let (word, mask) = bit(number, record)
      if word.pointee.bitwiseOr(mask, ordering: .relaxed).oldValue & mask == 0 {
        return start(record) &+ number &* stride
      }
    }
    return 0
  }

  private static func usableRecord() -> UInt {
    // Acquires the region's start.
    let known = record.pointee.load(ordering: .acquiring)
    return known != 0 ? known : create()
  }

  @inline(never)
  private static func create() -> UInt {
    let new = MetadataRegion.allocate(8 &+ bitmapBytes)
    guard new != 0, let region = SystemCalls.map(byteCount: regionBytes, protection: .none) else {
      return 0
    }
    SystemCalls.nameMapping(region, regionBytes, "hakmem empty blocks")
    Memory.storeWord(region, at: new)
    // Two threads may come here at once; the loser's record serves nobody.
    let (done, known) = record.pointee.compareExchange(
      expected: 0, desired: new, successOrdering: .acquiringAndReleasing,
      failureOrdering: .acquiring)
    if done { return new }
    SystemCalls.unmap(region, regionBytes)
    return known
  }

  package static func contains(_ address: UInt) -> Bool {
    let record = record.pointee.load(ordering: .acquiring)
    return record != 0 && address &- start(record) < regionBytes
  }

  /// Whether the program has the block at an address that `contains` knows.
  package static func isLive(_ address: UInt) -> Bool {
    guard address % stride == 0 else { return false }
    let record = record.pointee.load(ordering: .acquiring)
    let (word, mask) = bit((address &- start(record)) / stride, record)
    return word.pointee.load(ordering: .relaxed) & mask != 0
  }

  /// Takes a block back; false when the program does not have it.
  package static func free(_ address: UInt) -> Bool {
    guard address % stride == 0 else { return false }
    let record = record.pointee.load(ordering: .acquiring)
    let (word, mask) = bit((address &- start(record)) / stride, record)
    return word.pointee.bitwiseAnd(~mask, ordering: .relaxed).oldValue & mask != 0
  }

  /// Calls `body` for each block that the program has.
  package static func forEach(_ body: (UInt) -> Void) {
    let record = record.pointee.load(ordering: .acquiring)
    guard record != 0 else { return }
    var number: UInt = 0
    while number < count {
      var bits = bit(number, record).word.pointee.load(ordering: .relaxed)
      while bits != 0 {
        body(start(record) &+ (number &+ UInt(bits.trailingZeroBitCount)) &* stride)
        bits &= bits &- 1
      }
      number &+= 64
    }
  }
}

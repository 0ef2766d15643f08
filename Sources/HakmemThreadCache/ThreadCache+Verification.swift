import HakmemPlatform
import HakmemSlabs
import Synchronization

/// What the fast path of `free` has no room to look for: whether a bin holds a block twice, or a
/// pointer that is no block of its class.
extension ThreadCache {
  /// Looks through the calling thread's bins, without changing them, and hands what is wrong to
  /// `reject`. Does nothing where it would have to wait, or where blocks are checked otherwise, or in a
  /// signal handler that interrupted a slow call.
  package static func verifyFreed(reject: (UInt, Rejection) -> Void) {
    let cache = current
    guard cache.isOpen, cache.record.pointee.isBusy.load(ordering: .relaxed) == 0 else { return }
    cache.beginChange()
    for number in 1..<SizeClass.count {
      let sizeClass = SizeClass(number)
      if cache.count(sizeClass) > 0 { cache.verifyBin(sizeClass, reject) }
    }
    cache.endChange()
  }

  private func verifyBin(_ sizeClass: SizeClass, _ reject: (UInt, Rejection) -> Void) {
    // A bit for each hash that was met: only blocks that meet one again are compared.
    var met = InlineArray<64, UInt64>(repeating: 0)
    let first = firstSlot(sizeClass)
    let top = bin(sizeClass).top
    var slot = first
    while slot < top {
      let block = Memory.loadWord(at: slot)
      if block != 0 {
        let hash = Int((block &* 0x9e37_79b9_7f4a_7c15) >> 52)
        let bit: UInt64 = 1 << UInt64(hash % 64)
        let isTwice = met[hash / 64] & bit != 0 && Self.contains(block, from: first, to: slot)
        met[hash / 64] |= bit
        if let reason = Self.rejection(of: block, sizeClass) ?? (isTwice ? .alreadyFree : nil) {
          reject(block, reason)
        }
      }
      slot &+= 8
    }
  }

  private static func contains(_ block: UInt, from first: UInt, to end: UInt) -> Bool {
    var slot = first
    while slot < end {
      if Memory.loadWord(at: slot) == block { return true }
      slot &+= 8
    }
    return false
  }

  private static func rejection(of block: UInt, _ sizeClass: SizeClass) -> Rejection? {
    guard let slab = Slab.around(block), slab.sizeClass == sizeClass else { return .foreign }
    guard let index = slab.blockIndex(of: block) else { return .interior }
    return slab.isFree(index) ? .alreadyFree : nil
  }
}

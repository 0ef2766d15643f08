import HakmemPlatform
import Synchronization

/// Making used memory read as zeroes the cheaper way: writing costs time for each page, dropping the
/// pages costs a fault for each that is used again.
package enum Zeroing {
  /// Beyond this one call would take long, and a fork waits for the background thread's.
  static let mostToWrite: UInt = 32 << 20
  /// Below this a system call costs more than writing.
  private static let leastToDrop: UInt = 128 << 10

  /// Clears memory that the caller owns.
  package static func clear(_ start: UInt, _ byteCount: UInt) {
    let mayDrop =
      byteCount >= leastToDrop && (start | byteCount) % ProcessFacts.systemPageBytes == 0
      && (byteCount > mostToWrite || !seemsUsed(start, byteCount))
    if !mayDrop || !drop(start, byteCount) { Memory.zero(start, byteCount) }
  }

  /// Drops whole pages and writes the first, which hardly any program leaves unused; false when the kernel
  /// refuses.
  static func drop(_ start: UInt, _ byteCount: UInt) -> Bool {
    let page = ProcessFacts.systemPageBytes
    guard Purge.release(start &+ page, byteCount &- page) else { return false }
    Memory.zero(start, page)
    return true
  }

  /// Whether its pages seem to be used: looks at up to three. A page that is not there reads as zeroes
  /// and stays away, which costs a fault. One such page is enough where the memory before seemed unused
  /// too, else it takes two. A guess: what was written may be zeroes too. `trusting`: of memory that the
  /// program just freed, what follows some that seemed unused is taken for unused without a look.
  static func seemsUsed(_ start: UInt, _ byteCount: UInt, trusting: Bool = false) -> Bool {
    let trust = trust.pointee.load(ordering: .relaxed)
    if trusting, trust > 1 {
      self.trust.pointee.store(trust - 1, ordering: .relaxed)
      return false
    }
    var unused = trust > 0 ? 1 : 0
    for quarter: UInt in 1...3 where unused < 2 {
      let place = start &+ quarter &* (byteCount / 4)
      if isZero(place.roundedDown(to: Constants.pageBytes)) { unused += 1 }
    }
    let isUsed = unused < 2
    let next = isUsed ? 0 : trusting ? mostTrust : max(trust, 1)
    // All threads share the word.
    if next != trust { self.trust.pointee.store(next, ordering: .relaxed) }
    return isUsed
  }

  private static let mostTrust: UInt = 8

  /// 0 where memory seemed used; else 1 and how often the next is trusted to be unused.
  private static var trust: UnsafeMutablePointer<Atomic<UInt>> {
    Memory.pointer(at: PagesStorage.zeroing)
  }

  private static func isZero(_ page: UInt) -> Bool {
    for line in stride(from: page, to: page &+ Constants.pageBytes, by: Int(Constants.lineBytes)) {
      var bits: UInt = 0
      for word in 0..<(Constants.lineBytes / 8) { bits |= Memory.loadWord(at: line &+ word &* 8) }
      if bits != 0 { return false }
    }
    return true
  }
}

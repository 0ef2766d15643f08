import HakmemPlatform
import HakmemSlabs

/// How many blocks of each class went through a cache: two words below the class's zero word, in a
/// line that refills touch anyway. What the program frees and allocates again in between is not
/// counted: that would cost the fast paths.
extension ThreadCache {
  static let trafficBytes: UInt = 16

  private func refilledWord(_ sizeClass: SizeClass) -> UInt { firstSlot(sizeClass) &- 24 }
  private func returnedWord(_ sizeClass: SizeClass) -> UInt { firstSlot(sizeClass) &- 16 }

  /// Blocks that the cache took from the depot and the slabs, and gave back, since it was made.
  package func traffic(_ sizeClass: SizeClass) -> (refilled: UInt, returned: UInt) {
    (
      Memory.loadWord(at: refilledWord(sizeClass)), Memory.loadWord(at: returnedWord(sizeClass))
    )
  }

  func countRefilled(_ count: Int, _ sizeClass: SizeClass) {
    let word = refilledWord(sizeClass)
    Memory.storeWord(Memory.loadWord(at: word) &+ UInt(count), at: word)
  }

  func countReturned(_ count: Int, _ sizeClass: SizeClass) {
    let word = returnedWord(sizeClass)
    Memory.storeWord(Memory.loadWord(at: word) &+ UInt(count), at: word)
  }
}

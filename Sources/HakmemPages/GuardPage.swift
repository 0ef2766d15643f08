import HakmemPlatform
import Synchronization

/// Pages that fault at any access: behind slabs and blocks, and in place of freed blocks.
///
/// Linux 6.13 marks them in the page tables, which costs no mapping. Older kernels, and memory that
/// the program locked, take a change of protection, which splits the mapping; where the kernel
/// refuses that too, for it splits no more, the page stays accessible.
package enum GuardPage {
  package static var byteCount: UInt { ProcessFacts.systemPageBytes }

  /// What each slab and each page run leaves to its guard; 0 where pages are as large as slabs.
  package static var bytesBehindBlocks: UInt {
    Option.guardPages.isOn && byteCount < Constants.granuleBytes ? byteCount : 0
  }

  /// 1 once the protection of a page was changed.
  private static var usesProtection: UnsafeMutablePointer<Atomic<UInt>> {
    Memory.pointer(at: PagesStorage.guardPages)
  }

  /// Makes the pages of a range inaccessible and drops what they held. False when the kernel
  /// refuses.
  @discardableResult
  package static func install(_ start: UInt, _ bytes: UInt) -> Bool {
    if SystemCalls.advise(start, bytes, .guardInstall) { return true }
    usesProtection.pointee.store(1, ordering: .relaxed)
    guard SystemCalls.protect(start, bytes, .none) else { return false }
    SystemCalls.advise(start, bytes, .dontNeed)
    return true
  }

  /// Makes a range accessible again, whose guarded pages read as zeroes.
  package static func remove(_ start: UInt, _ bytes: UInt) {
    SystemCalls.advise(start, bytes, .guardRemove)
    if usesProtection.pointee.load(ordering: .relaxed) != 0 {
      _ = SystemCalls.protect(start, bytes, .readWrite)
    }
  }
}

import HakmemPlatform
import Synchronization

/// The kernel refuses to make huge pages: it does not know how, or may not here.
struct HugePageState: ~Copyable {
  let refusals: Atomic<UInt32>
  let isProven: Atomic<Bool>
}

/// A SuperSlab full of live memory as one huge page (MADV_COLLAPSE, Linux 6.1).
extension SuperSlab {
  /// So long no part of a huge page is given back: it was dense just before, and would be made anew.
  private static let youthMilliseconds: UInt32 = 10_000
  /// And so long after an attempt no other is made.
  private static let retryMilliseconds: UInt32 = 60_000
  private static let mostRefusals: UInt32 = 8

  private static var hugePages: UnsafeMutablePointer<HugePageState> {
    Memory.pointer(at: PagesStorage.collapse)
  }

  package static var mayCollapse: Bool {
    HugePages.current != .off && Constants.superSlabBytes == 512 * ProcessFacts.systemPageBytes
      && !Option.hugeTLB.isOn
      && (hugePages.pointee.isProven.load(ordering: .relaxed)
        || hugePages.pointee.refusals.load(ordering: .relaxed) < mostRefusals)
  }

  package var isCollapsed: Bool { record.pointee.isCollapsed.load(ordering: .relaxed) }

  /// Whether it is a huge page that is not to be broken up yet.
  package var isYoungHugePage: Bool {
    isCollapsed
      && Clock.milliseconds() &- record.pointee.collapsedAt.load(ordering: .relaxed)
        < Self.youthMilliseconds
  }

  /// A part of it was given back.
  package func noteBroken() {
    if isCollapsed { record.pointee.isCollapsed.store(false, ordering: .relaxed) }
  }

  /// Whether it may be collapsed, should it be dense.
  package var awaitsCollapse: Bool {
    let attemptedAt = record.pointee.collapsedAt.load(ordering: .relaxed)
    return !isCollapsed
      && (attemptedAt == 0 || Clock.milliseconds() &- attemptedAt >= Self.retryMilliseconds)
  }

  /// Notes whether the SuperSlab is dense now; answers whether it was at the last look, too.
  package func noteDensity(_ isDense: Bool) -> Bool {
    record.pointee.wasDense.exchange(isDense, ordering: .relaxed) && isDense
  }

  /// Makes the SuperSlab a huge page; false when the kernel does not.
  @discardableResult
  package func collapse() -> Bool {
    record.pointee.collapsedAt.store(Clock.milliseconds() | 1, ordering: .relaxed)
    // First: what becomes free meanwhile has pages then, whatever its maps say.
    record.pointee.isCollapsed.store(true, ordering: .relaxed)
    if SystemCalls.advise(start, Constants.superSlabBytes, .collapse) {
      Self.hugePages.pointee.isProven.store(true, ordering: .relaxed)
      Events.record(.collapse, address: start, size: Constants.superSlabBytes)
      return true
    }
    record.pointee.isCollapsed.store(false, ordering: .relaxed)
    Self.hugePages.pointee.refusals.wrappingAdd(1, ordering: .relaxed)
    return false
  }
}

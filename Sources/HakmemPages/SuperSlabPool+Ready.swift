import HakmemPlatform
import Synchronization

/// SuperSlabs with pages before their first use: those that prewarming made, and those that the
/// background thread keeps ahead of a heap that grows.
extension SuperSlabPool {
  struct AheadState: ~Copyable {
    let stack: Atomic<UInt64>
    let count: Atomic<Int>
    /// SuperSlabs that were taken and had not been in use, since the last look.
    let taken: Atomic<Int>
    /// Looks in a row that found none taken.
    var idleLooks: UInt32
  }
  static var aheadState: UnsafeMutablePointer<AheadState> {
    Memory.pointer(at: PagesStorage.aheadSuperSlabs)
  }
  private static var ahead: TaggedStack { TaggedStack(unsafeAt: PagesStorage.aheadSuperSlabs) }
  private static let mostAhead = 4
  private static let growthWorthIt = 2

  /// While the heap takes SuperSlab after SuperSlab, keeps some ready with pages that the kernel has
  /// zeroed; when it stops, gives them back. For the background thread, a look each period.
  package static func keepAhead() {
    let taken = aheadState.pointee.taken.exchange(0, ordering: .relaxed)
    if taken == 0 {
      aheadState.pointee.idleLooks &+= 1
      let looksBeforeReturn: UInt32 = 5
      if aheadState.pointee.idleLooks == looksBeforeReturn { purgeAhead() }
      return
    }
    aheadState.pointee.idleLooks = 0
    let prefault = Prefault(rawValue: Option.prefault.value) ?? .populate
    // What lies ready counts against a limit.
    guard taken >= growthWorthIt, prefault != .off, MemoryLimit.soft == 0, MemoryLimit.hard == 0
    else { return }
    while aheadState.pointee.count.load(ordering: .relaxed) < min(taken, mostAhead),
      let superSlab = takeCharged()
    {
      makeReady(superSlab, prefault)
      aheadState.pointee.count.wrappingAdd(1, ordering: .relaxed)
      ahead.push(superSlab.address)
    }
  }

  private static func makeReady(_ superSlab: SuperSlab, _ prefault: Prefault) {
    guard prefault != .off else { return }
    prefault.apply(superSlab.start, Constants.superSlabBytes)
    superSlab.record.pointee.readyGranules.store(.max, ordering: .relaxed)
  }

  static func takeAhead() -> SuperSlab? {
    let address = ahead.pop()
    guard address != 0 else { return nil }
    aheadState.pointee.count.wrappingSubtract(1, ordering: .relaxed)
    return SuperSlab(unsafeRecord: address)
  }

  private static func purgeAhead() {
    while let superSlab = takeAhead() { putColdPopulated(superSlab) }
  }

  /// Makes up to `count` SuperSlabs ready, with pages as `prefault` says; returns how many. They
  /// stay until they are used or everything is purged.
  package static func prewarm(_ count: Int, prefault: Prefault) -> Int {
    for made in 0..<count {
      guard let superSlab = takeCharged() else { return made }
      makeReady(superSlab, prefault)
      prewarmed.push(superSlab.address)
    }
    return count
  }

  /// Gives the pages of prewarmed SuperSlabs back.
  static func purgePrewarmed() {
    purgeAhead()
    while true {
      let address = prewarmed.pop()
      guard address != 0 else { return }
      putColdPopulated(SuperSlab(unsafeRecord: address))
    }
  }

  /// Gives back the pages of a SuperSlab that nobody used.
  private static func putColdPopulated(_ superSlab: SuperSlab) {
    superSlab.record.pointee.dirtyGranules.store(.max, ordering: .relaxed)
    DirtyMemory.add(Int(Constants.superSlabBytes))
    putCold(superSlab)
  }
}

import HakmemPages
import HakmemPlatform
import HakmemSlabs
import HakmemThreadCache

/// Medium and large blocks: they are few, and the kernel guards them.
extension Checked {
  @inline(never)
  static func freeBig(_ pointer: UInt, _ checked: CheckedCache, _ site: CallSite) {
    switch SpanKind.of(record: SuperSlabRegistry.record(at: pointer)) {
    case .pageRuns: freeRun(pointer, checked, site)
    case .large: freeLarge(pointer, checked, site)
    case .unused where EmptyBlocks.contains(pointer):
      guard EmptyBlocks.free(pointer) else { Misuse.stop(.free, pointer, site) }
    case .slabs, .unused: Misuse.stop(.free, pointer, site)
    }
  }

  static func freeLarge(_ pointer: UInt, _ checked: CheckedCache, _ site: CallSite) {
    guard let region = LargeRegion.starting(at: pointer), region.isLive else {
      Misuse.stop(.free, pointer, site)
    }
    verifySealIfAny(.free, pointer, region.requestedBytes, checked, site)
    guard region.claimFree() else { Misuse.stop(.free, pointer, site) }
    LargeRegions.free(region)
  }

  // MARK: Medium blocks

  /// Bytes of the page run for a block, its guard included.
  static func runByteCount(_ byteCount: UInt) -> UInt {
    (byteCount &+ 8).roundedUp(to: runUnit) &+ GuardPage.bytesBehindBlocks
  }

  /// The kernel's page where guards are wanted, so that none shares a page with a block.
  static var runUnit: UInt { max(GuardPage.bytesBehindBlocks, Constants.pageBytes) }

  static func allocateRun(
    _ byteCount: UInt, _ runBytes: UInt, alignment: UInt, zero: Bool, _ checked: CheckedCache
  ) -> UInt {
    let run = Heap.takeRun(runBytes, alignment: max(alignment, runUnit))
    guard run != 0 else { return 0 }
    let usable = runBytes &- GuardPage.bytesBehindBlocks
    if GuardPage.bytesBehindBlocks > 0 {
      GuardPage.install(run &+ usable, GuardPage.bytesBehindBlocks)
    }
    if zero || !Option.guardPages.isOn { PageRuns.clear(run, usable) }
    PageRuns.setSlack(usable &- byteCount, at: run)
    seal(run, byteCount, checked)
    return run
  }

  static func freeRun(_ pointer: UInt, _ checked: CheckedCache, _ site: CallSite) {
    let runBytes = PageRuns.byteCount(at: pointer)
    guard runBytes != 0 else { Misuse.stop(.free, pointer, site) }
    let usable = runBytes &- GuardPage.bytesBehindBlocks
    let byteCount = usable &- PageRuns.slack(at: pointer)
    verifySealIfAny(.free, pointer, byteCount, checked, site)
    let (claimed, mark) = PageRuns.markCached(
      pointer, record: SuperSlabRegistry.record(at: pointer))
    guard claimed != 0 else { Misuse.stop(.free, pointer, site) }
    // The run's pages go at once, and whoever looks for them faults while it is kept.
    if Option.guardPages.isOn {
      GuardPage.install(pointer, runBytes)
    } else if Option.zeroOnFree.isOn, !Purge.release(pointer, runBytes) {
      Memory.zero(pointer, byteCount)
    }
    guard checked.header.pointee.cache != 0 else { return ThreadCache.release(pointer, runBytes) }
    checked.cache.keepRun(pointer, runBytes, mark)
  }
}

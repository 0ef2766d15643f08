import CHakmemShims
import HakmemPages
import HakmemPlatform
import HakmemSlabs
import HakmemThreadCache

/// The gatekeeper of the slow paths: requests and blocks by size, small (size classes), medium
/// (page runs) and large (mappings of their own). Addresses here are words, 0 for failure.
enum Heap {
  /// The calling thread's cache, opened or made if need be; nil for a thread that has ended or
  /// cannot get one.
  @inline(__always)
  static func usableCache() -> ThreadCache? {
    let cache = ThreadCache.current
    return cache.isOpen ? cache : openedCache(cache)
  }

  @inline(never)
  private static func openedCache(_ cache: ThreadCache) -> ThreadCache? {
    switch cache.kind {
    case .open: return cache
    case .intercepted, .sampled: return cache.opened
    case .closed: return Gate.pass(cache)
    case .exited:
      Gate.wait()
      return nil
    case .initial: return Process.start() ? ThreadCache.adoptIfWorthIt() : nil
    }
  }

  // MARK: Allocation

  /// With `zero` the block reads as zeroes.
  static func allocate(_ byteCount: UInt, zero: Bool) -> UInt {
    let block = mindingLimits { tryAllocate(byteCount, zero: zero) }
    return block != 0
      ? block : allocateElsewhere(byteCount, alignment: Constants.minimumAlignment, zero: zero)
  }

  /// A run for `byteCount`, at most `PageRuns.maximumBytes`, whatever its size.
  static func allocateRun(_ byteCount: UInt) -> UInt {
    mindingLimits {
      allocateMedium(
        byteCount, alignment: Constants.pageBytes, zero: false, usableCache())
    }
  }

  /// `alignment` is a power of two.
  static func allocate(_ byteCount: UInt, alignment: UInt) -> UInt {
    let block = mindingLimits { tryAllocate(byteCount, alignment: alignment) }
    return block != 0 ? block : allocateElsewhere(byteCount, alignment: alignment, zero: false)
  }

  /// A small block by way of the windows of the calling thread.
  static func allocate(_ byteCount: UInt, zero: Bool, from sampled: SampledCache) -> UInt {
    mindingLimits {
      let block = sampled.allocateFilling(byteCount)
      if block != 0, zero { Memory.zero(block, byteCount) }
      return block
    }
  }

  /// A block without a size class, whatever its size; `alignment` is a power of two.
  static func allocateApart(_ byteCount: UInt, alignment: UInt, zero: Bool) -> UInt {
    mindingLimits {
      let cache = usableCache()
      if byteCount <= PageRuns.maximumBytes, alignment <= PageRuns.maximumBytes {
        return allocateMedium(
          max(byteCount, 1), alignment: max(alignment, Constants.pageBytes), zero: zero, cache)
      }
      return allocateLarge(
        max(byteCount, 1), alignment: max(alignment, Constants.pageBytes), zero: zero)
    }
  }

  private static func tryAllocate(_ byteCount: UInt, zero: Bool) -> UInt {
    let cache = usableCache()
    if byteCount <= SizeClass.maximumBytes {
      let sizeClass =
        cache.flatMap { $0.sizeClass(serving: byteCount) } ?? SizeClass.serving(byteCount)
      return zero
        ? allocateZeroSmall(byteCount, sizeClass, cache)
        : allocateSmall(sizeClass, cache, orLarger: true)
    }
    if byteCount <= PageRuns.maximumBytes {
      return allocateMedium(byteCount, alignment: Constants.pageBytes, zero: zero, cache)
    }
    return allocateLarge(byteCount, alignment: Constants.pageBytes, zero: zero)
  }

  private static func tryAllocate(_ byteCount: UInt, alignment: UInt) -> UInt {
    if alignment <= Constants.minimumAlignment { return tryAllocate(byteCount, zero: false) }
    let cache = usableCache()
    let sizeClass = SizeClass.serving(byteCount, alignment: alignment)
    if sizeClass != .none { return allocateSmall(sizeClass, cache) }
    if byteCount <= PageRuns.maximumBytes, alignment <= PageRuns.maximumBytes {
      return allocateMedium(
        max(byteCount, 1), alignment: max(alignment, Constants.pageBytes), zero: false, cache)
    }
    return allocateLarge(
      max(byteCount, 1), alignment: max(alignment, Constants.pageBytes), zero: false)
  }

  private static func allocateSmall(
    _ sizeClass: SizeClass, _ cache: ThreadCache?, orLarger: Bool = false
  ) -> UInt {
    cache?.allocate(sizeClass, orLarger: orLarger) ?? carveOne(sizeClass).block
  }

  /// Blocks of a page and more that were never used are not cleared again.
  private static func allocateZeroSmall(
    _ byteCount: UInt, _ sizeClass: SizeClass, _ cache: ThreadCache?
  ) -> UInt {
    if let cache, byteCount > Constants.pageBytes, cache.count(sizeClass) == 0 {
      let depotIsEmpty = Depot.blockCount(sizeClass) == 0
      if depotIsEmpty {
        let (block, isZero) = carveOneOrLarger(sizeClass, cache)
        if block != 0, !isZero { Memory.zero(block, byteCount) }
        return block
      }
    }
    let block = allocateSmall(sizeClass, cache, orLarger: true)
    if block != 0 { Memory.zero(block, byteCount) }
    return block
  }

  private static func carveOneOrLarger(
    _ sizeClass: SizeClass, _ cache: ThreadCache
  ) -> (block: UInt, isZero: Bool) {
    if ThreadCache.mayTakeLarger(than: sizeClass) {
      let used = carveOne(sizeClass, mayTouch: false)
      if used.block != 0 { return used }
      let larger = cache.allocateLarger(than: sizeClass)
      if larger != 0 { return (larger, false) }
    }
    return carveOne(sizeClass)
  }

  /// One block past every cache, for threads that have none. Its neighbours may be other threads':
  /// up to a kilobyte it has its lines to itself.
  static func carveOne(
    _ sizeClass: SizeClass, mayTouch: Bool = true
  ) -> (block: UInt, isZero: Bool) {
    guard Process.start() else { return (0, false) }
    let alone =
      sizeClass.blockBytes <= 1024
      ? SizeClass.serving(sizeClass.blockBytes.roundedUp(to: Constants.lineBytes)) : sizeClass
    var block: UInt = 0
    let isZero = withUnsafeMutablePointer(to: &block) {
      SlabList(alone).carve(into: UInt(bitPattern: $0), count: 1, mayTouch: mayTouch).isZero
    }
    return (block, isZero)
  }

  private static func allocateMedium(
    _ byteCount: UInt, alignment: UInt, zero: Bool, _ cache: ThreadCache?
  ) -> UInt {
    guard Process.start() else { return 0 }
    let bytes = PageRuns.byteCount(serving: byteCount)
    if alignment == Constants.pageBytes, let kept = cache?.takeRun(bytes), kept != 0 {
      if zero { Zeroing.clear(kept, byteCount.roundedUp(to: Constants.pageBytes)) }
      return kept
    }
    let run = takeRun(bytes, alignment: alignment)
    if zero, run != 0 { PageRuns.clear(run, bytes) }
    return run
  }

  /// A run past the threads' caches; gives back what is free before it gives up.
  static func takeRun(_ byteCount: UInt, alignment: UInt) -> UInt {
    let run = PageRuns.allocate(byteCount, alignment: alignment)
    if run != 0 { return run }
    Housekeeping.purgeEverything()
    return PageRuns.allocate(byteCount, alignment: alignment)
  }

  static func allocateLarge(_ byteCount: UInt, alignment: UInt, zero: Bool) -> UInt {
    guard byteCount <= Constants.maximumRequest, Process.start() else { return 0 }
    ControlGroup.follow()
    defer { ThreadCache.tickIfAny() }
    return Gate.whileMapping {
      if let region = LargeRegions.allocate(byteCount, alignment: alignment, zero: zero) {
        return region.start
      }
      guard byteCount <= mostThatMayFit else { return 0 }
      Housekeeping.purgeEverything()
      return LargeRegions.allocate(byteCount, alignment: alignment, zero: zero)?.start ?? 0
    }
  }

  /// Makes a live large block longer or shorter, moving page tables at most. False when memory is
  /// exhausted or the kernel refuses, and the block is as it was.
  static func resizeLarge(_ region: LargeRegion, to byteCount: UInt) -> Bool {
    mindingLimits {
      Gate.whileMapping {
        if LargeRegions.resize(region, to: byteCount) { return region.start }
        guard byteCount <= mostThatMayFit else { return 0 }
        Housekeeping.purgeEverything()
        return LargeRegions.resize(region, to: byteCount) ? region.start : 0
      }
    } != 0
  }

  /// What is larger fails however much room is made.
  static var mostThatMayFit: UInt {
    let hard = MemoryLimit.hard
    let ofProcess = min(ProcessFacts.addressSpaceLimit, 1 << Constants.addressBits)
    return hard == 0 ? ofProcess : min(ofProcess, UInt(hard))
  }

  // MARK: Free

  /// Frees a live block of any kind; reports and aborts for anything else.
  static func free(_ pointer: UInt, _ site: CallSite) {
    let doubledClass = ClassMap.doubledClass(of: pointer)
    if doubledClass != 0 {
      return freeSmall(pointer, SizeClass(doubled: doubledClass))
    }
    if HeapProfile.isSampling { HeapProfile.forget(pointer) }
    let record = SuperSlabRegistry.record(at: pointer)
    switch SpanKind.of(record: record) {
    case .pageRuns: freeMedium(pointer, record, site)
    case .large: freeLarge(pointer, site)
    case .slabs, .unused: Misuse.stop(.free, pointer, site)
    }
  }

  private static func freeSmall(_ pointer: UInt, _ sizeClass: SizeClass) {
    guard let cache = usableCache() else {
      var block = pointer
      withUnsafeMutablePointer(to: &block) {
        SlabList.giveBack(
          UInt(bitPattern: $0), count: 1, of: sizeClass, reject: Misuse.report)
      }
      return
    }
    if !cache.bin(forDoubledClass: sizeClass.doubled).push(pointer) {
      cache.overflow(pointer, sizeClass)
    }
  }

  private static func freeMedium(_ pointer: UInt, _ record: UInt, _ site: CallSite) {
    let (byteCount, mark) = PageRuns.markCached(pointer, record: record)
    guard byteCount != 0 else { Misuse.stop(.free, pointer, site) }
    if let cache = usableCache() {
      cache.keepRun(pointer, byteCount, mark)
    } else {
      PageRuns.free(pointer)
    }
  }

  /// Frees the page run that a block left as it grew to `new` bytes; false for other blocks. It goes
  /// past the thread's cache, so that its pages can be parts of others: few programs want as many
  /// again.
  static func freeOutgrown(_ pointer: UInt, by new: UInt) -> Bool {
    guard ClassMap.doubledClass(of: pointer) == 0 else { return false }
    let record = SuperSlabRegistry.record(at: pointer)
    guard SpanKind.of(record: record) == .pageRuns else { return false }
    guard PageRuns.markCached(pointer, record: record).byteCount != 0 else {
      Misuse.stop(.reallocate, pointer)
    }
    PageRuns.free(pointer, isOutgrown: new > PageRuns.maximumBytes)
    return true
  }

  private static func freeLarge(_ pointer: UInt, _ site: CallSite) {
    guard let region = LargeRegion.starting(at: pointer) else {
      Misuse.stop(.free, pointer, site)
    }
    Gate.whileMapping {
      guard region.claimFree() else { Misuse.stop(.free, pointer, site) }
      LargeRegions.free(region)
    }
    ThreadCache.tickIfAny()
  }

  // MARK: Sizes

  /// Usable bytes of the live block that begins at `pointer`; nil when none does.
  static func usableBytes(_ pointer: UInt) -> UInt? {
    if GuardSampler.contains(pointer) { return GuardSampler.byteCount(pointer) }
    if Hardening.isOn { return Checked.requestedBytes(pointer) }
    let doubledClass = ClassMap.doubledClass(of: pointer)
    if doubledClass != 0 { return SizeClass(doubled: doubledClass).blockBytes }
    let run = PageRuns.byteCount(at: pointer)
    if run != 0 { return run }
    guard let region = LargeRegion.starting(at: pointer), region.isLive else { return nil }
    return region.byteCount
  }
}

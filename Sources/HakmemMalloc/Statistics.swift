import CHakmem
import HakmemPages
import HakmemPlatform
import HakmemSlabs
import HakmemThreadCache
import Synchronization

/// Figures of the heap, collected by walking the descriptors: nothing is counted on a fast path.
struct Statistics {
  var total = hakmem_statistics_t()
  private(set) var classes = SizeClass.Table(repeating: hakmem_class_statistics_t())

  static func collect() -> Statistics {
    var statistics = Statistics()
    guard Process.isReady else { return statistics }
    statistics.collectClasses()
    statistics.addSmall()
    statistics.addMediumAndLarge()
    statistics.addEvents()
    return statistics
  }

  private mutating func collectClasses() {
    SuperSlab.forEach { superSlab in
      Slab.forEach(in: superSlab) { slab in
        let sizeClass = slab.sizeClass
        let free = slab.freeCount
        classes[sizeClass.number].slabs += 1
        classes[sizeClass.number].slab_free_blocks += free
        // For now all that were handed out.
        classes[sizeClass.number].live_blocks += sizeClass.blocksPerSlab - free
      }
    }
    for number in 1..<SizeClass.count {
      let sizeClass = SizeClass(number)
      var cached = 0
      ThreadCache.forEach {
        cached += max($0.count(sizeClass), 0)
        $0.checkedCache?.forEachBlock(sizeClass) { _ in cached += 1 }
      }
      let inDepot = Depot.exactBlockCount(sizeClass)
      classes[number].block_size = Int(sizeClass.blockBytes)
      classes[number].thread_cache_blocks = cached
      classes[number].depot_blocks = inDepot
      classes[number].live_blocks = max(classes[number].live_blocks - cached - inDepot, 0)
    }
  }

  private mutating func addSmall() {
    for number in 1..<SizeClass.count {
      let figures = classes[number]
      total.live_blocks += figures.live_blocks
      total.live_bytes += figures.live_blocks * figures.block_size
      total.thread_cache_bytes += figures.thread_cache_blocks * figures.block_size
      total.depot_bytes += figures.depot_blocks * figures.block_size
      total.slab_free_bytes += figures.slab_free_blocks * figures.block_size
      total.slabs += figures.slabs
    }
  }

  private mutating func addMediumAndLarge() {
    var runs = 0
    var runBytes = 0
    var pageFreeBytes = 0
    var inUse = 0
    SuperSlab.forEach { superSlab in
      if superSlab.kind != .unused { inUse += 1 }
      pageFreeBytes += superSlab.freeDirtyBytes
      guard superSlab.kind == .pageRuns else { return }
      PageRuns.forEachRun(in: superSlab) { _, byteCount, isLive in
        guard isLive else { return }
        runs += 1
        runBytes += Int(byteCount)
      }
    }
    total.superslabs = inUse
    total.page_free_bytes = pageFreeBytes + LargeRegions.keptBytes
    total.live_medium_bytes = runBytes
    total.live_large_bytes = LargeRegions.liveBytes
    total.large_regions = LargeRegions.liveCount
    total.live_blocks += runs + LargeRegions.liveCount
    total.live_bytes += runBytes + LargeRegions.liveBytes
    total.superslabs_warm = max(SuperSlabPool.warmCount, 0)
  }

  private mutating func addEvents() {
    var caches = 0
    var refills: UInt = 0
    var overflows: UInt = 0
    ThreadCache.forEach {
      if $0.isOwned { caches += 1 }
      refills &+= $0.refillCount
      overflows &+= $0.overflowCount
    }
    total.thread_caches = caches
    total.refills = UInt64(refills)
    total.overflows = UInt64(overflows)
    total.slabs_created = UInt64(SlabCounters.shared.pointee.created.load(ordering: .relaxed))
    total.slabs_retired = UInt64(SlabCounters.shared.pointee.retired.load(ordering: .relaxed))
    total.corruptions = UInt64(SlabCounters.shared.pointee.corruptions.load(ordering: .relaxed))
    let pages = PageCounters.shared
    total.maps = UInt64(pages.pointee.maps.load(ordering: .relaxed))
    total.unmaps = UInt64(pages.pointee.unmaps.load(ordering: .relaxed))
    total.purges = UInt64(pages.pointee.purges.load(ordering: .relaxed))
    total.purged_bytes = UInt64(pages.pointee.purgedBytes.load(ordering: .relaxed))
    total.mapped_bytes = pages.pointee.mappedBytes.load(ordering: .relaxed)
    total.metadata_bytes = Int(MetadataRegion.usedBytes)
    total.limited_bytes = MemoryLimit.usedBytes
    total.soft_limit_bytes = MemoryLimit.soft
    total.hard_limit_bytes = MemoryLimit.hard
  }
}

@c @implementation
public func hakmem_statistics(
  _ statistics: UnsafeMutablePointer<hakmem_statistics_t>?, _ size: Int
) {
  guard let statistics else { return }
  var total = Statistics.collect().total
  withUnsafeBytes(of: &total) {
    UnsafeMutableRawPointer(statistics).copyMemory(
      from: $0.baseAddress.unsafelyUnwrapped, byteCount: min(size, $0.count))
  }
}

@c @implementation
public func hakmem_class_statistics(
  _ number: Int32, _ statistics: UnsafeMutablePointer<hakmem_class_statistics_t>?, _ size: Int
) -> Bool {
  guard let statistics, number > 0, Int(number) < SizeClass.count, Process.start() else {
    return false
  }
  var figures = Statistics.collect().classes[Int(number)]
  withUnsafeBytes(of: &figures) {
    UnsafeMutableRawPointer(statistics).copyMemory(
      from: $0.baseAddress.unsafelyUnwrapped, byteCount: min(size, $0.count))
  }
  return true
}

import CHakmem
import HakmemPages
import HakmemPlatform
import HakmemSlabs
import Synchronization

/// Figures of the heap, collected by walking the descriptors: nothing is counted on a fast path.
/// SuperSlabs and thread caches are added one by one, so that a walk may pause in between.
package struct Statistics {
  package private(set) var total = hakmem_statistics_t()
  /// Live page runs.
  package private(set) var liveRuns = 0
  package private(set) var classes = SizeClass.Table(repeating: hakmem_class_statistics_t())

  package init() {}

  /// The figures of a heap that is set up.
  package static func ofHeap() -> Statistics {
    var statistics = Statistics()
    SuperSlab.forEach { statistics.add($0) }
    ThreadCache.forEach { statistics.add($0) }
    statistics.finish { Depot.exactBlockCount($0) }
    return statistics
  }

  package mutating func add(_ superSlab: SuperSlab) {
    let kind = superSlab.kind
    if kind != .unused { total.superslabs += 1 }
    total.page_free_bytes += superSlab.freeDirtyBytes
    if kind == .pageRuns { return addRuns(superSlab) }
    Slab.forEach(in: superSlab) { slab in
      let sizeClass = slab.sizeClass
      let free = min(slab.freeCount, sizeClass.blocksPerSlab)
      classes[sizeClass.number].slabs += 1
      classes[sizeClass.number].slab_free_blocks += free
      // For now all that were handed out.
      classes[sizeClass.number].live_blocks += sizeClass.blocksPerSlab - free
    }
  }

  private mutating func addRuns(_ superSlab: SuperSlab) {
    PageRuns.forEachRun(in: superSlab) { _, byteCount, isLive in
      guard isLive else { return }
      liveRuns += 1
      total.live_medium_bytes += Int(byteCount)
    }
  }

  package mutating func add(_ cache: ThreadCache) {
    if cache.isOwned { total.thread_caches += 1 }
    total.refills &+= UInt64(cache.refillCount)
    total.overflows &+= UInt64(cache.overflowCount)
    for number in 1..<SizeClass.count {
      let sizeClass = SizeClass(number)
      cache.forEachBlock(sizeClass) { _ in classes[number].thread_cache_blocks += 1 }
      cache.checkedCache?.forEachBlock(sizeClass) { _ in
        classes[number].thread_cache_blocks += 1
      }
      cache.sampledCache?.forEachBlock(sizeClass) { _ in
        classes[number].thread_cache_blocks += 1
      }
      let traffic = cache.traffic(sizeClass)
      classes[number].refilled_blocks &+= UInt64(traffic.refilled)
      classes[number].returned_blocks &+= UInt64(traffic.returned)
    }
  }

  /// Sums up what was added. `blocksInDepot` says how many blocks of a class lie there.
  package mutating func finish(blocksInDepot: (SizeClass) -> Int) {
    for number in 1..<SizeClass.count {
      let sizeClass = SizeClass(number)
      classes[number].block_size = Int(sizeClass.blockBytes)
      classes[number].depot_blocks = blocksInDepot(sizeClass)
      let atHand = classes[number].thread_cache_blocks + classes[number].depot_blocks
      classes[number].live_blocks = max(classes[number].live_blocks - atHand, 0)
      let figures = classes[number]
      total.live_blocks += figures.live_blocks
      total.live_bytes += figures.live_blocks * figures.block_size
      total.thread_cache_bytes += figures.thread_cache_blocks * figures.block_size
      total.depot_bytes += figures.depot_blocks * figures.block_size
      total.slab_free_bytes += figures.slab_free_blocks * figures.block_size
      total.slabs += figures.slabs
    }
    total.page_free_bytes += LargeRegions.keptBytes
    total.live_large_bytes = LargeRegions.liveBytes
    total.large_regions = LargeRegions.liveCount
    total.most_large_regions = LargeRegions.mostCount
    total.most_large_bytes = LargeRegions.mostBytes
    total.live_blocks += liveRuns + LargeRegions.liveCount
    total.live_bytes += total.live_medium_bytes + LargeRegions.liveBytes
    EmptyBlocks.forEach { _ in total.live_blocks += 1 }
    total.superslabs_warm = max(SuperSlabPool.warmCount, 0)
    addCounters()
  }

  private mutating func addCounters() {
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

import CHakmem

/// The figures of a heap, as hakmem.h explains them. Bytes unless the name says otherwise.
package struct HeapStatistics: Codable, Equatable, Sendable {
  package var liveBlocks = 0
  package var liveBytes = 0
  package var liveMediumBytes = 0
  package var liveLargeBytes = 0
  package var threadCacheBytes = 0
  package var depotBytes = 0
  package var slabFreeBytes = 0
  package var pageFreeBytes = 0
  package var mappedBytes = 0
  package var metadataBytes = 0
  package var superslabs = 0
  package var superslabsWarm = 0
  package var slabs = 0
  package var largeRegions = 0
  package var threadCaches = 0
  package var refills = 0
  package var overflows = 0
  package var slabsCreated = 0
  package var slabsRetired = 0
  package var maps = 0
  package var unmaps = 0
  package var purges = 0
  package var purgedBytes = 0
  package var corruptions = 0
  /// Classes in use, smallest first.
  package var classes: [Class] = []

  /// A size class.
  package struct Class: Codable, Equatable, Sendable {
    package var number = 0
    package var blockSize = 0
    package var liveBlocks = 0
    package var threadCacheBlocks = 0
    package var depotBlocks = 0
    package var slabFreeBlocks = 0
    package var slabs = 0
    /// Blocks that thread caches took from the depot and the slabs so far, and gave back. What comes
    /// and goes inside a cache is not counted.
    package var refilledBlocks = 0
    package var returnedBlocks = 0
    /// Bytes that rounding up to the class can have cost at most: sizes that programs ask for are
    /// not recorded.
    package var roundingBound = 0

    package var liveBytes: Int { liveBlocks * blockSize }
  }

  package init() {}

  init(total: hakmem_statistics_t, classes figures: [hakmem_class_statistics_t]) {
    liveBlocks = total.live_blocks
    liveBytes = total.live_bytes
    liveMediumBytes = total.live_medium_bytes
    liveLargeBytes = total.live_large_bytes
    threadCacheBytes = total.thread_cache_bytes
    depotBytes = total.depot_bytes
    slabFreeBytes = total.slab_free_bytes
    pageFreeBytes = total.page_free_bytes
    mappedBytes = total.mapped_bytes
    metadataBytes = total.metadata_bytes
    superslabs = total.superslabs
    superslabsWarm = total.superslabs_warm
    slabs = total.slabs
    largeRegions = total.large_regions
    threadCaches = total.thread_caches
    refills = Int(clamping: total.refills)
    overflows = Int(clamping: total.overflows)
    slabsCreated = Int(clamping: total.slabs_created)
    slabsRetired = Int(clamping: total.slabs_retired)
    maps = Int(clamping: total.maps)
    unmaps = Int(clamping: total.unmaps)
    purges = Int(clamping: total.purges)
    purgedBytes = Int(clamping: total.purged_bytes)
    corruptions = Int(clamping: total.corruptions)
    var smaller = 0
    for (index, figures) in figures.enumerated() {
      defer { smaller = figures.block_size }
      guard figures.slabs > 0 else { continue }
      classes.append(
        Class(
          number: index + 1, blockSize: figures.block_size, liveBlocks: figures.live_blocks,
          threadCacheBlocks: figures.thread_cache_blocks, depotBlocks: figures.depot_blocks,
          slabFreeBlocks: figures.slab_free_blocks, slabs: figures.slabs,
          refilledBlocks: Int(clamping: figures.refilled_blocks),
          returnedBlocks: Int(clamping: figures.returned_blocks),
          roundingBound: figures.live_blocks * max(figures.block_size - smaller - 1, 0)))
    }
  }
}

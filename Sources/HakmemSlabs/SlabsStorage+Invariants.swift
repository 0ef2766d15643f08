import CHakmemClasses
import CHakmemShims
import HakmemPlatform

extension SlabsStorage {
  package static var fault: StaticString? {
    let word = MemoryLayout<UInt>.size
    if SizeClass.count != Int(hakmem_size_classes) { return "the shims count other size classes" }
    if SizeClass.count != hakmem_class_numbers { return "other classes have sizes" }
    var map = StorageMap(base, byteCount: Int(hakmem_slabs_bytes))
    map.add(facts, MemoryLayout<SizeClass.Facts>.stride * SizeClass.count)
    map.add(counters, MemoryLayout<SlabCounters>.size)
    map.add(emptyBatches, word)
    map.add(bitmapChunks, word)
    map.add(depot, MemoryLayout<Depot.State>.size)
    map.add(smallStates, word)
    map.add(largeStates, word)
    map.add(hardening, word)
    map.add(nodeSlabLists, word)
    map.add(pinnedSlab, word)
    map.add(slabTails, MemoryLayout<SlabTails.State>.size)
    map.add(slabLists, SlabList.byteCount * SizeClass.count)
    if MemoryLayout<SlabList.State>.size > SlabList.paceOffset
      || MemoryLayout<FreshPace.State>.size > SlabList.byteCount - Int(SlabList.paceOffset)
    {
      return "a slab list outgrew its line"
    }
    if UInt(MemoryLayout<Depot.Shelf>.size) > Constants.lineBytes {
      return "a shelf outgrew its line"
    }
    if MemoryLayout<Slab.Record>.size > 64 { return "a slab's record reaches into its bitmap" }
    return map.fault
  }
}

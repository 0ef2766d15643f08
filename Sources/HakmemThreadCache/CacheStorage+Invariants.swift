import CHakmemShims
import HakmemPages
import HakmemPlatform
import HakmemSlabs

extension CacheStorage {
  package static var fault: StaticString? {
    let word = MemoryLayout<UInt>.size
    var map = StorageMap(base, byteCount: Int(hakmem_cache_bytes))
    map.add(slotOffsets, SizeClass.count * word)
    map.add(parked, word)
    map.add(all, word)
    map.add(gate, 4 * word)
    map.add(housekeeping, word)
    map.add(aged, word)
    map.add(flushed, word)
    map.add(parkingCredit, MemoryLayout<KeepCredit.State>.size)
    map.add(interception, MemoryLayout<UInt32>.size)
    map.add(checked, word)
    map.add(guardSampler, MemoryLayout<GuardSampler.Shared>.size)
    map.add(background, MemoryLayout<Background.State>.size)
    map.add(trimming, MemoryLayout<ThreadCache.Trimming>.size)
    map.add(heapProfile, MemoryLayout<HeapProfile.State>.size)
    return map.fault ?? cacheFault
  }

  /// The parts of a thread cache lie apart.
  private static var cacheFault: StaticString? {
    typealias Offset = ThreadCache.Offset
    let header = Offset.closedHeader
    var map = StorageMap(0, byteCount: Int(ThreadCacheLayout.byteCount))
    map.add(Offset.bins, SizeClass.count * 16)
    map.add(Offset.classOf, Int(SizeClass.fastMaximumBytes / 16) + 1)
    map.add(Offset.kind, 8)
    map.add(Offset.checkedCache, 8)
    map.add(Offset.sampledCache, 8)
    map.add(Offset.owner, 8)
    map.add(header &+ Offset.bins, SizeClass.count * 16)
    map.add(header &+ Offset.classOf, Int(SizeClass.fastMaximumBytes / 16) + 1)
    map.add(header &+ Offset.kind, 8)
    map.add(header &+ Offset.checkedCache, 8)
    map.add(header &+ Offset.sampledCache, 8)
    map.add(header &+ Offset.owner, 8)
    map.add(Offset.record, MemoryLayout<ThreadCache.Record>.size)
    // Bin 0's zero word; below each class's slots its traffic and a zero word.
    map.add(Offset.slots, 8)
    for number in 1..<SizeClass.count {
      let sizeClass = SizeClass(number)
      map.add(
        ThreadCacheLayout.firstSlotOffset(sizeClass) &- 8 &- ThreadCache.trafficBytes,
        (sizeClass.cacheCapacity + 1) * 8 + Int(ThreadCache.trafficBytes))
    }
    if Offset.record % Constants.lineBytes != 0 { return "a cache's record does not begin a line" }
    return map.fault
  }
}

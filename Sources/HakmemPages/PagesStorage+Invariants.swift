import CHakmemShims
import HakmemPlatform
import Synchronization

extension PagesStorage {
  package static var fault: StaticString? {
    let word = MemoryLayout<UInt>.size
    var map = StorageMap(base, byteCount: Int(hakmem_pages_bytes))
    map.add(classMap, word)
    map.add(counters, MemoryLayout<PageCounters>.size)
    map.add(addressSpace, MemoryLayout<AddressSpace.State>.size)
    map.add(availableSuperSlabs, word)
    map.add(warmSuperSlabs, MemoryLayout<SuperSlabPool.WarmState>.size)
    map.add(coldSuperSlabs, word)
    map.add(allSuperSlabs, word)
    map.add(halfMadeSuperSlabs, word)
    map.add(unmappedSuperSlabs, word)
    map.add(dirtyMemory, MemoryLayout<DirtyMemory.State>.size)
    map.add(availableWideSuperSlabs, word)
    map.add(prewarmedSuperSlabs, word)
    map.add(spareLargeRecords, word)
    map.add(largeCredit, MemoryLayout<KeepCredit.State>.size)
    map.add(addressCredit, MemoryLayout<KeepCredit.State>.size)
    map.add(idleCredit, MemoryLayout<KeepCredit.State>.size)
    map.add(dirtyCredit, MemoryLayout<KeepCredit.State>.size)
    map.add(largeRegions, MemoryLayout<LargeRegions.State>.size)
    map.add(pageRuns, MemoryLayout<PageRuns.State>.size)
    map.add(guardPages, word)
    map.add(slabMap, word)
    map.add(emptyBlocks, word)
    map.add(mostLarge, MemoryLayout<LargeRegions.Most>.size)
    map.add(aheadRefused, word)
    map.add(purgeDelay, MemoryLayout<PurgeDelay.State>.size)
    map.add(zeroing, word)
    map.add(aheadSuperSlabs, MemoryLayout<SuperSlabPool.AheadState>.size)
    map.add(collapse, MemoryLayout<HugePageState>.size)
    map.add(nodeLists, Int((Topology.mostNodes &- 1) &* 3 &* Constants.lineBytes), alignment: 64)
    return map.fault ?? SuperSlabRegistry.layoutFault
  }
}

extension SuperSlabRegistry {
  /// The root and the class map's chunk bits share a block; `kind` stands where `SpanKind` reads it.
  static var layoutFault: StaticString? {
    let recordBytes = 128
    if rootBytes &+ ClassMap.chunkWordBytes > UInt(hakmem_root_bytes) {
      return "the registry's root and the class map's chunks do not fit"
    }
    if max(MemoryLayout<SuperSlab.Record>.size, MemoryLayout<LargeRegion.Record>.size) > recordBytes
    {
      return "a record in the registry outgrew two lines"
    }
    return withUnsafeTemporaryAllocation(byteCount: recordBytes, alignment: 8) { bytes in
      let record = UInt(bitPattern: bytes.baseAddress)
      Memory.zero(record, UInt(recordBytes))
      SuperSlab(unsafeRecord: record).begin(.slabs)
      if SpanKind.of(record: record) != .slabs { return "a SuperSlab's kind stands elsewhere" }
      Memory.zero(record, UInt(recordBytes))
      LargeRegion(unsafeRecord: record).record.pointee.kind
        .store(SpanKind.large.rawValue, ordering: .relaxed)
      return SpanKind.of(record: record) == .large
        ? nil : "a large region's kind stands elsewhere"
    }
  }
}

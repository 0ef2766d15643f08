import CHakmemShims

/// Stops the process when `fault` finds one; empty in release builds.
@inline(__always)
package func check(_ fault: @autoclosure () -> StaticString?) {
  if Constants.checksInvariants, let found = fault() { Fatal.stop(found) }
}

/// Shows that the areas of a layer's zeroed storage lie apart; they are added in the order of their
/// addresses.
package struct StorageMap {
  private let limit: UInt
  private var end: UInt
  package private(set) var fault: StaticString?

  package init(_ base: UInt, byteCount: Int) {
    end = base
    limit = base &+ UInt(byteCount)
  }

  package mutating func add(_ start: UInt, _ byteCount: Int, alignment: UInt = 8) {
    if start < end { fault = "areas of the zeroed storage overlap" }
    if start & (alignment &- 1) != 0 { fault = "an area of the zeroed storage is not aligned" }
    end = start &+ UInt(byteCount)
    if end > limit { fault = "an area reaches beyond the zeroed storage" }
  }
}

extension PlatformStorage {
  package static var fault: StaticString? {
    var map = StorageMap(base, byteCount: Int(hakmem_platform_bytes))
    map.add(metadata, MemoryLayout<MetadataRegion.State>.size)
    LockRank.forEach { map.add(Lock.address(of: $0), Lock.byteCount) }
    map.add(process, MemoryLayout<ProcessFacts.State>.size)
    map.add(naming, 8)
    map.add(lists, 8)
    map.add(ownAddresses, MemoryLayout<OwnAddresses.State>.size)
    map.add(memoryLimit, MemoryLayout<MemoryLimit.State>.size)
    map.add(controlGroup, MemoryLayout<ControlGroup.State>.size)
    map.add(secret, MemoryLayout<Secret.State>.size)
    map.add(callStack, MemoryLayout<CallStack.State>.size)
    map.add(sweep, MemoryLayout<Sweep.State>.size)
    Option.forEach { map.add($0.slot, Option.slotBytes) }
    map.add(mapLog, MemoryLayout<MapLog.State>.size)
    map.add(topology, MemoryLayout<Topology.State>.size)
    map.add(prewarmEntries, PrewarmValue.mostEntries * PrewarmValue.entryBytes)
    return map.fault
  }
}

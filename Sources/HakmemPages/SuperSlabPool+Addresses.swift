import HakmemPlatform
import Synchronization

/// Addresses of empty SuperSlabs that are given up when something else needs them, and come back.
extension SuperSlabPool {
  /// Zero bytes of metadata; when the kernel gives no more, what empty SuperSlabs are charged for
  /// (overcommit mode 2, RLIMIT_DATA) makes room. 0 when memory is exhausted.
  package static func allocateMetadata(_ byteCount: UInt) -> UInt {
    let address = MetadataRegion.allocate(byteCount)
    if address != 0 || cold.isEmpty { return address }
    giveUpAddresses()
    return MetadataRegion.allocate(byteCount)
  }

  /// Bytes of the SuperSlabs that nothing lies in.
  private static var unusedBytes: UInt {
    var bytes: UInt = 0
    SuperSlab.forEach { if $0.kind == .unused { bytes &+= Constants.superSlabBytes } }
    return bytes
  }

  /// Unmaps the cold SuperSlabs: something else needs their addresses (RLIMIT_AS).
  /// They stay when that would not help: they could not be mapped again either.
  static func giveUpAddresses() {
    let limit = ProcessFacts.currentAddressSpaceLimit
    guard limit == .max || ProcessFacts.mappedBytes < limit &+ unusedBytes else { return }
    var kept: UInt = 0
    while true {
      let address = cold.pop()
      guard address != 0 else { break }
      let superSlab = SuperSlab(unsafeRecord: address)
      // Before the addresses may be somebody else's.
      _ = SuperSlabRegistry.set(0, at: superSlab.start)
      if SystemCalls.unmap(superSlab.start, Constants.superSlabBytes) {
        PageCounters.shared.pointee.mappedBytes.wrappingSubtract(
          Int(Constants.superSlabBytes), ordering: .relaxed)
        unmapped.push(address)
      } else {
        _ = SuperSlabRegistry.set(address, at: superSlab.start)
        TaggedStack.setNext(kept, after: address)
        kept = address
      }
    }
    while kept != 0 {
      let next = TaggedStack.next(after: kept)
      cold.push(kept)
      kept = next
    }
  }

  /// Maps a SuperSlab again whose addresses were given up, elsewhere if they are somebody else's now;
  /// nil when there is none or memory is exhausted.
  static func takeUnmapped() -> SuperSlab? {
    let address = unmapped.pop()
    guard address != 0 else { return nil }
    let superSlab = SuperSlab(unsafeRecord: address)
    guard mapAgain(superSlab) else {
      unmapped.push(address)
      return nil
    }
    superSlab.record.pointee.dirtyGranules.store(0, ordering: .relaxed)
    superSlab.record.pointee.lazyGranules.store(0, ordering: .relaxed)
    superSlab.noteBroken()
    return superSlab
  }

  private static func mapAgain(_ superSlab: SuperSlab) -> Bool {
    let bytes = Constants.superSlabBytes
    switch SystemCalls.mapNew(at: superSlab.start, byteCount: bytes, protection: .readWrite) {
    case .refused: return false
    case .mapped:
      PageCounters.shared.pointee.mappedBytes.wrappingAdd(Int(bytes), ordering: .relaxed)
    case .occupied:
      let start = AddressSpace.takeSuperSlab()
      guard start != 0 else { return false }
      superSlab.record.pointee.start = start
    }
    if SuperSlabRegistry.set(superSlab.address, at: superSlab.start) { return true }
    if SystemCalls.unmap(superSlab.start, bytes) {
      PageCounters.shared.pointee.mappedBytes.wrappingSubtract(Int(bytes), ordering: .relaxed)
    }
    return false
  }

  private static var unmapped: TaggedStack {
    TaggedStack(unsafeAt: PagesStorage.unmappedSuperSlabs)
  }
}

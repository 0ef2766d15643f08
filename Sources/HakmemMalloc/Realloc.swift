import CHakmem
import HakmemPages
import HakmemPlatform
import HakmemSlabs
import HakmemThreadCache

@c @implementation
public func hakmem_realloc(
  _ pointer: UnsafeMutableRawPointer?, _ byteCount: Int
) -> UnsafeMutableRawPointer? {
  reallocate(pointer, byteCount, .here)
}

@inline(never)
private func reallocate(
  _ pointer: UnsafeMutableRawPointer?, _ byteCount: Int, _ site: CallSite
) -> UnsafeMutableRawPointer? {
  guard let pointer else { return allocate(byteCount, site) }
  guard byteCount != 0 else {
    hakmem_free(pointer)
    return nil
  }
  let new = UInt(bitPattern: byteCount)
  let address = UInt(bitPattern: pointer)
  if Interception.isActive {
    return HakmemMalloc.pointer(to: Intercepted.reallocate(address, new, site), of: new)
  }
  let doubledClass = ClassMap.doubledClass(of: address)
  guard doubledClass != 0 else { return resizeSlow(pointer, new, site) }
  let old = SizeClass(doubled: doubledClass).blockBytes
  // A block that is at least half used stays where it is.
  if new <= old, new > old / 2 {
    guard let sampled = SampledCache.of(.current) else { return pointer }
    return UnsafeMutableRawPointer(bitPattern: Sampled.keep(address, new, site, sampled))
  }
  return moveBlock(pointer, old, new, site)
}

@c @implementation
public func hakmem_reallocarray(
  _ pointer: UnsafeMutableRawPointer?, _ count: Int, _ byteCount: Int
) -> UnsafeMutableRawPointer? {
  let (total, overflow) = UInt(bitPattern: count).multipliedReportingOverflow(
    by: UInt(bitPattern: byteCount))
  guard !overflow else { return Failure.outOfMemory(.max) }
  return hakmem_realloc(pointer, Int(bitPattern: total))
}

@c @implementation
public func hakmem_reallocf(
  _ pointer: UnsafeMutableRawPointer?, _ byteCount: Int
) -> UnsafeMutableRawPointer? {
  let moved = hakmem_realloc(pointer, byteCount)
  if moved == nil, byteCount != 0 { hakmem_free(pointer) }
  return moved
}

/// Medium and large blocks, which can often stay or move without copying.
@inline(never)
private func resizeSlow(
  _ pointer: UnsafeMutableRawPointer, _ new: UInt, _ site: CallSite
) -> UnsafeMutableRawPointer? {
  let address = UInt(bitPattern: pointer)
  guard let old = Heap.usableBytes(address) else { Misuse.stop(.reallocate, address, site) }
  // Before: what is freed may be another thread's at once.
  if HeapProfile.isSampling { HeapProfile.forget(address) }
  if let resized = Heap.resizeWithoutCopying(address, old, new) {
    if HeapProfile.isSampling { HeapProfile.note(resized, new, site) }
    return HakmemMalloc.pointer(to: resized, of: new)
  }
  return moveBlock(pointer, old, new, site)
}

@inline(never)
private func moveBlock(
  _ pointer: UnsafeMutableRawPointer, _ old: UInt, _ new: UInt, _ site: CallSite
) -> UnsafeMutableRawPointer? {
  let run =
    new > old && Heap.growsInPlace(new) && ThreadCache.current.isOpen ? Heap.allocateRun(new) : 0
  // Programs rely on a block that shrinks: without memory to move to it stays as it is.
  guard
    let moved = UnsafeMutableRawPointer(bitPattern: run) ?? allocate(Int(bitPattern: new), site)
  else { return new <= old ? pointer : nil }
  Memory.copy(
    from: UInt(bitPattern: pointer), to: UInt(bitPattern: moved), min(old, new))
  if new <= old || !Heap.freeOutgrown(UInt(bitPattern: pointer), by: new) { hakmem_free(pointer) }
  return moved
}

extension Heap {
  /// Whether a block that grew to `byteCount` should be a run, which can grow further where it is.
  static func growsInPlace(_ byteCount: UInt) -> Bool {
    byteCount > SizeClass.smallMaximumBytes && byteCount <= PageRuns.maximumBytes
  }

  /// The medium or large block after its resizing where it stands, or moved with its pages; 0 when
  /// memory is exhausted, nil when its contents must be copied to a new block.
  static func resizeWithoutCopying(_ pointer: UInt, _ old: UInt, _ new: UInt) -> UInt? {
    guard new <= Constants.maximumRequest else { return 0 }
    guard let region = LargeRegion.starting(at: pointer) else {
      return new > SizeClass.smallMaximumBytes && PageRuns.resize(pointer, to: new) ? pointer : nil
    }
    guard new > PageRuns.maximumBytes else { return nil }
    if resizeLarge(region, to: new) { return region.start }
    // The kernel may refuse to move the pages (seccomp, too many mappings).
    return new <= mostThatMayFit ? nil : 0
  }
}

import CHakmemShims
import HakmemPages
import HakmemPlatform
import HakmemSlabs
import HakmemThreadCache

/// What the fast paths call when they miss.

/// Leads on to one call in each case, and needs no frame of its own.
@inline(never)
func allocateSlow(_ byteCount: Int, _ site: CallSite) -> UnsafeMutableRawPointer? {
  let bytes = UInt(bitPattern: byteCount)
  let checked = ThreadCache.checkedCacheOfThread
  if checked != 0 { return allocateChecked(bytes, CheckedCache(unsafeAt: checked)) }
  let cache = ThreadCache.current
  if let sampled = SampledCache.of(cache) { return allocateSampled(bytes, site, sampled, cache) }
  if bytes > SizeClass.fastMaximumBytes, bytes <= SizeClass.maximumBytes, cache.isOpen {
    let block = cache.bin(SizeClass.servingMedium(bytes)).pop()
    if block != 0 { return UnsafeMutableRawPointer(bitPattern: block).unsafelyUnwrapped }
  }
  return allocateOtherwise(bytes, site)
}

@inline(never)
private func allocateChecked(_ byteCount: UInt, _ checked: CheckedCache) -> UnsafeMutableRawPointer?
{
  pointer(to: Checked.allocate(byteCount, zero: false, checked), of: byteCount)
}

@inline(never)
private func allocateSampled(
  _ byteCount: UInt, _ site: CallSite, _ sampled: SampledCache, _ current: ThreadCache
) -> UnsafeMutableRawPointer? {
  let block = sampled.allocateFast(byteCount, in: current)
  if block != 0 { return UnsafeMutableRawPointer(bitPattern: block).unsafelyUnwrapped }
  return allocateSampledSlow(byteCount, site, sampled)
}

@inline(never)
private func allocateSampledSlow(
  _ byteCount: UInt, _ site: CallSite, _ sampled: SampledCache
) -> UnsafeMutableRawPointer? {
  pointer(to: Sampled.allocate(byteCount, zero: false, site, sampled), of: byteCount)
}

@inline(never)
private func allocateOtherwise(_ bytes: UInt, _ site: CallSite) -> UnsafeMutableRawPointer? {
  let counted = GuardSampler.allocateFast(bytes)
  if counted != 0 { return UnsafeMutableRawPointer(bitPattern: counted).unsafelyUnwrapped }
  let cache = ThreadCache.current
  // What is larger must not come near the rounding up to pages, which would overflow.
  if bytes > SizeClass.maximumBytes, bytes <= PageRuns.maximumBytes, cache.isOpen {
    let block = cache.takeRun(PageRuns.byteCount(serving: bytes))
    if block != 0 { return UnsafeMutableRawPointer(bitPattern: block).unsafelyUnwrapped }
  }
  if Interception.isActive {
    return pointer(to: Intercepted.allocate(bytes, zero: false, site), of: bytes)
  }
  return pointer(to: Heap.allocate(bytes, zero: false), of: bytes)
}

@inline(never)
func allocateZeroSlow(_ byteCount: UInt, _ site: CallSite) -> UnsafeMutableRawPointer? {
  let checked = ThreadCache.checkedCacheOfThread
  if checked != 0 {
    return pointer(
      to: Checked.allocate(byteCount, zero: true, CheckedCache(unsafeAt: checked)), of: byteCount)
  }
  if let sampled = SampledCache.of(.current) {
    return pointer(to: Sampled.allocate(byteCount, zero: true, site, sampled), of: byteCount)
  }
  if Interception.isActive {
    return pointer(to: Intercepted.allocate(byteCount, zero: true, site), of: byteCount)
  }
  return pointer(to: Heap.allocate(byteCount, zero: true), of: byteCount)
}

@inline(never)
func freeSlow(_ pointer: UnsafeMutableRawPointer?, _ site: CallSite) {
  guard let pointer else { return }
  let checked = ThreadCache.checkedCacheOfThread
  if checked != 0 {
    return Checked.free(UInt(bitPattern: pointer), CheckedCache(unsafeAt: checked), site)
  }
  if let sampled = SampledCache.of(.freeing) {
    return Sampled.free(UInt(bitPattern: pointer), sampled, site)
  }
  if GuardSampler.freeFast(UInt(bitPattern: pointer)) { return }
  if Interception.isActive { return Intercepted.free(UInt(bitPattern: pointer), site) }
  Heap.free(UInt(bitPattern: pointer), site)
}

@inline(never)
func freeSizedSlow(
  _ pointer: UnsafeMutableRawPointer?, _ alignment: Int, _ byteCount: Int, _ site: CallSite
) {
  guard let pointer else { return }
  if Hardening.isOn {
    Checked.verify(
      UInt(bitPattern: pointer), size: UInt(bitPattern: byteCount),
      alignment: UInt(bitPattern: alignment), site)
  }
  freeSlow(pointer, site)
}

/// The block of `byteCount` as C sees it; for 0, NULL with ENOMEM.
func pointer(to block: UInt, of byteCount: UInt) -> UnsafeMutableRawPointer? {
  guard block != 0 else { return Failure.outOfMemory(byteCount) }
  return UnsafeMutableRawPointer(bitPattern: block)
}

/// How the C interface says no.
enum Failure {
  static func outOfMemory(_ byteCount: UInt) -> UnsafeMutableRawPointer? {
    Events.recordFailure(of: byteCount)
    hakmem_set_errno(Int32(HAKMEM_ENOMEM))
    return nil
  }

  static func invalidArgument() -> UnsafeMutableRawPointer? {
    hakmem_set_errno(Int32(HAKMEM_EINVAL))
    return nil
  }
}

import CHakmemShims
import HakmemPages
import HakmemPlatform
import HakmemSlabs
import HakmemThreadCache

/// What the fast paths call when they miss.

@inline(never)
func allocateSlow(_ byteCount: Int, _ site: CallSite) -> UnsafeMutableRawPointer? {
  let bytes = UInt(bitPattern: byteCount)
  let checked = ThreadCache.checkedCacheOfThread
  if checked != 0 {
    return pointer(
      to: Checked.allocate(bytes, zero: false, CheckedCache(unsafeAt: checked)), of: bytes)
  }
  let counted = GuardSampler.allocateFast(bytes)
  if counted != 0 { return UnsafeMutableRawPointer(bitPattern: counted).unsafelyUnwrapped }
  let cache = ThreadCache.current
  // What is larger must not come near the rounding up to pages, which would overflow.
  if bytes > SizeClass.fastMaximumBytes, bytes <= PageRuns.maximumBytes, cache.isOpen {
    let block =
      bytes <= SizeClass.maximumBytes
      ? cache.bin(SizeClass.serving(bytes)).pop()
      : cache.takeRun(PageRuns.byteCount(serving: bytes))
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
  if Interception.isActive {
    return pointer(to: Intercepted.allocate(byteCount, zero: true, site), of: byteCount)
  }
  return pointer(to: Heap.allocate(byteCount, zero: true), of: byteCount)
}

@inline(never)
func freeSlow(_ pointer: UnsafeMutableRawPointer?) {
  guard let pointer else { return }
  let checked = ThreadCache.checkedCacheOfThread
  if checked != 0 {
    return Checked.free(UInt(bitPattern: pointer), CheckedCache(unsafeAt: checked))
  }
  if GuardSampler.freeFast(UInt(bitPattern: pointer)) { return }
  if Interception.isActive { return Intercepted.free(UInt(bitPattern: pointer)) }
  Heap.free(UInt(bitPattern: pointer))
}

@inline(never)
func freeSizedSlow(_ pointer: UnsafeMutableRawPointer?, _ alignment: Int, _ byteCount: Int) {
  guard let pointer else { return }
  if Hardening.isOn {
    Checked.verify(
      UInt(bitPattern: pointer), size: UInt(bitPattern: byteCount),
      alignment: UInt(bitPattern: alignment))
  }
  freeSlow(pointer)
}

/// The block of `byteCount` as C sees it; for 0, NULL with ENOMEM.
func pointer(to block: UInt, of byteCount: UInt) -> UnsafeMutableRawPointer? {
  guard block != 0 else { return Failure.outOfMemory(byteCount) }
  return UnsafeMutableRawPointer(bitPattern: block)
}

/// How the C interface says no.
enum Failure {
  static func outOfMemory(_ byteCount: UInt) -> UnsafeMutableRawPointer? {
    Events.record(.noMemory, size: byteCount)
    hakmem_set_errno(Int32(HAKMEM_ENOMEM))
    return nil
  }

  static func invalidArgument() -> UnsafeMutableRawPointer? {
    hakmem_set_errno(Int32(HAKMEM_EINVAL))
    return nil
  }
}

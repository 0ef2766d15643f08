import CHakmem
import HakmemPages
import HakmemPlatform
import HakmemSlabs
import HakmemThreadCache

/// The two fast paths. Each miss is one call.

@c @implementation
public func hakmem_malloc(_ byteCount: Int) -> UnsafeMutableRawPointer? {
  allocate(byteCount, .here)
}

/// Transparent, so that `site` is asked in its caller.
@_transparent
func allocate(
  _ byteCount: Int, _ site: @autoclosure () -> CallSite
) -> UnsafeMutableRawPointer? {
  if UInt(bitPattern: byteCount) <= SizeClass.fastMaximumBytes {
    let block = ThreadCache.current.bin(forSize: UInt(bitPattern: byteCount)).pop()
    if block != 0 { return UnsafeMutableRawPointer(bitPattern: block).unsafelyUnwrapped }
  }
  return allocateSlow(byteCount, site())
}

@c @implementation
public func hakmem_free(_ pointer: UnsafeMutableRawPointer?) {
  let block = UInt(bitPattern: pointer)
  // Bin 0 serves NULL, medium, large and foreign pointers: it is always full.
  guard let offset = ClassMap.binOffset(of: block), ThreadCache.freeing.bin(at: offset).push(block)
  else { return freeSlow(pointer, .here) }
}

@c @implementation
public func hakmem_calloc(_ count: Int, _ byteCount: Int) -> UnsafeMutableRawPointer? {
  let (total, overflow) = UInt(bitPattern: count).multipliedReportingOverflow(
    by: UInt(bitPattern: byteCount))
  guard !overflow else { return Failure.outOfMemory(.max) }
  guard total <= SizeClass.fastMaximumBytes else { return allocateZeroSlow(total, .here) }
  let block = ThreadCache.current.bin(forSize: total).pop()
  guard block != 0 else { return allocateZeroSlow(total, .here) }
  Memory.zero(block, total)
  return UnsafeMutableRawPointer(bitPattern: block)
}

/// The sizes are what the program says: of use only where blocks are checked.

@c @implementation
public func hakmem_free_sized(_ pointer: UnsafeMutableRawPointer?, _ byteCount: Int) {
  let block = UInt(bitPattern: pointer)
  guard let offset = ClassMap.binOffset(of: block), ThreadCache.freeing.bin(at: offset).push(block)
  else { return freeSizedSlow(pointer, 1, byteCount, .here) }
}

@c @implementation
public func hakmem_free_aligned_sized(
  _ pointer: UnsafeMutableRawPointer?, _ alignment: Int, _ byteCount: Int
) {
  let block = UInt(bitPattern: pointer)
  guard let offset = ClassMap.binOffset(of: block), ThreadCache.freeing.bin(at: offset).push(block)
  else { return freeSizedSlow(pointer, alignment, byteCount, .here) }
}

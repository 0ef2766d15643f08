import CHakmem
import CHakmemEntry
import CHakmemShims
import HakmemPlatform
import HakmemSlabs
import HakmemThreadCache

@c @implementation
public func hakmem_aligned_alloc(
  _ alignment: Int, _ byteCount: Int
) -> UnsafeMutableRawPointer? {
  guard UInt(bitPattern: alignment).isPowerOfTwo else { return Failure.invalidArgument() }
  return allocateAligned(UInt(bitPattern: alignment), UInt(bitPattern: byteCount), .here)
}

@c @implementation
public func hakmem_memalign(_ alignment: Int, _ byteCount: Int) -> UnsafeMutableRawPointer? {
  var power = UInt(bitPattern: alignment)
  let largestPower: UInt = 1 << 63
  guard power <= largestPower else { return Failure.invalidArgument() }
  if !power.isPowerOfTwo {
    power = power == 0 ? 1 : 1 << UInt(UInt.bitWidth - power.leadingZeroBitCount)
  }
  return allocateAligned(power, UInt(bitPattern: byteCount), .here)
}

@c @implementation
public func hakmem_posix_memalign(
  _ result: UnsafeMutablePointer<UnsafeMutableRawPointer?>?, _ alignment: Int, _ byteCount: Int
) -> Int32 {
  let power = UInt(bitPattern: alignment)
  guard power.isPowerOfTwo, power >= UInt(MemoryLayout<UInt>.size), let result else {
    return Int32(HAKMEM_EINVAL)
  }
  let bytes = UInt(bitPattern: byteCount)
  let cached = pop(bytes, power)
  if cached != 0 {
    result.pointee = UnsafeMutableRawPointer(bitPattern: cached)
    return 0
  }
  let block = bytes <= Constants.maximumRequest ? allocateAnyAlignment(bytes, power, .here) : 0
  guard block != 0 else {
    // POSIX leaves errno open; glibc sets it.
    _ = Failure.outOfMemory(bytes)
    return Int32(HAKMEM_ENOMEM)
  }
  result.pointee = UnsafeMutableRawPointer(bitPattern: block)
  return 0
}

@c @implementation
public func hakmem_valloc(_ byteCount: Int) -> UnsafeMutableRawPointer? {
  allocateAligned(ProcessFacts.learnedSystemPageBytes, UInt(bitPattern: byteCount), .here)
}

@c @implementation
public func hakmem_pvalloc(_ byteCount: Int) -> UnsafeMutableRawPointer? {
  let page = ProcessFacts.learnedSystemPageBytes
  let bytes = UInt(bitPattern: byteCount)
  guard bytes <= Constants.maximumRequest else { return Failure.outOfMemory(bytes) }
  return allocateAligned(page, max(bytes, 1).roundedUp(to: page), .here)
}

/// For `operator new`: the alignment is a power of two.
@c @implementation
public func hakmem_new_aligned(_ alignment: Int, _ byteCount: Int) -> UnsafeMutableRawPointer? {
  allocateAligned(UInt(bitPattern: alignment), UInt(bitPattern: byteCount), .here)
}

private func allocateAligned(
  _ power: UInt, _ byteCount: UInt, _ site: CallSite
) -> UnsafeMutableRawPointer? {
  let cached = pop(byteCount, power)
  if cached != 0 { return UnsafeMutableRawPointer(bitPattern: cached) }
  guard byteCount <= Constants.maximumRequest else { return Failure.outOfMemory(byteCount) }
  if power <= Constants.minimumAlignment { return allocateSlow(Int(bitPattern: byteCount), site) }
  return pointer(to: allocateAnyAlignment(byteCount, power, site), of: byteCount)
}

/// A block from the calling thread's cache; 0 where it has none. The class is found by the size,
/// rounded up to a multiple of the alignment (`SizeClass.serving(_:alignment:)`).
@inline(__always)
private func pop(_ byteCount: UInt, _ power: UInt) -> UInt {
  let most = SizeClass.fastMaximumBytes
  guard byteCount <= most, power <= most else { return 0 }
  return ThreadCache.current.bin(forSize: max(byteCount, 1).roundedUp(to: power)).pop()
}

private func allocateAnyAlignment(_ byteCount: UInt, _ power: UInt, _ site: CallSite) -> UInt {
  if let sampled = SampledCache.of(.current) {
    return power <= Constants.minimumAlignment
      ? Sampled.allocate(byteCount, zero: false, site, sampled)
      : Sampled.allocate(byteCount, alignment: power, site, sampled)
  }
  guard Interception.isActive else { return Heap.allocate(byteCount, alignment: power) }
  return power <= Constants.minimumAlignment
    ? Intercepted.allocate(byteCount, zero: false, site)
    : Intercepted.allocate(byteCount, alignment: power, site)
}

import HakmemPages
import HakmemPlatform
import HakmemSlabs
import HakmemThreadCache

/// The slow calls while the heap is sampled. A block that begins a sample has no size
/// class: it lies on pages of its own, so that its free takes the slow path. Addresses are words, 0
/// for failure.
enum Sampled {
  static func allocate(
    _ byteCount: UInt, zero: Bool, _ site: CallSite, _ sampled: SampledCache
  ) -> UInt {
    let held = sampled.begin(byteCount, in: .current)
    if held != 0 {
      if zero { Memory.zero(held, byteCount) }
      return held
    }
    if byteCount > SampledCache.maximumBytes {
      guard HeapProfile.isDue(byteCount, sampled.cache) else {
        return Heap.allocate(byteCount, zero: zero)
      }
    } else if !sampled.isDue(byteCount) {
      let block = Heap.allocate(byteCount, zero: zero, from: sampled)
      // The gate may have been closed meanwhile, and sampling ended.
      sampled.cache.drainSampledCacheUnlessUsed()
      return block
    }
    let block = Heap.allocateApart(byteCount, alignment: Constants.minimumAlignment, zero: zero)
    return note(block, byteCount, site, sampled)
  }

  /// `alignment` is a power of two above 16.
  static func allocate(
    _ byteCount: UInt, alignment: UInt, _ site: CallSite, _ sampled: SampledCache
  ) -> UInt {
    sampled.beginApart(in: .current)
    guard HeapProfile.isDue(byteCount, sampled.cache) else {
      return Heap.allocate(byteCount, alignment: alignment)
    }
    let block = Heap.allocateApart(byteCount, alignment: alignment, zero: false)
    return note(block, byteCount, site, sampled)
  }

  /// A resized block that fits where it is, which counts as an allocation: moved if it begins a sample.
  static func keep(
    _ pointer: UInt, _ byteCount: UInt, _ site: CallSite, _ sampled: SampledCache
  ) -> UInt {
    sampled.beginApart(in: .current)
    guard HeapProfile.isDue(byteCount, sampled.cache) else { return pointer }
    let block = Heap.allocateApart(byteCount, alignment: Constants.minimumAlignment, zero: false)
    guard block != 0 else { return pointer }
    Memory.copy(from: pointer, to: block, byteCount)
    Heap.free(pointer, site)
    return note(block, byteCount, site, sampled)
  }

  static func free(_ pointer: UInt, _ sampled: SampledCache, _ site: CallSite) {
    let doubledClass = ClassMap.doubledClass(of: pointer)
    guard doubledClass != 0 else { return Heap.free(pointer, site) }
    sampled.overflow(pointer, SizeClass(doubled: doubledClass))
  }

  private static func note(
    _ block: UInt, _ byteCount: UInt, _ site: CallSite, _ sampled: SampledCache
  ) -> UInt {
    // In a forked child that could make no file nothing is sampled any more.
    guard block != 0, HeapProfile.isSampling else { return block }
    HeapProfile.sample(block, byteCount, site, sampled.cache)
    sampled.watch()
    return block
  }
}

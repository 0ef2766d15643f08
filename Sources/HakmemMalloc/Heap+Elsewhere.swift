import HakmemPages
import HakmemPlatform
import HakmemSlabs
import HakmemThreadCache

/// What is left when there is no memory for a request's own kind of block: a program is told so only
/// when no kind can serve it.
extension Heap {
  /// A free block of a larger class, a run of pages, or a mapping of its own; 0 when there is none. The
  /// heap's free memory was given back before, to no avail. `alignment` is a power of two.
  @inline(never)
  static func allocateElsewhere(_ byteCount: UInt, alignment: UInt, zero: Bool) -> UInt {
    guard byteCount <= PageRuns.maximumBytes, alignment <= PageRuns.maximumBytes, Process.isReady
    else { return 0 }
    // What is refused now was answered for.
    defer { _ = MemoryLimit.takePressure() }
    if byteCount <= SizeClass.maximumBytes {
      let block =
        alignment <= Constants.minimumAlignment
        ? carveLarger(than: SizeClass.serving(byteCount)) : 0
      if block != 0 {
        if zero { Memory.zero(block, byteCount) }
        return block
      }
      let bytes = PageRuns.byteCount(serving: byteCount)
      let run = PageRuns.allocate(bytes, alignment: max(alignment, Constants.pageBytes))
      if run != 0 {
        if zero { PageRuns.clear(run, bytes) }
        return run
      }
    }
    // A mapping for each small block takes more metadata than blocks do otherwise.
    guard MemoryLimit.hasRoomBesideMetadata(byteCount) else { return 0 }
    return Gate.whileMapping {
      LargeRegions.allocate(
        max(byteCount, 1), alignment: max(alignment, Constants.pageBytes), zero: zero)?.start ?? 0
    }
  }

  private static func carveLarger(than sizeClass: SizeClass) -> UInt {
    for number in (sizeClass.number + 1)..<SizeClass.count {
      let block = SlabList.carveListed(SizeClass(number))
      if block != 0 { return block }
    }
    return 0
  }
}

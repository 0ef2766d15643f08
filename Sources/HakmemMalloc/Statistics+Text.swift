import CHakmem
import CHakmemShims
import HakmemPages
import HakmemPlatform
import HakmemSlabs
import HakmemThreadCache

extension Statistics {
  /// Calls `body` with each figure of the total: its name and value.
  func forEachFigure(_ body: (StaticString, UInt) -> Void) {
    body("live_blocks", UInt(total.live_blocks))
    body("live_bytes", UInt(total.live_bytes))
    body("live_medium_bytes", UInt(total.live_medium_bytes))
    body("live_large_bytes", UInt(total.live_large_bytes))
    body("thread_cache_bytes", UInt(total.thread_cache_bytes))
    body("depot_bytes", UInt(total.depot_bytes))
    body("slab_free_bytes", UInt(total.slab_free_bytes))
    body("page_free_bytes", UInt(total.page_free_bytes))
    body("mapped_bytes", UInt(total.mapped_bytes))
    body("metadata_bytes", UInt(total.metadata_bytes))
    body("superslabs", UInt(total.superslabs))
    body("superslabs_warm", UInt(total.superslabs_warm))
    body("slabs", UInt(total.slabs))
    body("large_regions", UInt(total.large_regions))
    body("thread_caches", UInt(total.thread_caches))
    body("refills", UInt(total.refills))
    body("overflows", UInt(total.overflows))
    body("slabs_created", UInt(total.slabs_created))
    body("slabs_retired", UInt(total.slabs_retired))
    body("maps", UInt(total.maps))
    body("unmaps", UInt(total.unmaps))
    body("purges", UInt(total.purges))
    body("purged_bytes", UInt(total.purged_bytes))
    body("corruptions", UInt(total.corruptions))
    body("limited_bytes", UInt(total.limited_bytes))
    body("soft_limit_bytes", UInt(total.soft_limit_bytes))
    body("hard_limit_bytes", UInt(total.hard_limit_bytes))
    body("most_large_regions", UInt(total.most_large_regions))
    body("most_large_bytes", UInt(total.most_large_bytes))
  }

  func appendJSON(to text: inout Text) {
    text.append("{\"version\":\"")
    text.append(Version.text)
    text.append("\",\"total\":{")
    var isFirst = true
    forEachFigure { name, value in
      if !isFirst { text.append(",") }
      isFirst = false
      Self.appendMember(name, value, to: &text)
    }
    text.append("},\"classes\":[")
    isFirst = true
    for number in 1..<SizeClass.count {
      let figures = classes[number]
      guard figures.slabs > 0 else { continue }
      text.append(isFirst ? "{" : ",{")
      isFirst = false
      Self.appendMember("block_size", UInt(figures.block_size), to: &text)
      text.append(",")
      Self.appendMember("live_blocks", UInt(figures.live_blocks), to: &text)
      text.append(",")
      Self.appendMember("thread_cache_blocks", UInt(figures.thread_cache_blocks), to: &text)
      text.append(",")
      Self.appendMember("depot_blocks", UInt(figures.depot_blocks), to: &text)
      text.append(",")
      Self.appendMember("slab_free_blocks", UInt(figures.slab_free_blocks), to: &text)
      text.append(",")
      Self.appendMember("slabs", UInt(figures.slabs), to: &text)
      text.append(",")
      Self.appendMember("refilled_blocks", UInt(figures.refilled_blocks), to: &text)
      text.append(",")
      Self.appendMember("returned_blocks", UInt(figures.returned_blocks), to: &text)
      text.append("}")
    }
    text.append("]}")
  }

  private static func appendMember(_ name: StaticString, _ value: UInt, to text: inout Text) {
    text.append("\"")
    text.append(name)
    text.append("\":")
    text.append(value)
  }

  /// What malloc_stats prints: the summary, and the lines in which glibc tells the same figures.
  func appendMallocStats(to text: inout Text) {
    appendSummary("hakmem: heap\n", to: &text)
    func line(_ name: StaticString, _ figure: Int) {
      text.append(name)
      text.append(UInt(max(figure, 0)))
      text.append("\n")
    }
    text.append("Total (incl. mmap):\n")
    line("system bytes     = ", total.mapped_bytes)
    line("in use bytes     = ", total.live_bytes)
    line("max mmap regions = ", total.most_large_regions)
    line("max mmap bytes   = ", total.most_large_bytes)
  }

  func appendSummary(_ title: StaticString, to text: inout Text) {
    text.append(title)
    func line(_ name: StaticString, _ bytes: UInt, _ what: StaticString) {
      let start = text.count
      text.append("  ")
      text.append(name)
      text.pad(to: 24, from: start)
      text.append(bytes: bytes)
      text.pad(to: 36, from: start)
      text.append(what)
      text.append("\n")
    }
    line("live", UInt(total.live_bytes), "in blocks that the program still holds")
    line("thread caches", UInt(total.thread_cache_bytes), "free, at hand for a thread")
    line("depot", UInt(total.depot_bytes), "free, at hand for all threads")
    line("free in slabs", UInt(total.slab_free_bytes), "free, in slabs with live blocks")
    line("free pages", UInt(total.page_free_bytes), "used before, not yet purged")
    line("metadata", UInt(total.metadata_bytes), "the allocator's own")
    line("mapped", UInt(total.mapped_bytes), "address space for blocks")
    line("purged", UInt(total.purged_bytes), "given back to the kernel so far")
    appendClasses(to: &text)
  }

  private func appendClasses(to text: inout Text) {
    text.append("  block size  live blocks  cached  in depot  free in slabs  slabs\n")
    for number in 1..<SizeClass.count {
      let figures = classes[number]
      guard figures.slabs > 0 else { continue }
      let start = text.count
      text.append("  ")
      text.append(UInt(figures.block_size))
      text.pad(to: 14, from: start)
      text.append(UInt(figures.live_blocks))
      text.pad(to: 27, from: start)
      text.append(UInt(figures.thread_cache_blocks))
      text.pad(to: 35, from: start)
      text.append(UInt(figures.depot_blocks))
      text.pad(to: 45, from: start)
      text.append(UInt(figures.slab_free_blocks))
      text.pad(to: 60, from: start)
      text.append(UInt(figures.slabs))
      text.append("\n")
    }
  }
}

@c @implementation
public func hakmem_statistics_json(_ buffer: UnsafeMutablePointer<CChar>?, _ capacity: Int) -> Int {
  let statistics = Statistics.collect()
  guard let buffer, capacity > 0 else {
    return withUnsafeTemporaryAllocation(of: UInt8.self, capacity: 1) {
      var text = Text($0.baseAddress.unsafelyUnwrapped, capacity: 0)
      statistics.appendJSON(to: &text)
      return text.count
    }
  }
  return buffer.withMemoryRebound(to: UInt8.self, capacity: capacity) {
    var text = Text($0, capacity: capacity)
    statistics.appendJSON(to: &text)
    text.terminate()
    return text.count
  }
}

import CHakmem
import CHakmemShims
import HakmemPages
import HakmemPlatform
import HakmemSlabs
import HakmemThreadCache
import Synchronization

/// glibc's view of the heap: mallinfo, malloc_info, malloc_stats, mallopt, malloc_trim.

@c @implementation
public func hakmem_malloc_usable_size(_ pointer: UnsafeMutableRawPointer?) -> Int {
  guard let pointer else { return 0 }
  let address = UInt(bitPattern: pointer)
  guard let bytes = Heap.usableBytes(address) else { Misuse.stop(.usableSize, address, .here) }
  return Int(bytes)
}

@c @implementation
public func hakmem_purge() -> Int {
  guard Process.start() else { return 0 }
  let before = PageCounters.shared.pointee.purgedBytes.load(ordering: .relaxed)
  Checked.verifyLiveBlocks()
  _ = Heap.usableCache()
  Housekeeping.purgeEverything()
  return PageCounters.shared.pointee.purgedBytes.load(ordering: .relaxed) - before
}

/// The heap has no top to keep bytes at: `pad` has no effect.
@c @implementation
public func hakmem_malloc_trim(_ pad: Int) -> Int32 { hakmem_purge() > 0 ? 1 : 0 }

@c @implementation
public func hakmem_mallinfo2() -> mallinfo2 {
  let statistics = Statistics.collect()
  let total = statistics.total
  var freeBlocks = 0
  for number in 1..<SizeClass.count {
    let figures = statistics.classes[number]
    freeBlocks += figures.thread_cache_blocks + figures.depot_blocks + figures.slab_free_blocks
  }
  let free =
    total.thread_cache_bytes + total.depot_bytes + total.slab_free_bytes + total.page_free_bytes
  // What has whole pages of its own, as glibc's blocks from its threshold on.
  let apart = total.live_medium_bytes + total.live_large_bytes
  // No member is left out: without arguments the name would mean the function, which is this one. As
  // on glibc, where thread caches are not its fast bins, blocks in caches do not count as such.
  return mallinfo2(
    arena: total.mapped_bytes - apart, ordblks: freeBlocks, smblks: 0,
    hblks: statistics.liveRuns + total.large_regions, hblkhd: apart, usmblks: 0, fsmblks: 0,
    uordblks: total.live_bytes - apart, fordblks: free, keepcost: total.page_free_bytes)
}

@c @implementation
public func hakmem_malloc_stats() {
  Report.print { Statistics.collect().appendMallocStats(to: &$0) }
}

@c @implementation
public func hakmem_malloc_info(
  _ options: Int32, _ stream: UnsafeMutablePointer<FILE>?
) -> Int32 {
  guard options == 0, let stream else {
    _ = Failure.invalidArgument()
    return -1
  }
  let capacity: UInt = 64 << 10
  guard let buffer = SystemCalls.map(byteCount: capacity, protection: .readWrite) else {
    _ = Failure.outOfMemory(capacity)
    return -1
  }
  let bytes: UnsafeMutablePointer<UInt8> = Memory.pointer(at: buffer)
  var text = Text(bytes, capacity: Int(capacity))
  appendXML(to: &text)
  text.terminate()
  hakmem_file_write(stream, UnsafeRawPointer(bytes).assumingMemoryBound(to: CChar.self))
  SystemCalls.unmap(buffer, capacity)
  return 0
}

private func appendXML(to text: inout Text) {
  let statistics = Statistics.collect()
  text.append("<malloc version=\"1\" allocator=\"hakmem\">\n<heap nr=\"0\">\n<sizes>\n")
  for number in 1..<SizeClass.count {
    let figures = statistics.classes[number]
    let free = figures.thread_cache_blocks + figures.depot_blocks + figures.slab_free_blocks
    guard figures.slabs > 0 else { continue }
    text.append("<size from=\"")
    text.append(number == 1 ? 0 : SizeClass(number - 1).blockBytes + 1)
    text.append("\" to=\"")
    text.append(UInt(figures.block_size))
    text.append("\" total=\"")
    text.append(UInt(free * figures.block_size))
    text.append("\" count=\"")
    text.append(UInt(free))
    text.append("\" live=\"")
    text.append(UInt(figures.live_blocks))
    text.append("\"/>\n")
  }
  text.append("</sizes>\n</heap>\n")
  statistics.forEachFigure { name, value in
    text.append("<total type=\"")
    text.append(name)
    text.append("\" value=\"")
    text.append(value)
    text.append("\"/>\n")
  }
  text.append("</malloc>\n")
}

@c @implementation
public func hakmem_mallopt(_ parameter: Int32, _ value: Int32) -> Int32 {
  let decayTime: Int32 = -100
  let purge: Int32 = -101
  guard Process.start() else { return 0 }
  switch parameter {
  case purge: _ = hakmem_purge()
  case decayTime:
    guard value >= 0 else { return 0 }
    Option.purgeDelay.set(value == 0 ? 0 : 1000, from: .program)
  default: break
  }
  return 1
}

@c @implementation
public func hakmem_option(_ index: Int32, _ option: UnsafeMutablePointer<hakmem_option_t>?) -> Bool
{
  guard let option, let known = Option(rawValue: Int(index)), Process.start() else { return false }
  func cString(_ text: StaticString) -> UnsafePointer<CChar> {
    UnsafeRawPointer(text.utf8Start).assumingMemoryBound(to: CChar.self)
  }
  option.pointee.name = cString(known.row.name)
  option.pointee.help = cString(known.row.help)
  option.pointee.range = cString(known.row.range)
  option.pointee.default_value = cString(known.row.standard)
  option.pointee.source = cString(known.source.text)
  withUnsafeMutableBytes(of: &option.pointee.value) { bytes in
    let start = bytes.baseAddress.unsafelyUnwrapped.assumingMemoryBound(to: UInt8.self)
    var text = Text(start, capacity: bytes.count)
    known.appendValue(to: &text)
    text.terminate()
  }
  return true
}

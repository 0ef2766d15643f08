import CHakmem
import HakmemPages
import HakmemPlatform
import HakmemSlabs
import HakmemThreadCache
import Synchronization

@c @implementation
public func hakmem_disable() {
  guard Process.start() else { return }
  Gate.close()
}

@c @implementation
public func hakmem_enable() { Gate.open() }

@c @implementation
public func hakmem_iterate(
  _ base: UInt, _ byteCount: Int,
  _ callback: (@convention(c) (UInt, Int, UnsafeMutableRawPointer?) -> Void)?,
  _ argument: UnsafeMutableRawPointer?
) -> Int32 {
  guard let callback, Process.isReady else { return -1 }
  let visited = HeapWalk.forEachLiveBlock(from: base, UInt(bitPattern: byteCount)) {
    callback($0, Int($1), argument)
  }
  return visited ? 0 : -1
}

/// Every live block of a heap at rest. A block is live when its slab says that it is out and it
/// lies in no thread cache and no batch; those are marked first, in a bitmap of their own.
enum HeapWalk {
  /// A bit for each 16 bytes of a SuperSlab.
  private static let bitmapBytes: UInt = Constants.superSlabBytes / 128

  /// False when there is no memory for the bitmap.
  static func forEachLiveBlock(
    from base: UInt, _ byteCount: UInt, _ body: (UInt, UInt) -> Void
  ) -> Bool {
    let count = SuperSlab.createdCount
    let bytes = max(count &* bitmapBytes, Constants.pageBytes)
    guard let bitmap = SystemCalls.map(byteCount: bytes, protection: .readWrite) else {
      return false
    }
    forEachCachedBlock { block in
      guard let superSlab = SuperSlab.around(block), superSlab.ordinal < count else { return }
      let bit = (block &- superSlab.start) / 16
      let word = bitmap &+ superSlab.ordinal &* bitmapBytes &+ bit / 64 &* 8
      Memory.storeWord(Memory.loadWord(at: word) | 1 << (bit % 64), at: word)
    }
    func visit(_ block: UInt, _ blockBytes: UInt) {
      if block &- base < byteCount { body(block, blockBytes) }
    }
    SuperSlab.forEach { superSlab in
      guard superSlab.ordinal < count else { return }
      let marks = bitmap &+ superSlab.ordinal &* bitmapBytes
      Slab.forEach(in: superSlab) { slab in
        let blockBytes = slab.sizeClass.blockBytes
        for index in 0..<slab.freshCount where !slab.isFree(index) {
          let block = slab.start &+ UInt(index) &* blockBytes
          let bit = (block &- superSlab.start) / 16
          let isCached = Memory.loadWord(at: marks &+ bit / 64 &* 8) & (1 << (bit % 64)) != 0
          if !isCached { visit(block, blockBytes) }
        }
      }
      if superSlab.kind == .pageRuns {
        PageRuns.forEachRun(in: superSlab) { start, runBytes, isLive in
          if isLive { visit(start, runBytes) }
        }
      }
    }
    LargeRegions.forEachLive { visit($0.start, $0.mappedBytes) }
    SystemCalls.unmap(bitmap, bytes)
    return true
  }

  private static func forEachCachedBlock(_ body: (UInt) -> Void) {
    for number in 1..<SizeClass.count {
      let sizeClass = SizeClass(number)
      ThreadCache.forEach { $0.forEachBlock(sizeClass, body) }
      Depot.forEachBlock(sizeClass, body)
    }
  }
}

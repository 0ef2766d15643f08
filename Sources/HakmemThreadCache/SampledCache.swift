import CHakmemShims
import HakmemPages
import HakmemPlatform
import HakmemSlabs
import Synchronization

/// Where a thread takes small blocks from and puts them while its heap is sampled: two headers in place
/// of its own, one that allocation reads and one that `free` reads. A class's stack under the first is
/// its window; what is freed does not join it. So a window that is empty has served as many
/// allocations as it held: they are counted, though no fast path counts. Then the two stacks change
/// places. The thread's own bins serve them as the depot serves those.
///
///     remaining = allocations of the class before its next sample, those from the window left out
///
/// Each class draws its own distances, in blocks: then every byte that is allocated is as likely to
/// begin a sample. Only the owner writes here, or who drains the cache of a thread that is no more.
package struct SampledCache: Equatable {
  package let address: UInt
  @inline(__always)
  init(unsafeAt address: UInt) { self.address = address }

  /// A class's stacks. Counts are bytes of slots.
  struct Stacks {
    var remaining: Int
    /// How much the window takes at once: it grows while the class is in use.
    var target: Int
    /// First slots of the window and of the stack of what was freed.
    var first: UInt
    var freedFirst: UInt
    var capacity: UInt
  }

  private enum Offset {
    /// A header for `free`, and one without blocks, which allocation reads from a sample on to the
    /// thread's next call.
    static let freeing = ThreadCache.Offset.closedHeader
    static let watching = 2 &* ThreadCache.Offset.closedHeader
    /// The thread's own cache.
    static let cache = 3 &* ThreadCache.Offset.closedHeader
    static let stacks = cache &+ 64
    static let slots = stacks &+ UInt(classCount) &* stride
    static let stride: UInt = 64
  }
  /// The largest size that has windows; larger blocks are allocated by slow calls.
  package static let maximumBytes: UInt = 4096
  /// Their classes, and none.
  private static let classCount = 51
  private static let smallestTarget = 8 * 8
  private static let mostBlocks: UInt = 256
  /// A window takes half of a stack, and its blocks are to stay in the processor's cache.
  private static let mostBytes: UInt = 64 << 10

  /// Even, to be halved.
  private static func capacity(_ sizeClass: SizeClass) -> UInt {
    min(max(mostBytes / sizeClass.blockBytes, 8), mostBlocks) & ~1
  }
  private func stacks(_ doubledClass: UInt) -> UnsafeMutablePointer<Stacks> {
    Memory.pointer(at: address &+ Offset.stacks &+ doubledClass &* (Offset.stride / 2))
  }
  private var header: ThreadCache { ThreadCache(unsafeAt: address) }
  var freeingHeader: ThreadCache { ThreadCache(unsafeAt: address &+ Offset.freeing) }
  private var watchingHeader: ThreadCache { ThreadCache(unsafeAt: address &+ Offset.watching) }
  /// The thread's own cache.
  package var cache: ThreadCache {
    ThreadCache(unsafeAt: Memory.loadWord(at: address &+ Offset.cache))
  }

  // MARK: Set-up

  /// One with empty stacks; nil when memory is exhausted.
  static func create(for cache: ThreadCache) -> SampledCache? {
    invariant(
      SizeClass.serving(maximumBytes).number == classCount - 1, "the windows serve other classes")
    var byteCount = Offset.slots &+ 8
    for number in 1..<classCount { byteCount &+= 2 &* (8 &+ capacity(SizeClass(number)) &* 8) }
    let address = MetadataRegion.allocate(byteCount)
    guard address != 0 else { return nil }
    let sampled = SampledCache(unsafeAt: address)
    Memory.storeWord(cache.address, at: address &+ Offset.cache)
    sampled.setUpStacks()
    for header in 0..<3 as Range<UInt> {
      let header = ThreadCache(unsafeAt: address &+ header &* ThreadCache.Offset.closedHeader)
      ThreadCacheLayout.fillClasses(of: header, to: maximumBytes)
      Memory.storeWord(
        ThreadCache.Kind.sampled.rawValue, at: header.address &+ ThreadCache.Offset.kind)
      Memory.storeWord(address, at: header.address &+ ThreadCache.Offset.owner)
    }
    return sampled
  }

  /// Each class's slots lie above a zero word, as in a thread's own cache.
  private func setUpStacks() {
    let nothing = address &+ Offset.slots &+ 8
    for number in 0..<SizeClass.count {
      freeingHeader.bin(SizeClass(number)).top = nothing
      freeingHeader.bin(SizeClass(number)).limit = nothing
    }
    // Sizes that have no window.
    header.bin(.none).top = nothing
    watchingHeader.bin(.none).top = nothing
    var first = nothing
    for number in 1..<Self.classCount {
      let sizeClass = SizeClass(number)
      let capacity = Self.capacity(sizeClass) &* 8
      let freedFirst = first &+ capacity &+ 8
      stacks(sizeClass.doubled).pointee = Stacks(
        remaining: Self.drawRemaining(sizeClass, cache), target: Self.smallestTarget, first: first,
        freedFirst: freedFirst, capacity: capacity)
      watchingHeader.bin(sizeClass).top = nothing
      header.bin(sizeClass).top = first
      freeingHeader.bin(sizeClass).top = freedFirst
      freeingHeader.bin(sizeClass).limit = freedFirst &+ capacity
      first = freedFirst &+ capacity &+ 8
    }
  }

  /// Bytes of slots for the blocks of a class before the next sample.
  private static func drawRemaining(_ sizeClass: SizeClass, _ cache: ThreadCache) -> Int {
    HeapProfile.drawDistance(cache) / Int(sizeClass.blockBytes) * 8
  }

  // MARK: Allocation

  /// The one whose windows the calling thread allocates from; nil for any other thread.
  @inline(__always)
  package static func of(_ current: ThreadCache) -> SampledCache? {
    guard
      Memory.loadWord(at: current.address &+ ThreadCache.Offset.kind)
        == ThreadCache.Kind.sampled.rawValue
    else { return nil }
    return SampledCache(unsafeAt: Memory.loadWord(at: current.address &+ ThreadCache.Offset.owner))
  }

  /// A small block after the window, which is empty, and the stack of what was freed changed places; 0
  /// when the call must go on.
  @inline(__always)
  package func allocateFast(_ byteCount: UInt, in current: ThreadCache) -> UInt {
    guard current == header else { return 0 }
    guard byteCount <= Self.maximumBytes else { return 0 }
    let doubledClass = header.doubledClass(forSize: byteCount)
    let stacks = stacks(doubledClass)
    let freed = freeingHeader.bin(forDoubledClass: doubledClass)
    let top = freed.top
    let first = stacks.pointee.freedFirst
    let count = Int(bitPattern: top &- first)
    let remaining = stacks.pointee.remaining &- count
    guard 2 &* count >= stacks.pointee.target, remaining >= 0 else { return 0 }
    let record = cache.record
    record.pointee.isBusy.store(1, ordering: .releasing)
    stacks.pointee.remaining = remaining
    let emptied = stacks.pointee.first
    stacks.pointee.first = first
    stacks.pointee.freedFirst = emptied
    freed.top = emptied
    freed.limit = emptied &+ stacks.pointee.capacity
    header.bin(forDoubledClass: doubledClass).top = top &- 8
    record.pointee.isBusy.store(0, ordering: .releasing)
    return Memory.loadWord(at: top &- 8)
  }

  /// Begins a slow call of allocation, for which no window serves.
  package func beginApart(in current: ThreadCache) {
    cache.record.pointee.allocations &+= 1
    if current == watchingHeader { exchangeHeaders(watchingHeader, header) }
    ProfileControl.look()
  }

  /// Begins a slow call of allocation. Returns a block if the window has one, which is counted.
  package func begin(_ byteCount: UInt, in current: ThreadCache) -> UInt {
    beginApart(in: current)
    guard byteCount <= Self.maximumBytes else { return 0 }
    return header.bin(forSize: byteCount).pop()
  }

  /// Whether the allocation of a small size, for which the window is empty, begins a sample.
  package func isDue(_ byteCount: UInt) -> Bool {
    let doubledClass = header.doubledClass(forSize: byteCount)
    let stacks = stacks(doubledClass)
    guard stacks.pointee.remaining == 0 else { return false }
    stacks.pointee.remaining = Self.drawRemaining(SizeClass(doubled: doubledClass), cache)
    return true
  }

  /// A block of the window after it, empty, took what was freed and blocks of the thread's own bin. It
  /// takes more at once the longer the class is in use. 0 when memory is exhausted.
  package func allocateFilling(_ byteCount: UInt) -> UInt {
    let sizeClass = SizeClass(doubled: header.doubledClass(forSize: byteCount))
    let stacks = stacks(sizeClass.doubled)
    let window = header.bin(sizeClass)
    stacks.pointee.target = min(2 * stacks.pointee.target, Int(stacks.pointee.capacity / 2))
    if move(sizeClass, from: freeingHeader.bin(sizeClass), above: stacks.pointee.freedFirst) {
      while move(sizeClass, from: cache.bin(sizeClass), above: cache.firstSlot(sizeClass)) {
        let block = cache.refill(sizeClass)
        guard block != 0 else { break }
        // Where it was taken from.
        _ = cache.bin(sizeClass).push(block)
      }
    }
    return window.pop()
  }

  /// Moves blocks from a stack into the window; whether it could take more.
  @discardableResult
  private func move(
    _ sizeClass: SizeClass, from bin: ThreadCache.Bin, above first: UInt
  ) -> Bool {
    let stacks = stacks(sizeClass.doubled)
    let window = header.bin(sizeClass)
    let held = Int(bitPattern: window.top &- stacks.pointee.first)
    let wanted = min(stacks.pointee.target - held, stacks.pointee.remaining)
    let count = min(max(Int(bitPattern: bin.top &- first), 0), wanted)
    guard count > 0 else { return wanted > 0 }
    cache.record.pointee.isBusy.store(1, ordering: .releasing)
    bin.top &-= UInt(bitPattern: count)
    Memory.copy(from: bin.top, to: window.top, UInt(bitPattern: count))
    window.top &+= UInt(bitPattern: count)
    stacks.pointee.remaining -= count
    cache.record.pointee.isBusy.store(0, ordering: .releasing)
    return count < wanted
  }

  /// Puts a block into a stack of freed ones that is full: the older half goes to the thread's own bin.
  @inline(never)
  package func overflow(_ block: UInt, _ sizeClass: SizeClass) {
    let bin = freeingHeader.bin(sizeClass)
    let own = cache.bin(sizeClass)
    guard sizeClass.number < Self.classCount else {
      return own.push(block) ? () : cache.overflow(block, sizeClass)
    }
    let first = stacks(sizeClass.doubled).pointee.freedFirst
    let half = ((bin.top &- first) / 2).roundedUp(to: 8)
    withUnsafeTemporaryAllocation(of: UInt.self, capacity: Int(Self.mostBlocks / 2)) { oldest in
      let slots = UInt(bitPattern: oldest.baseAddress)
      cache.record.pointee.isBusy.store(1, ordering: .releasing)
      Memory.copy(from: first, to: slots, half)
      Memory.move(from: first &+ half, to: first, bin.top &- first &- half)
      bin.top &-= half
      _ = bin.push(block)
      cache.record.pointee.isBusy.store(0, ordering: .releasing)
      // Sampling may end in the midst of this, and the stacks be drained.
      forEachSlot(from: slots, to: slots &+ half) {
        if !own.push($0) { cache.overflow($0, sizeClass) }
      }
    }
    cache.drainSampledCacheUnlessUsed()
  }

  /// Has the owner's next allocation come to a slow call, whatever its size: to know whether the
  /// sample that was just taken is freed before it.
  package func watch() { exchangeHeaders(header, watchingHeader) }

  /// Nothing when another thread has closed the gate meanwhile.
  private func exchangeHeaders(_ old: ThreadCache, _ new: ThreadCache) {
    _ = Memory.pointer(at: cache.record.pointee.ownersWords, to: Atomic<UInt>.self).pointee
      .compareExchange(expected: old.address, desired: new.address, ordering: .relaxed)
  }

  // MARK: Blocks

  /// Calls `body` for each block of a class that lies here.
  package func forEachBlock(_ sizeClass: SizeClass, _ body: (UInt) -> Void) {
    guard sizeClass.number < Self.classCount else { return }
    let stacks = stacks(sizeClass.doubled)
    forEachSlot(from: stacks.pointee.first, to: header.bin(sizeClass).top, body)
    forEachSlot(from: stacks.pointee.freedFirst, to: freeingHeader.bin(sizeClass).top, body)
  }

  private func forEachSlot(from first: UInt, to top: UInt, _ body: (UInt) -> Void) {
    var slot = first
    while slot < top {
      body(Memory.loadWord(at: slot))
      slot &+= 8
    }
  }

  /// Returns all blocks to their slabs.
  package func drain() {
    cache.record.pointee.isBusy.store(1, ordering: .releasing)
    for number in 1..<Self.classCount {
      let sizeClass = SizeClass(number)
      let stacks = stacks(sizeClass.doubled)
      stacks.pointee.remaining += empty(header.bin(sizeClass), stacks.pointee.first, sizeClass)
      _ = empty(freeingHeader.bin(sizeClass), stacks.pointee.freedFirst, sizeClass)
      stacks.pointee.target = Self.smallestTarget
    }
    cache.record.pointee.isBusy.store(0, ordering: .releasing)
  }

  /// Bytes of the slots that were emptied.
  private func empty(_ bin: ThreadCache.Bin, _ first: UInt, _ sizeClass: SizeClass) -> Int {
    let held = Int(bitPattern: bin.top &- first)
    guard held > 0 else { return 0 }
    bin.top = first
    SlabList.giveBack(first, count: held / 8, of: sizeClass, reject: Misuse.report)
    return held
  }

  /// What contradicts the stacks' order; nil when nothing does. For the owner.
  var fault: StaticString? {
    for number in 1..<Self.classCount {
      let sizeClass = SizeClass(number)
      let stacks = stacks(sizeClass.doubled)
      if stacks.pointee.remaining < 0 || stacks.pointee.remaining % 8 != 0 {
        return "the count of a window's class is wrong"
      }
      if let fault = fault(header.bin(sizeClass).top, above: stacks.pointee.first, sizeClass)
        ?? fault(freeingHeader.bin(sizeClass).top, above: stacks.pointee.freedFirst, sizeClass)
      {
        return fault
      }
    }
    return nil
  }

  private func fault(_ top: UInt, above first: UInt, _ sizeClass: SizeClass) -> StaticString? {
    if Memory.loadWord(at: first &- 8) != 0 { return "the word below a window is not zero" }
    if top < first || top > first &+ stacks(sizeClass.doubled).pointee.capacity {
      return "a window's top is out of its bounds"
    }
    var isWhole = true
    forEachSlot(from: first, to: top) {
      if ClassMap.doubledClass(of: $0) != sizeClass.doubled { isWhole = false }
    }
    return isWhole ? nil : "a window holds a block of another class"
  }
}

extension ThreadCache {
  /// What its calls use while the heap is sampled; nil before that was ever so.
  package var sampledCache: SampledCache? {
    let address = record.pointee.sampledCache
    return address == 0 ? nil : SampledCache(unsafeAt: address)
  }

  /// Sets the windows up if need be; nil when memory is exhausted.
  func makeSampledCache() -> SampledCache? {
    if let sampledCache { return sampledCache }
    guard let made = SampledCache.create(for: self) else { return nil }
    record.pointee.sampledCache = made.address
    return made
  }

  /// Returns the blocks of a `SampledCache` that is not in use any more. By the owner.
  package func drainSampledCacheUnlessUsed() {
    if let sampledCache, SampledCache.of(.current) != sampledCache { sampledCache.drain() }
  }
}

import CHakmemShims
import HakmemPages
import HakmemPlatform
import HakmemSlabs
import Synchronization

/// About one of HAKMEM_GUARD_SAMPLE allocations stands alone, its end against an inaccessible page,
/// and becomes inaccessible itself when it is freed. A fault there is reported with the stacks of
/// the allocation and the free; then the program's own handler, or the default, goes on.
///
///     guard │ slot 0 │ guard │ slot 1 │ … │ guard        a page each
///
/// Slots are used in turn, so that a freed one is used again last. A slot belongs to whoever changed
/// its state to `busy`; its facts stay readable for reports.
package enum GuardSampler {
  private static let slotCount: UInt = 256
  private static let recordBytes: UInt = 320

  private enum State {
    static let unused: UInt32 = 0
    static let live: UInt32 = 1
    static let freed: UInt32 = 2
    static let busy: UInt32 = 3
  }

  struct Slot: ~Copyable {
    let state: Atomic<UInt32>
    var allocatingThread: UInt32
    var freeingThread: UInt32
    var block: UInt
    var byteCount: UInt
    var allocation: CallStack.Frames
    var release: CallStack.Frames
  }

  struct Shared: ~Copyable {
    var pool: UInt
    var poolBytes: UInt
    var records: UInt
    let next: Atomic<UInt>
  }

  private static var shared: UnsafeMutablePointer<Shared> {
    Memory.pointer(at: CacheStorage.guardSampler)
  }
  private static var pageBytes: UInt { GuardPage.byteCount }
  private static func slot(_ number: UInt) -> UnsafeMutablePointer<Slot> {
    Memory.pointer(at: shared.pointee.records &+ number &* recordBytes)
  }
  private static func page(_ number: UInt) -> UInt {
    shared.pointee.pool &+ (2 &* number &+ 1) &* pageBytes
  }

  /// Sets up the slots, when sampling is on. False when memory is exhausted.
  package static func prepare() -> Bool {
    guard Option.guardSample.isOn, shared.pointee.pool == 0 else { return true }
    invariant(UInt(MemoryLayout<Slot>.size) <= recordBytes, "a guarded slot's record is too long")
    let poolBytes = (2 &* slotCount &+ 1) &* pageBytes
    let records = MetadataRegion.allocate(slotCount &* recordBytes)
    guard records != 0,
      let pool = SystemCalls.map(byteCount: poolBytes, protection: .readWrite)
    else { return false }
    SystemCalls.nameMapping(pool, poolBytes, "hakmem guarded")
    GuardPage.install(pool, poolBytes)
    shared.pointee.records = records
    shared.pointee.poolBytes = poolBytes
    shared.pointee.pool = pool
    return true
  }

  /// Whether an address lies among the slots and their guards.
  @inline(__always)
  package static func contains(_ address: UInt) -> Bool {
    address &- shared.pointee.pool < shared.pointee.poolBytes
  }

  // MARK: Calls that are counted alone

  /// Whether nothing but the count of allocations keeps the owner from its fast paths.
  static func attach(_ isAlone: Bool, to cache: ThreadCache) {
    Memory.storeWord(
      isAlone ? cache.address : 0, at: cache.closedHeader &+ ThreadCache.Offset.sampledCache)
  }

  /// A block from the thread's bin when none is due to be guarded; 0 when the call must go on.
  @inline(__always)
  package static func allocateFast(_ byteCount: UInt) -> UInt {
    let address = cacheOfThread
    guard address != 0, byteCount <= SizeClass.fastMaximumBytes else { return 0 }
    let cache = ThreadCache(unsafeAt: address)
    let left = Int(bitPattern: cache.record.pointee.untilSample) &- 1
    guard left > 0 else { return 0 }
    cache.record.pointee.untilSample = UInt(bitPattern: left)
    return cache.bin(forSize: byteCount).pop()
  }

  /// Puts a small block into the thread's bin; false when the call must go on.
  @inline(__always)
  package static func freeFast(_ pointer: UInt) -> Bool {
    let address = cacheOfThread
    guard address != 0 else { return false }
    // Bin 0 is always full.
    return ThreadCache(unsafeAt: address)
      .bin(forDoubledClass: ClassMap.doubledClass(of: pointer)).push(pointer)
  }

  @inline(__always)
  private static var cacheOfThread: UInt {
    Memory.loadWord(at: ThreadCache.current.address &+ ThreadCache.Offset.sampledCache)
  }

  // MARK: Blocks

  /// A block of its own if it is this allocation's turn; 0 when it is not, or no slot can serve it.
  @inline(__always)
  package static func allocate(
    _ byteCount: UInt, alignment: UInt, _ cache: ThreadCache, _ site: CallSite
  ) -> UInt {
    let left = cache.record.pointee.untilSample &- 1
    cache.record.pointee.untilSample = left
    guard left >= UInt(1) << 63 || left == 0 else { return 0 }
    return allocateSlow(byteCount, alignment: alignment, isFirst: left != 0, cache, site)
  }

  @inline(never)
  private static func allocateSlow(
    _ byteCount: UInt, alignment: UInt, isFirst: Bool, _ cache: ThreadCache, _ site: CallSite
  ) -> UInt {
    // Evenly from 1 to 2 N - 1: nobody knows which one is next.
    cache.record.pointee.untilSample =
      Secret.nextWord() % (2 &* Option.guardSample.value &- 1) &+ 1
    guard !isFirst, byteCount <= pageBytes, alignment <= pageBytes else { return 0 }
    let mostTries = 16
    for _ in 0..<mostTries {
      let number = shared.pointee.next.wrappingAdd(1, ordering: .relaxed).oldValue % slotCount
      let slot = slot(number)
      let state = slot.pointee.state.load(ordering: .relaxed)
      guard state == State.unused || state == State.freed,
        slot.pointee.state.compareExchange(
          expected: state, desired: State.busy, ordering: .acquiringAndReleasing
        ).exchanged
      else { continue }
      return begin(slot, page(number), byteCount, alignment, site)
    }
    return 0
  }

  private static func begin(
    _ slot: UnsafeMutablePointer<Slot>, _ page: UInt, _ byteCount: UInt, _ alignment: UInt,
    _ site: CallSite
  ) -> UInt {
    // Each time, for the program may have set a handler of its own meanwhile.
    hakmem_watch_faults()
    GuardPage.remove(page, pageBytes)
    let end = page &+ pageBytes
    let block = (end &- max(byteCount, 1)).roundedDown(
      to: max(alignment, Constants.minimumAlignment))
    Memory.fill(block &+ byteCount, end &- block &- byteCount, gapByte)
    slot.pointee.block = block
    slot.pointee.byteCount = byteCount
    slot.pointee.allocatingThread = SystemCalls.threadID()
    slot.pointee.allocation = CallStack.capture(site)
    slot.pointee.state.store(State.live, ordering: .releasing)
    return block
  }

  /// What stands between a block's end and its page's end.
  private static var gapByte: UInt8 { UInt8(truncatingIfNeeded: Secret.first >> 8) | 1 }

  /// Bytes asked for of the live block that begins at `pointer`, an address among the slots.
  package static func byteCount(_ pointer: UInt) -> UInt? {
    guard let number = number(pointer) else { return nil }
    let slot = slot(number)
    guard slot.pointee.state.load(ordering: .acquiring) == State.live,
      slot.pointee.block == pointer
    else { return nil }
    return slot.pointee.byteCount
  }

  private static func number(_ address: UInt) -> UInt? {
    let index = (address &- shared.pointee.pool) / pageBytes
    return index % 2 == 1 ? index / 2 : nil
  }

  /// Frees a block among the slots; reports and aborts for anything else there.
  package static func free(_ pointer: UInt, _ site: CallSite) {
    guard let number = number(pointer) else { Misuse.stop(.free, pointer, .interior, site) }
    let slot = slot(number)
    guard slot.pointee.block == pointer else { Misuse.stop(.free, pointer, .interior, site) }
    guard
      slot.pointee.state.compareExchange(
        expected: State.live, desired: State.busy, ordering: .acquiringAndReleasing
      ).exchanged
    else { Misuse.stop(.free, pointer, .alreadyFree, site) }
    let end = page(number) &+ pageBytes
    var place = pointer &+ slot.pointee.byteCount
    while place < end {
      guard Memory.loadByte(at: place) == UInt(gapByte) else {
        Misuse.stop(.free, pointer, .overflow(at: place &- pointer), site)
      }
      place &+= 1
    }
    slot.pointee.freeingThread = SystemCalls.threadID()
    slot.pointee.release = CallStack.capture(site)
    GuardPage.install(page(number), pageBytes)
    slot.pointee.state.store(State.freed, ordering: .releasing)
  }

  // MARK: Reports

  /// Appends what lies at an address among the slots: the block that is the nearest.
  static func describe(_ address: UInt, to text: inout Text) {
    let slot = nearest(address)
    let block = slot.pointee.block
    let isFreed = slot.pointee.state.load(ordering: .relaxed) == State.freed
    if address < block {
      text.append(block &- address)
      text.append(" bytes before the ")
    } else if address &- block >= slot.pointee.byteCount {
      text.append(address &- block &- slot.pointee.byteCount)
      text.append(" bytes behind the ")
    } else if address != block {
      text.append(address &- block)
      text.append(" bytes into the ")
    } else {
      text.append("the ")
    }
    text.append("guarded block of ")
    text.append(slot.pointee.byteCount)
    text.append(isFreed ? " B that is free" : " B")
  }

  /// The slot of the page, or for a guard the one whose block is nearer.
  private static func nearest(_ address: UInt) -> UnsafeMutablePointer<Slot> {
    if let number = number(address) { return slot(number) }
    let right = (address &- shared.pointee.pool) / pageBytes / 2
    guard right > 0 else { return slot(0) }
    guard right < slotCount else { return slot(slotCount &- 1) }
    let isFirstHalf = address % pageBytes < pageBytes / 2
    return slot(isFirstHalf ? right &- 1 : right)
  }

  /// Writes the stacks of the allocation and of the free of the block at an address.
  static func writeStacks(_ address: UInt, _ map: MemoryMap) {
    let slot = nearest(address)
    Misuse.writeStack(
      "allocated by thread ", slot.pointee.allocatingThread, slot.pointee.allocation, map)
    if slot.pointee.state.load(ordering: .relaxed) == State.freed {
      Misuse.writeStack("freed by thread ", slot.pointee.freeingThread, slot.pointee.release, map)
    }
  }

  /// Reports a fault, if it is one of these. In a signal handler: locks and allocates nothing.
  fileprivate static func report(fault address: UInt, _ access: CallStack.Frames) {
    let slot = nearest(address)
    Text.message {
      $0.append("hakmem: access to ")
      $0.append(hex: address)
      if slot.pointee.state.load(ordering: .relaxed) == State.freed {
        $0.append(": use after free: ")
      } else {
        $0.append(address < slot.pointee.block ? ": heap underflow: " : ": heap overflow: ")
      }
      describe(address, to: &$0)
      $0.append("\n")
    }
    let map = MemoryMap()
    Misuse.writeStack("accessed by thread ", SystemCalls.threadID(), access, map)
    writeStacks(address, map)
    map.release()
  }
}

/// Called by the handler of SIGSEGV, before it hands the signal on.
@c(hakmem_report_fault)
public func reportFault(_ address: UInt, _ programCounter: UInt, _ framePointer: UInt) {
  guard GuardSampler.contains(address) else { return }
  GuardSampler.report(
    fault: address,
    CallStack.capture(programCounter: programCounter, framePointer: framePointer))
}

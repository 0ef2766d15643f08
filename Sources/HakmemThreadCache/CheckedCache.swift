import CHakmemShims
import HakmemPages
import HakmemPlatform
import HakmemSlabs
import Synchronization

/// What a thread needs while every block is checked, beside its `ThreadCache`: the figures of the
/// classes' blocks, random bytes, and the quarantine. Only the owner writes here.
package struct CheckedCache: Equatable {
  package let address: UInt
  @inline(__always)
  package init(unsafeAt address: UInt) { self.address = address }

  /// What the checks need to know of a class: half a line.
  package struct Class {
    package var blockBytes: UInt
    package var reciprocal: UInt
    /// slabBytes - 1
    package var offsetMask: UInt
  }

  package struct Header {
    package var firstSecret: UInt
    package var secondSecret: UInt
    package var hasCanary: Bool
    package var zeroes: Bool
    package var verifies: Bool
    /// All of them, and a quarantine.
    package var isFull: Bool
    /// The thread's open header; 0 in the one that threads without a cache share.
    package var cache: UInt
    package var slabMap: SlabMap
    var random: RandomStream
  }

  private static let classesOffset: UInt = 256
  private static let classStride: UInt = 32
  private static let quarantineOffset = classesOffset &+ UInt(SizeClass.count) &* classStride
  private static let byteCount = quarantineOffset &+ UInt(MemoryLayout<Quarantine.State>.size)

  @inline(__always)
  package var header: UnsafeMutablePointer<Header> { Memory.pointer(at: address) }
  @inline(__always)
  package func record(_ sizeClass: SizeClass) -> UnsafeMutablePointer<Class> {
    Memory.pointer(
      at: address &+ Self.classesOffset &+ sizeClass.doubled &* (Self.classStride / 2))
  }
  @inline(__always)
  package var cache: ThreadCache { ThreadCache(unsafeAt: header.pointee.cache) }
  @inline(__always)
  private var quarantine: Quarantine {
    Quarantine(Memory.pointer(at: address &+ Self.quarantineOffset))
  }

  // MARK: Set-up

  static func create(for cache: ThreadCache) -> CheckedCache? {
    let address = MetadataRegion.allocate(byteCount)
    guard address != 0 else { return nil }
    let checked = CheckedCache(unsafeAt: address)
    checked.header.pointee.cache = cache.address
    checked.header.pointee.slabMap = SlabMap.shared
    checked.header.pointee.firstSecret = Secret.first
    checked.header.pointee.secondSecret = Secret.second
    checked.header.pointee.hasCanary = Option.canary.isOn
    checked.header.pointee.zeroes = Option.zeroOnFree.isOn
    checked.header.pointee.verifies = Option.verifyZero.isOn
    checked.header.pointee.isFull =
      cache.address != 0 && Option.canary.isOn && Option.verifyZero.isOn
      && Option.quarantine.isOn
    for number in 1..<SizeClass.count {
      let sizeClass = SizeClass(number)
      checked.record(sizeClass).pointee = Class(
        blockBytes: sizeClass.blockBytes, reciprocal: sizeClass.reciprocal,
        offsetMask: sizeClass.slabBytes &- 1)
    }
    return checked.quarantine.begin(maximumBytes: Option.quarantine.value << 10) ? checked : nil
  }

  /// For threads without a cache of their own: the figures, and nothing that changes.
  package static var shared: CheckedCache {
    CheckedCache(unsafeAt: Memory.loadWord(at: CacheStorage.checked))
  }

  /// Sets up what all threads share. False when memory is exhausted.
  package static func prepare() -> Bool {
    guard Hardening.isOn, Memory.loadWord(at: CacheStorage.checked) == 0 else { return true }
    guard SlabMap.create(), let shared = create(for: ThreadCache(unsafeAt: 0)) else { return false }
    Memory.storeWord(shared.address, at: CacheStorage.checked)
    return true
  }

  /// Shows the cache, or none for 0, to the owner's slow calls: in its closed header.
  static func attach(_ address: UInt, to cache: ThreadCache) {
    Memory.storeWord(address, at: cache.closedHeader &+ ThreadCache.Offset.checkedCache)
  }

  // MARK: Quarantine

  /// Keeps a freed block from reuse for a while.
  @inline(__always)
  package func quarantine(_ block: UInt, _ byteCount: UInt) {
    quarantine.enter(block, byteCount)
    while quarantine.isFull {
      let leaving = quarantine.leave(header.pointee.random.nextByte())
      guard leaving != 0 else { continue }
      let sizeClass = SizeClass(doubled: ClassMap.doubledClass(of: leaving))
      quarantine.forget(record(sizeClass).pointee.blockBytes)
      put(leaving, sizeClass)
    }
  }

  /// Moves everything to the bins.
  package func releaseQuarantine() {
    quarantine.empty { put($0, SizeClass(doubled: ClassMap.doubledClass(of: $0))) }
  }

  /// Calls `body` for each block of a class in the quarantine.
  package func forEachBlock(_ sizeClass: SizeClass, _ body: (UInt) -> Void) {
    quarantine.forEachBlock { block in
      if ClassMap.doubledClass(of: block) == sizeClass.doubled { body(block) }
    }
  }

  // MARK: Blocks

  /// A block of the class, in random order if so wanted; 0 when memory is exhausted.
  @inline(__always)
  package func take(_ sizeClass: SizeClass) -> UInt {
    let block = cache.bin(sizeClass).pop()
    return block != 0 ? block : refill(sizeClass)
  }

  @inline(never)
  private func refill(_ sizeClass: SizeClass) -> UInt {
    let block = cache.refill(sizeClass)
    guard block != 0, Option.randomPlacement.isOn else { return block }
    _ = cache.bin(sizeClass).push(block)
    let first = cache.firstSlot(sizeClass)
    var left = UInt(cache.count(sizeClass))
    while left > 1 {
      let other = first &+ header.pointee.random.next(below: left) &* 8
      left &-= 1
      let last = first &+ left &* 8
      let kept = Memory.loadWord(at: last)
      Memory.storeWord(Memory.loadWord(at: other), at: last)
      Memory.storeWord(kept, at: other)
    }
    return cache.bin(sizeClass).pop()
  }

  /// Puts a free block into its bin.
  @inline(__always)
  package func put(_ block: UInt, _ sizeClass: SizeClass) {
    if !cache.bin(forDoubledClass: sizeClass.doubled).push(block) {
      cache.overflow(block, sizeClass)
    }
  }
}

extension ThreadCache {
  /// What the owner checks blocks with; nil unless blocks are checked. Of the open header.
  package var checkedCache: CheckedCache? {
    let address = record.pointee.checkedCache
    return address == 0 ? nil : CheckedCache(unsafeAt: address)
  }

  /// The `CheckedCache` of a thread whose calls all go there; 0 for any other thread, and before the
  /// thread's first call.
  @inline(__always)
  package static var checkedCacheOfThread: UInt {
    Memory.loadWord(at: current.address &+ Offset.checkedCache)
  }
}

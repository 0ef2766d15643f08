import CHakmemShims
import HakmemPages
import HakmemPlatform
import HakmemSlabs
import Synchronization

/// What a thread needs while every block is checked, beside its `ThreadCache`: the figures of the
/// classes' blocks, random bytes, and the quarantines. Only the owner writes here.
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
    /// Where the quarantine of the class's blocks lies; 0 when they have none.
    package var quarantine: UInt
  }

  package struct Header {
    package var firstSecret: UInt
    package var secondSecret: UInt
    package var hasCanary: Bool
    package var zeroes: Bool
    package var verifies: Bool
    /// All of them.
    package var isFull: Bool
    package var hasWideVectors: Bool
    /// The thread's open header; 0 in the one that threads without a cache share.
    package var cache: UInt
    package var slabMap: SlabMap
    package var random: RandomStream
  }

  private static let classesOffset: UInt = 256
  private static let classStride: UInt = 32
  private static let quarantinesOffset = classesOffset &+ UInt(SizeClass.count) &* classStride

  @inline(__always)
  package var header: UnsafeMutablePointer<Header> { Memory.pointer(at: address) }
  @inline(__always)
  package func record(_ sizeClass: SizeClass) -> UnsafeMutablePointer<Class> {
    Memory.pointer(
      at: address &+ Self.classesOffset &+ sizeClass.doubled &* (Self.classStride / 2))
  }
  @inline(__always)
  package var cache: ThreadCache { ThreadCache(unsafeAt: header.pointee.cache) }

  // MARK: Set-up

  static func create(for cache: ThreadCache) -> CheckedCache? {
    let maximumBytes = Option.quarantine.value << 10
    var byteCount = quarantinesOffset
    for number in Quarantine.numbers {
      byteCount &+= Quarantine.byteCount(
        places: Quarantine.placeCount(number, maximumBytes: maximumBytes))
    }
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
    checked.header.pointee.hasWideVectors = hakmem_has_wide_vectors() != 0
    var quarantine = address &+ quarantinesOffset
    for number in Quarantine.numbers {
      let places = Quarantine.placeCount(number, maximumBytes: maximumBytes)
      for sizeClass in 1..<SizeClass.count
      where Quarantine.number(for: SizeClass(sizeClass)) == number {
        checked.learn(SizeClass(sizeClass), quarantine: places == 0 ? 0 : quarantine)
      }
      guard places > 0 else { continue }
      Quarantine(unsafeAt: quarantine).begin(places: places)
      quarantine &+= Quarantine.byteCount(places: places)
    }
    return checked
  }

  private func learn(_ sizeClass: SizeClass, quarantine: UInt) {
    record(sizeClass).pointee = Class(
      blockBytes: sizeClass.blockBytes, reciprocal: sizeClass.reciprocal,
      offsetMask: sizeClass.slabBytes &- 1, quarantine: quarantine)
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
  package func quarantine(_ block: UInt, _ sizeClass: SizeClass) {
    let quarantine = record(sizeClass).pointee.quarantine
    guard quarantine != 0 else { return put(block, sizeClass) }
    let leaving = Quarantine(unsafeAt: quarantine).exchange(
      Quarantine.Entry(block, sizeClass), header.pointee.random.nextByte())
    if !leaving.isNone { put(leaving.block, leaving.sizeClass) }
  }

  private func forEachQuarantine(_ body: (Quarantine) -> Void) {
    var last: UInt = 0
    for number in 1..<SizeClass.count {
      let quarantine = record(SizeClass(number)).pointee.quarantine
      // Classes of one doubling follow one another.
      if quarantine != 0, quarantine != last { body(Quarantine(unsafeAt: quarantine)) }
      last = quarantine
    }
  }

  /// Moves everything to the bins.
  package func releaseQuarantine() {
    forEachQuarantine { $0.empty { put($0.block, $0.sizeClass) } }
  }

  /// Calls `body` for each block of a class in the quarantine.
  package func forEachBlock(_ sizeClass: SizeClass, _ body: (UInt) -> Void) {
    let quarantine = record(sizeClass).pointee.quarantine
    guard quarantine != 0 else { return }
    Quarantine(unsafeAt: quarantine).forEach {
      if $0.sizeClass == sizeClass { body($0.block) }
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

  /// Whether a free block is as it was left.
  @inline(__always)
  package func isZero(_ block: UInt, _ byteCount: UInt) -> Bool {
    Memory.isZero(block, byteCount, wideVectors: header.pointee.hasWideVectors)
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

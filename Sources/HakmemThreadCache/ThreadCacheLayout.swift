import CHakmemShims
import HakmemPlatform
import HakmemSlabs

/// Sizes of a thread cache, the same for all, and how a new one is set up.
enum ThreadCacheLayout {
  private static var offsets: UInt { CacheStorage.slotOffsets }

  static func firstSlotOffset(_ sizeClass: SizeClass) -> UInt {
    Memory.loadWord(at: offsets &+ sizeClass.doubled &* 4)
  }
  static var byteCount: UInt { Memory.loadWord(at: offsets) }

  /// Lays the classes' slots out one after the other, each above its traffic's two words and its zero
  /// word. Runs once.
  static func learn() {
    // The first word is bin 0's zero.
    var offset = ThreadCache.Offset.slots &+ 8
    for number in 1..<SizeClass.count {
      let sizeClass = SizeClass(number)
      offset &+= ThreadCache.trafficBytes &+ 8
      Memory.storeWord(offset, at: offsets &+ sizeClass.doubled &* 4)
      offset &+= UInt(sizeClass.cacheCapacity + (sizeClass.isMedium ? 1 : 0)) &* 8
    }
    Memory.storeWord(offset.roundedUp(to: Constants.lineBytes), at: offsets)
  }

  /// Fills a header's table of classes by size, for sizes of up to `maximum`.
  static func fillClasses(of header: ThreadCache, to maximum: UInt = SizeClass.fastMaximumBytes) {
    let table: UnsafeMutablePointer<UInt8> = Memory.pointer(
      at: header.address &+ ThreadCache.Offset.classOf)
    var index = 0
    for number in 1...SizeClass.serving(maximum).number {
      let sizeClass = SizeClass(number)
      while index <= Int(sizeClass.blockBytes >> 4) {
        table[index] = UInt8(sizeClass.doubled)
        index += 1
      }
    }
  }

  /// A new cache with empty bins, owned by nobody; nil when memory is exhausted.
  static func create() -> ThreadCache? {
    let address = MetadataRegion.allocate(byteCount, alignment: Constants.pageBytes)
    guard address != 0 else { return nil }
    let cache = ThreadCache(unsafeAt: address)
    fillClasses(of: cache)
    // Empty and full at once until their first use: slots of classes that are not used stay untouched.
    let nothing = address &+ ThreadCache.Offset.slots &+ 8
    let closed = ThreadCache(unsafeAt: cache.closedHeader)
    closed.bin(.none).top = nothing
    closed.bin(.none).limit = nothing
    for number in 0..<SizeClass.count {
      cache.bin(SizeClass(number)).top = nothing
      cache.bin(SizeClass(number)).limit = nothing
    }
    Memory.storeWord(ThreadCache.Kind.open.rawValue, at: address &+ ThreadCache.Offset.kind)
    cache.setClosedKind(.closed)
    if Hardening.isOn {
      // Without one the cache could not serve a single call.
      guard let checked = CheckedCache.create(for: cache) else { return nil }
      cache.record.pointee.checkedCache = checked.address
    }
    return cache
  }
}

/// Where the layer's state lies in its zeroed storage.
package enum CacheStorage {
  static var base: UInt { UInt(bitPattern: hakmem_cache_storage()) }
  static var slotOffsets: UInt { base }
  static var parked: UInt { base &+ 1024 }
  static var all: UInt { base &+ 1088 }
  static var gate: UInt { base &+ 1152 }
  static var housekeeping: UInt { base &+ 1216 }
  static var aged: UInt { base &+ 1280 }
  static var flushed: UInt { base &+ 1344 }
  static var parkingCredit: UInt { base &+ 1352 }
  static var interception: UInt { base &+ 1408 }
  static var checked: UInt { base &+ 1416 }
  static var guardSampler: UInt { base &+ 1472 }
  static var heapProfile: UInt { base &+ 2048 }
  static var background: UInt { base &+ 1984 }
  static var trimming: UInt { base &+ 2008 }
}

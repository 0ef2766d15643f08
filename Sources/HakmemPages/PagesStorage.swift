import CHakmemShims
import HakmemPlatform
import Synchronization

/// Where the layer's state lies in its zeroed storage; what several threads write has a line of
/// its own.
package enum PagesStorage {
  static var base: UInt { UInt(bitPattern: hakmem_pages_storage()) }
  static var classMap: UInt { base }
  static var counters: UInt { base &+ 64 }
  static var addressSpace: UInt { base &+ 192 }
  static var availableSuperSlabs: UInt { base &+ 256 }
  static var availableWideSuperSlabs: UInt { base &+ 704 }
  static var warmSuperSlabs: UInt { base &+ 320 }
  static var coldSuperSlabs: UInt { base &+ 384 }
  static var allSuperSlabs: UInt { base &+ 448 }
  static var unmappedSuperSlabs: UInt { base &+ 576 }
  static var halfMadeSuperSlabs: UInt { base &+ 512 }
  static var largeRegions: UInt { base &+ 1024 }
  static var spareLargeRecords: UInt { base &+ 832 }
  static var largeCredit: UInt { base &+ 896 }
  static var addressCredit: UInt { base &+ 912 }
  static var idleCredit: UInt { base &+ 928 }
  static var dirtyCredit: UInt { base &+ 960 }
  static var dirtyMemory: UInt { base &+ 640 }
  static var pageRuns: UInt { base &+ 1280 }
  static var aheadRefused: UInt { base &+ 1536 }
  static var purgeDelay: UInt { base &+ 1544 }
  static var zeroing: UInt { base &+ 1552 }
  static var aheadSuperSlabs: UInt { base &+ 1600 }
  static var collapse: UInt { base &+ 1664 }
  /// Of a NUMA node above 0 three lists, a line each: available, available wide, warm.
  static func lists(ofNode node: UInt) -> UInt {
    nodeLists &+ (node &- 1) &* 3 &* Constants.lineBytes
  }
  static var nodeLists: UInt { base &+ 1728 }
  static var prewarmedSuperSlabs: UInt { base &+ 768 }
  static var guardPages: UInt { base &+ 1408 }
  static var slabMap: UInt { base &+ 1416 }
  static var emptyBlocks: UInt { base &+ 1424 }
  static var mostLarge: UInt { base &+ 1432 }
}

/// Events of the page layer since the process began.
package struct PageCounters: ~Copyable {
  package let maps: Atomic<Int>
  package let unmaps: Atomic<Int>
  package let purges: Atomic<Int>
  package let purgedBytes: Atomic<Int>
  /// Address space mapped readable and writable for blocks.
  package let mappedBytes: Atomic<Int>
  package let superSlabsCreated: Atomic<Int>

  /// Changes with each event.
  package static var activity: UInt {
    UInt(
      bitPattern: shared.pointee.maps.load(ordering: .relaxed)
        &+ shared.pointee.unmaps.load(ordering: .relaxed)
        &+ shared.pointee.purges.load(ordering: .relaxed))
  }

  @inline(__always)
  package static var shared: UnsafeMutablePointer<PageCounters> {
    Memory.pointer(at: PagesStorage.counters)
  }
}

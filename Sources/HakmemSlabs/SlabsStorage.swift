import CHakmemShims
import HakmemPlatform

/// Where the layer's state lies in its zeroed storage.
package enum SlabsStorage {
  static var base: UInt { UInt(bitPattern: hakmem_slabs_storage()) }
  static var facts: UInt { base }
  static var counters: UInt { base &+ 2432 }
  static var emptyBatches: UInt { base &+ 2496 }
  static var bitmapChunks: UInt { base &+ 2560 }
  static var depot: UInt { base &+ 2624 }
  static var smallStates: UInt { base &+ 2648 }
  static var largeStates: UInt { base &+ 2656 }
  static var hardening: UInt { base &+ 2664 }
  static var nodeSlabLists: UInt { base &+ 2672 }
  /// One line for each class: its list of slabs with free blocks.
  static var slabLists: UInt { base &+ 2688 }
}

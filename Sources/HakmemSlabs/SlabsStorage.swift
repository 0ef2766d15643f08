import CHakmemShims
import HakmemPlatform

/// Where the layer's state lies in its zeroed storage.
package enum SlabsStorage {
  static var base: UInt { UInt(bitPattern: hakmem_slabs_storage()) }
  static var facts: UInt { base }
  static var counters: UInt { base &+ 1280 }
  static var emptyBatches: UInt { base &+ 1408 }
  static var bitmapChunks: UInt { base &+ 1536 }
  static var depot: UInt { base &+ 1472 }
  /// One line for each class: its list of slabs with free blocks.
  static var slabLists: UInt { base &+ 2048 }
}

import CHakmemShims
import HakmemPlatform

/// Where the layer's state lies in its zeroed storage.
package enum SlabsStorage {
  static var base: UInt { UInt(bitPattern: hakmem_slabs_storage()) }
  static var facts: UInt { base }
  static var counters: UInt { base &+ 2944 }
  static var emptyBatches: UInt { base &+ 3008 }
  static var bitmapChunks: UInt { base &+ 3072 }
  static var depot: UInt { base &+ 3136 }
  static var smallStates: UInt { base &+ 3160 }
  static var largeStates: UInt { base &+ 3168 }
  static var hardening: UInt { base &+ 3176 }
  static var nodeSlabLists: UInt { base &+ 3184 }
  static var pinnedSlab: UInt { base &+ 3192 }
  static var slabTails: UInt { base &+ 3200 }
  /// One line for each class: its list of slabs with free blocks.
  static var slabLists: UInt { base &+ 3264 }
}

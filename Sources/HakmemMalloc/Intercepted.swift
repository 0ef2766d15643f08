import HakmemPlatform
import HakmemSlabs
import HakmemThreadCache

/// The calls of the interface while `Interception` is active: each comes here once, `realloc` as one
/// call. Addresses are words, 0 for failure.
enum Intercepted {
  static func allocate(_ byteCount: UInt, zero: Bool) -> UInt {
    Heap.allocate(byteCount, zero: zero)
  }

  /// `alignment` is a power of two above 16.
  static func allocate(_ byteCount: UInt, alignment: UInt) -> UInt {
    Heap.allocate(byteCount, alignment: alignment)
  }

  static func free(_ pointer: UInt) { Heap.free(pointer) }

  /// `pointer` and `new` are not 0. When memory is exhausted the block stays as it is.
  static func reallocate(_ pointer: UInt, _ new: UInt) -> UInt {
    guard let old = Heap.usableBytes(pointer) else { Misuse.stop(.reallocate, pointer) }
    if old > SizeClass.maximumBytes {
      if let resized = Heap.resizeWithoutCopying(pointer, old, new) { return resized }
    } else if new <= old, new > old / 2 {
      return pointer
    }
    guard new <= Constants.maximumRequest else { return 0 }
    let moved = Heap.allocate(new, zero: false)
    guard moved != 0 else { return new <= old ? pointer : 0 }
    Memory.copy(from: pointer, to: moved, min(old, new))
    Heap.free(pointer)
    return moved
  }
}

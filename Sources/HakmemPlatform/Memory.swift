import Synchronization

/// Raw memory by address: the only place where an integer becomes a typed pointer.
package enum Memory {
  @inline(__always)
  package static func pointer<T: ~Copyable>(
    at address: UInt, to type: T.Type = T.self
  ) -> UnsafeMutablePointer<T> {
    UnsafeMutablePointer<T>(bitPattern: address).unsafelyUnwrapped
  }

  @inline(__always)
  package static func loadWord(at address: UInt) -> UInt {
    UnsafePointer<UInt>(bitPattern: address).unsafelyUnwrapped.pointee
  }

  @inline(__always)
  package static func storeWord(_ value: UInt, at address: UInt) {
    UnsafeMutablePointer<UInt>(bitPattern: address).unsafelyUnwrapped.pointee = value
  }

  @inline(__always)
  package static func loadByte(at address: UInt) -> UInt {
    UInt(UnsafePointer<UInt8>(bitPattern: address).unsafelyUnwrapped.pointee)
  }

  @inline(__always)
  package static func zero(_ address: UInt, _ byteCount: UInt) {
    guard byteCount > 0 else { return }
    UnsafeMutableRawPointer(bitPattern: address).unsafelyUnwrapped
      .initializeMemory(as: UInt8.self, repeating: 0, count: Int(bitPattern: byteCount))
  }

  @inline(__always)
  package static func copy(from source: UInt, to destination: UInt, _ byteCount: UInt) {
    guard byteCount > 0 else { return }
    UnsafeMutableRawPointer(bitPattern: destination).unsafelyUnwrapped.copyMemory(
      from: UnsafeRawPointer(bitPattern: source).unsafelyUnwrapped,
      byteCount: Int(bitPattern: byteCount))
  }

  /// As `copy`, for ranges that may overlap.
  @inline(__always)
  package static func move(from source: UInt, to destination: UInt, _ byteCount: UInt) {
    copy(from: source, to: destination, byteCount)
  }
}

extension UInt {
  /// Rounds up to a multiple of a power of two. The caller excludes overflow.
  @inline(__always)
  package func roundedUp(to powerOfTwo: UInt) -> UInt {
    (self &+ powerOfTwo &- 1) & ~(powerOfTwo &- 1)
  }

  @inline(__always)
  package func roundedDown(to powerOfTwo: UInt) -> UInt { self & ~(powerOfTwo &- 1) }

  @inline(__always)
  package var isPowerOfTwo: Bool { self != 0 && self & (self &- 1) == 0 }
}

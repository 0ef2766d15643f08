import CHakmemShims
import Synchronization

/// Raw memory by address: the only place where an integer becomes a typed pointer.
package enum Memory {
  @inline(__always)
  package static func pointer<T: ~Copyable>(
    at address: UInt, to type: T.Type = T.self
  ) -> UnsafeMutablePointer<T> {
    UnsafeMutablePointer<T>(bitPattern: address).unsafelyUnwrapped
  }

  /// Where a field of something in raw memory lies.
  @inline(__always)
  package static func address<T: ~Copyable>(of field: inout T) -> UInt {
    withUnsafeMutablePointer(to: &field) { UInt(bitPattern: $0) }
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
  private static func storeZeroVector(at address: UInt) {
    UnsafeMutablePointer<SIMD2<UInt64>>(bitPattern: address).unsafelyUnwrapped.pointee = .zero
  }

  /// Clears a range of whole 16 bytes, at least one, aligned to as many: short ones without a call.
  @inline(__always)
  package static func zeroVectors(_ start: UInt, _ byteCount: UInt) {
    guard byteCount < 64 else { return zero(start, byteCount) }
    storeZeroVector(at: start)
    if byteCount > 16 {
      storeZeroVector(at: start &+ byteCount &- 16)
      if byteCount > 32 { storeZeroVector(at: start &+ 16) }
    }
  }

  @inline(__always)
  private static func loadVector(at address: UInt) -> SIMD2<UInt64> {
    UnsafePointer<SIMD2<UInt64>>(bitPattern: address).unsafelyUnwrapped.pointee
  }

  /// Whether a range of whole 16 bytes, at least one, aligned to as many, is zero.
  /// `wideVectors`: whether the processor has them.
  @inline(__always)
  package static func isZero(_ start: UInt, _ byteCount: UInt, wideVectors: Bool) -> Bool {
    guard byteCount >= 64 else {
      var bits = loadVector(at: start)
      if byteCount > 16 {
        bits |= loadVector(at: start &+ byteCount &- 16)
        if byteCount > 32 { bits |= loadVector(at: start &+ 16) }
      }
      return bits[0] | bits[1] == 0
    }
    if wideVectors { return hakmem_is_zero_wide(start, Int(bitPattern: byteCount)) != 0 }
    // The last 64 bytes overlap the ones before: one loop, one exit. Four sums that do not wait for
    // each other take half the time of one.
    let last = start &+ byteCount &- 64
    var first = loadVector(at: last)
    var second = loadVector(at: last &+ 16)
    var third = loadVector(at: last &+ 32)
    var fourth = loadVector(at: last &+ 48)
    var address = start
    while address < last {
      first |= loadVector(at: address)
      second |= loadVector(at: address &+ 16)
      third |= loadVector(at: address &+ 32)
      fourth |= loadVector(at: address &+ 48)
      address &+= 64
    }
    let bits = (first | second) | (third | fourth)
    return bits[0] | bits[1] == 0
  }

  @inline(__always)
  package static func zero(_ address: UInt, _ byteCount: UInt) { fill(address, byteCount, 0) }

  @inline(__always)
  package static func fill(_ address: UInt, _ byteCount: UInt, _ byte: UInt8) {
    hakmem_fill(address, Int(bitPattern: byteCount), byte)
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

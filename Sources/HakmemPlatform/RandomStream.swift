/// Random bytes of one thread: the stream cipher ChaCha with 8 rounds (D. J. Bernstein, 2008), keyed
/// by the kernel, 64 bytes at a time. Zeroed memory is a stream that has not been keyed yet.
package struct RandomStream {
  private var key: (SIMD4<UInt32>, SIMD4<UInt32>)
  private var counter: UInt64
  private var nonce: UInt64
  private var output: (SIMD4<UInt32>, SIMD4<UInt32>, SIMD4<UInt32>, SIMD4<UInt32>)
  /// Bytes of the output that were not given out.
  private var left: UInt

  package static var unkeyed: RandomStream {
    RandomStream(
      key: (.zero, .zero), counter: 0, nonce: 0, output: (.zero, .zero, .zero, .zero), left: 0)
  }

  @inline(__always)
  package mutating func nextByte() -> UInt {
    if left == 0 { refill() }
    left &-= 1
    return withUnsafeMutablePointer(to: &output) {
      Memory.loadByte(at: UInt(bitPattern: $0) &+ left)
    }
  }

  /// A number below `bound`, which is at most 65536; even to 1 in 2⁴⁸ / `bound`.
  package mutating func next(below bound: UInt) -> UInt {
    var word: UInt = 0
    for _ in 0..<6 { word = word << 8 | nextByte() }
    return (word &* bound) >> 48
  }

  @inline(never)
  private mutating func refill() {
    if key.0 == .zero { rekey() }
    let constants = SIMD4<UInt32>(0x6170_7865, 0x3320_646e, 0x7962_2d32, 0x6b20_6574)
    counter &+= 1
    let last = SIMD4<UInt32>(
      UInt32(truncatingIfNeeded: counter), UInt32(truncatingIfNeeded: counter >> 32),
      UInt32(truncatingIfNeeded: nonce), UInt32(truncatingIfNeeded: nonce >> 32))
    var a = constants
    var b = key.0
    var c = key.1
    var d = last
    for _ in 0..<4 {
      Self.quarterRounds(&a, &b, &c, &d)
      // The diagonals become columns, and columns again.
      b = SIMD4(b[1], b[2], b[3], b[0])
      c = SIMD4(c[2], c[3], c[0], c[1])
      d = SIMD4(d[3], d[0], d[1], d[2])
      Self.quarterRounds(&a, &b, &c, &d)
      b = SIMD4(b[3], b[0], b[1], b[2])
      c = SIMD4(c[2], c[3], c[0], c[1])
      d = SIMD4(d[1], d[2], d[3], d[0])
    }
    output = (a &+ constants, b &+ key.0, c &+ key.1, d &+ last)
    left = 64
  }

  private static func quarterRounds(
    _ a: inout SIMD4<UInt32>, _ b: inout SIMD4<UInt32>, _ c: inout SIMD4<UInt32>,
    _ d: inout SIMD4<UInt32>
  ) {
    func rotate(_ word: SIMD4<UInt32>, _ count: UInt32) -> SIMD4<UInt32> {
      (word &<< count) | (word &>> (32 &- count))
    }
    a = a &+ b
    d = rotate(d ^ a, 16)
    c = c &+ d
    b = rotate(b ^ c, 12)
    a = a &+ b
    d = rotate(d ^ a, 8)
    c = c &+ d
    b = rotate(b ^ c, 7)
  }

  private mutating func rekey() {
    var words = InlineArray<5, UInt>(repeating: 0)
    for index in 0..<5 { words[index] = Secret.nextWord() }
    withUnsafeMutablePointer(to: &words) {
      // Before the kernel is ready the process's secret alone is the key.
      _ = SystemCalls.randomBytes(UInt(bitPattern: $0), 40)
    }
    func half(_ low: UInt, _ high: UInt) -> SIMD4<UInt32> {
      SIMD4(
        UInt32(truncatingIfNeeded: low), UInt32(truncatingIfNeeded: low >> 32),
        UInt32(truncatingIfNeeded: high), UInt32(truncatingIfNeeded: high >> 32))
    }
    key = (half(words[0], words[1] | 1), half(words[2], words[3]))
    nonce = UInt64(words[4])
  }
}

/// Marsaglia's xorshift64: three shifts, period 2⁶⁴ − 1. Equal seeds give equal sequences.
package struct Random {
  package var state: UInt64

  /// The seed passes through SplitMix64 first, so that small seeds differ in all bits.
  package init(seed: UInt64) {
    var mixed = seed &+ 0x9E37_79B9_7F4A_7C15
    mixed = (mixed ^ (mixed >> 30)) &* 0xBF58_476D_1CE4_E5B9
    mixed = (mixed ^ (mixed >> 27)) &* 0x94D0_49BB_1331_11EB
    mixed ^= mixed >> 31
    state = mixed == 0 ? 0x9E37_79B9_7F4A_7C15 : mixed
  }

  @inline(__always)
  package mutating func next() -> UInt64 {
    state ^= state << 13
    state ^= state >> 7
    state ^= state << 17
    return state
  }

  /// A number in 0 ..< bound, for bounds up to 2³², from the upper half of `random`.
  @inline(__always)
  package static func scale(_ random: UInt64, to bound: Int) -> Int {
    Int(truncatingIfNeeded: ((random >> 32) &* UInt64(truncatingIfNeeded: bound)) >> 32)
  }

  @inline(__always)
  package mutating func below(_ bound: Int) -> Int { Random.scale(next(), to: bound) }
}

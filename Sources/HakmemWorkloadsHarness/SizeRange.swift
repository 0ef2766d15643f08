/// Random block sizes in minimum … maximum: first an octave, then a size in it, both uniform, so
/// that small and large sizes are equally frequent.
package struct SizeRange {
  package let minimum: Int
  package let maximum: Int
  private let octaves: Int

  package init(minimum: Int, maximum: Int) {
    self.minimum = minimum
    self.maximum = max(minimum, maximum)
    var count = 1
    while minimum << count <= self.maximum && count < 40 { count += 1 }
    octaves = count
  }

  /// Reads the parameters minimum and maximum, in bytes.
  @export(interface)
  package init(_ parameters: inout Parameters, minimum: Int, maximum: Int, limit: Int) {
    let range = Block.minimumSize...limit
    let least = parameters.integer("minimum", default: minimum, in: range)
    let most = parameters.integer("maximum", default: maximum, in: range)
    if most < least { parameters.reject("maximum", because: "is below minimum") }
    self.init(minimum: least, maximum: most)
  }

  /// The expected size.
  package var mean: Int {
    var sum = 0
    for octave in 0..<octaves {
      sum += ((minimum << octave) + min((minimum << octave) * 2 - 1, maximum)) / 2
    }
    return max(1, sum / octaves)
  }

  @inline(__always)
  package func next(_ random: inout Random) -> Int {
    let value = random.next()
    let octave = Int(truncatingIfNeeded: ((value & 0xFFFF_FFFF) &* UInt64(octaves)) >> 32)
    let start = minimum << octave
    let end = min(start << 1, maximum + 1)
    return start + Random.scale(value, to: end - start)
  }
}

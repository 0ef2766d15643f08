import Synchronization

/// How much memory the heap may take: `HAKMEM_LIMIT`, and the control group's.
///
/// Counted is what may have pages: SuperSlabs in use or kept with their pages, large regions, and
/// the metadata. Empty SuperSlabs whose pages went back do not count. So an account moves once for
/// each 2 MiB or large region, and the fast paths know nothing of it.
package enum MemoryLimit {
  struct State: ~Copyable {
    let charged: Atomic<Int>
    /// Beyond this total there is pressure; 0 while there is no soft limit.
    let mark: Atomic<Int>
    let soft: Atomic<Int>
    let hard: Atomic<Int>
    /// Bits of `Pressure` that nobody has answered yet.
    let pressure: Atomic<UInt32>
  }
  private static var state: UnsafeMutablePointer<State> {
    Memory.pointer(at: PlatformStorage.memoryLimit)
  }

  /// Bytes that count against the limits.
  package static var usedBytes: Int {
    state.pointee.charged.load(ordering: .relaxed) + Int(MetadataRegion.usedBytes)
  }
  /// The limits in bytes; 0: none.
  package static var soft: Int { state.pointee.soft.load(ordering: .relaxed) }
  package static var hard: Int { state.pointee.hard.load(ordering: .relaxed) }

  /// What the limits ask of the upper layers.
  package struct Pressure {
    fileprivate let bits: UInt32
    fileprivate static let overSoft: UInt32 = 1
    fileprivate static let refused: UInt32 = 2
    /// The soft limit was passed.
    package var isOverSoft: Bool { bits & Self.overSoft != 0 }
    /// The hard limit refused memory.
    package var isRefusal: Bool { bits & Self.refused != 0 }
  }

  /// Whether `takePressure` has something to tell.
  @inline(__always)
  package static var isPressed: Bool { state.pointee.pressure.load(ordering: .relaxed) != 0 }

  /// What came up since the last call; of several threads one gets it.
  package static func takePressure() -> Pressure {
    Pressure(bits: state.pointee.pressure.exchange(0, ordering: .relaxed))
  }

  /// Takes the limits of `HAKMEM_LIMIT`.
  package static func learn() {
    let value = LimitValue(packed: Option.limit.value)
    state.pointee.hard.store(Int(value.hard), ordering: .relaxed)
    setSoft(fromGroup: .max)
  }

  /// Combines the soft limit of the options with the control group's, `UInt.max` for none.
  package static func setSoft(fromGroup group: UInt) {
    let own = LimitValue(packed: Option.limit.value).soft
    let soft = min(own == 0 ? .max : own, group)
    let new = soft > UInt(Int.max) ? 0 : Int(soft)
    guard state.pointee.soft.exchange(new, ordering: .relaxed) != new else { return }
    state.pointee.mark.store(new, ordering: .relaxed)
    if new != 0, usedBytes > new { press(Pressure.overSoft) }
  }

  /// Counts `byteCount` more. False, and nothing is counted, when that would pass the hard limit.
  package static func charge(_ byteCount: UInt) -> Bool {
    let bytes = Int(byteCount)
    let charged = state.pointee.charged.wrappingAdd(bytes, ordering: .relaxed).newValue
    let total = charged + Int(MetadataRegion.usedBytes)
    let hard = hard
    if hard != 0, total > hard {
      state.pointee.charged.wrappingSubtract(bytes, ordering: .relaxed)
      press(Pressure.refused)
      return false
    }
    let mark = state.pointee.mark.load(ordering: .relaxed)
    if mark != 0, total > mark { press(Pressure.overSoft) }
    return true
  }

  /// Whether so much more leaves a 64th of the hard limit to the metadata, which is not refused.
  package static func hasRoomBesideMetadata(_ byteCount: UInt) -> Bool {
    hard == 0 || usedBytes + Int(byteCount) <= hard - hard / 64
  }

  package static func uncharge(_ byteCount: UInt) {
    state.pointee.charged.wrappingSubtract(Int(byteCount), ordering: .relaxed)
  }

  /// Called when all free memory was given back: from how many bytes on there is pressure again.
  /// True when the soft limit is still passed.
  package static func settle() -> Bool {
    let soft = soft
    let used = usedBytes
    let isOver = soft != 0 && used > soft
    // Giving everything back costs as much as the heap is large: again after a sixteenth more.
    state.pointee.mark.store(
      isOver ? used + max(soft / 16, Int(Constants.superSlabBytes)) : soft, ordering: .relaxed)
    return isOver
  }

  private static func press(_ bits: UInt32) {
    let old = state.pointee.pressure.bitwiseOr(bits, ordering: .relaxed).oldValue
    guard old & bits == 0 else { return }
    Events.record(
      .limit, size: UInt(bits == Pressure.refused ? hard : soft), detail: bits)
  }
}

/// A soft and a hard limit in one word, as `HAKMEM_LIMIT` keeps them: in KiB, 0 for none.
///
///     SIZE                    a hard limit
///     soft:SIZE               a soft limit
///     soft:SIZE,hard:SIZE     both, in any order
package struct LimitValue {
  package let soft: UInt
  package let hard: UInt

  /// Less would not hold a SuperSlab of each kind.
  private static let smallest: UInt = 16 << 20
  private static let largest: UInt = (1 << 42) - 1024

  package init(packed: UInt) {
    soft = (packed & 0xffff_ffff) << 10
    hard = (packed >> 32) << 10
  }

  private static func pack(soft: UInt, hard: UInt) -> UInt {
    (hard >> 10) << 32 | soft >> 10
  }

  /// The word for a text; nil when it does not parse.
  static func parse(_ text: UnsafePointer<UInt8>) -> UInt? {
    if text[0] == UInt8(ascii: "0"), text[1] == 0 { return 0 }
    var soft: UInt = 0
    var hard: UInt = 0
    var index = 0
    while true {
      let isSoft = ByteText.skip("soft:", in: text, &index)
      let isHard = !isSoft && ByteText.skip("hard:", in: text, &index)
      guard let size = ByteText.size(in: text, &index), size >= smallest, size <= largest,
        isSoft ? soft == 0 : hard == 0
      else { return nil }
      if isSoft { soft = size } else { hard = size }
      if text[index] == 0 { break }
      // A size without a name stands alone.
      guard isSoft || isHard, ByteText.skip(",", in: text, &index),
        text[index] == UInt8(ascii: "s") || text[index] == UInt8(ascii: "h")
      else { return nil }
    }
    guard soft == 0 || hard == 0 || soft <= hard else { return nil }
    return pack(soft: soft, hard: hard)
  }

  func append(to text: inout Text) {
    if soft == 0, hard == 0 { return text.append("0") }
    if soft != 0 {
      text.append("soft:")
      text.append(exactBytes: soft)
    }
    if soft != 0, hard != 0 { text.append(",hard:") }
    if hard != 0 { text.append(exactBytes: hard) }
  }
}

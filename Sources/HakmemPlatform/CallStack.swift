import CHakmemShims

/// The return addresses on the calling thread's stack, by frame pointers.
///
/// The library itself keeps none, but its functions save the caller's before they use the register:
/// so the walk begins at the first word above that looks like a saved frame pointer with a frame
/// behind it. Every word is read by the kernel, which refuses what is not mapped: neither a program
/// without frame pointers nor a damaged stack can make the walk fault; it ends early then.
package enum CallStack {
  package static let maximumDepth = 16
  package typealias Frames = InlineArray<16, UInt>

  /// Most words of the library's own frames.
  private static let searchedWords: UInt = 512
  private static let largestFrame: UInt = 1 << 20

  /// The callers, innermost first, 0 behind the last.
  @inline(never)
  package static func capture() -> Frames {
    var frames = Frames(repeating: 0)
    var reader = StackReader()
    var place = hakmem_stack_address()
    let end = place &+ searchedWords &* 8
    while place < end, !isRecord(place, &reader) { place &+= 8 }
    if place < end { follow(place, &frames, depth: 0, &reader) }
    return frames
  }

  /// The place of an instruction that faulted and its callers, from the registers at that moment.
  package static func capture(programCounter: UInt, framePointer: UInt) -> Frames {
    var frames = Frames(repeating: 0)
    var reader = StackReader()
    frames[0] = programCounter
    follow(framePointer, &frames, depth: 1, &reader)
    return frames
  }

  private static func follow(
    _ first: UInt, _ frames: inout Frames, depth: Int, _ reader: inout StackReader
  ) {
    var place = first
    var depth = depth
    while depth < maximumDepth, let caller = reader.word(at: place &+ 8), caller > 4096 {
      frames[depth] = caller
      depth += 1
      guard let next = reader.word(at: place), isFrame(next, above: place) else { return }
      place = next
    }
  }

  /// Whether a saved frame pointer and a return address stand at `place`, and again where it points.
  private static func isRecord(_ place: UInt, _ reader: inout StackReader) -> Bool {
    guard let next = reader.word(at: place), isFrame(next, above: place),
      let caller = reader.word(at: place &+ 8), isCode(caller, stack: place),
      let outer = reader.word(at: next), outer == 0 || outer == 1 || isFrame(outer, above: next),
      let outerCaller = reader.word(at: next &+ 8), isCode(outerCaller, stack: place)
    else { return false }
    return true
  }

  private static func isFrame(_ frame: UInt, above place: UInt) -> Bool {
    frame > place && frame &- place < largestFrame && frame % 8 == 0
  }

  /// As far as one can tell without a look at the mappings.
  private static func isCode(_ address: UInt, stack: UInt) -> Bool {
    let isNearStack = address &- (stack &- largestFrame) < 16 * largestFrame
    return address > 1 << 16 && address >> Constants.addressBits == 0 && !isNearStack
  }
}

/// A window of the stack, read through the kernel.
private struct StackReader {
  private var start: UInt = 0
  private var count: UInt = 0
  private var words = InlineArray<64, UInt>(repeating: 0)

  init() {}

  mutating func word(at address: UInt) -> UInt? {
    if address &- start >= count { load(address) }
    guard address &- start < count else { return nil }
    return words[Int((address &- start) / 8)]
  }

  private mutating func load(_ address: UInt) {
    start = address
    count = withUnsafeMutablePointer(to: &words) {
      // Whole words, and no further than the kernel came.
      SystemCalls.readMemory(address, into: UInt(bitPattern: $0), 512) / 8 * 8
    }
  }
}

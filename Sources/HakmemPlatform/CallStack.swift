import CHakmemShims

/// Where a call of the interface came from.
package struct CallSite {
  /// The caller's frame pointer if it keeps one; anything, where the function that asked uses the
  /// register for something else.
  let frame: UInt
  let returnAddress: UInt

  /// To be asked in the function that the program calls: transparent, because in debug builds too
  /// it must not have a frame of its own.
  @_transparent
  package static var here: CallSite {
    CallSite(frame: hakmem_frame_register(), returnAddress: hakmem_return_address())
  }
  package static let unknown = CallSite(frame: 0, returnAddress: 0)
}

/// The return addresses on the calling thread's stack, by frame pointers; this library's own are left
/// out. Words are read by way of the kernel, which refuses what is not mapped, or where a
/// `StackExtent` says that they are mapped: neither a program without frame pointers nor a damaged
/// stack can make a walk fault; it ends early then. Takes no lock and calls nobody.
package enum CallStack {
  /// Most addresses in a report.
  package static let maximumDepth = 16
  package typealias Frames = InlineArray<16, UInt>

  /// Most words of the library's own frames.
  private static let searchedWords: UInt = 512
  fileprivate static let largestFrame: UInt = 1 << 20
  fileprivate static let firstPage: UInt = 4096

  struct State {
    var libraryStart: UInt
    var libraryEnd: UInt
  }
  fileprivate static var state: UnsafeMutablePointer<State> {
    Memory.pointer(at: PlatformStorage.callStack)
  }

  /// Learns where the library lies. Runs once.
  package static func learn() {
    hakmem_code_range(&state.pointee.libraryStart, &state.pointee.libraryEnd)
  }

  /// Writes the addresses of the program's calls from `frames` on, innermost first, `capacity` at
  /// most; returns how many.
  package static func collect(
    _ site: CallSite, into frames: UInt, capacity: Int, _ extent: StackExtent
  ) -> Int {
    var walk = Walk(frames, capacity, extent)
    walk.append(site.returnAddress)
    // Where the library itself keeps frame pointers, its caller comes once more.
    walk.follow(site.frame, exceptFirst: site.returnAddress)
    return walk.count
  }

  /// The callers of this library, innermost first, 0 behind the last. Where the call site is not known:
  /// the library keeps no frame pointers, but its functions save the caller's before they use the
  /// register, so the walk begins at the first word above that looks like a saved one with a frame
  /// behind it.
  @inline(never)
  package static func capture(_ site: CallSite) -> Frames {
    capture { walk in
      guard site.returnAddress == 0 else {
        walk.append(site.returnAddress)
        return walk.follow(site.frame, exceptFirst: site.returnAddress)
      }
      var place = hakmem_stack_address()
      let end = place &+ searchedWords &* 8
      while place < end, !walk.isRecord(place) { place &+= 8 }
      if place < end { walk.follow(place) }
    }
  }

  /// The place of an instruction that faulted and its callers, from the registers at that moment.
  package static func capture(programCounter: UInt, framePointer: UInt) -> Frames {
    capture { walk in
      walk.append(programCounter)
      walk.follow(framePointer)
    }
  }

  private static func capture(_ body: (inout Walk) -> Void) -> Frames {
    var frames = Frames(repeating: 0)
    withUnsafeMutablePointer(to: &frames) {
      var walk = Walk(UInt(bitPattern: $0), maximumDepth, .none)
      body(&walk)
    }
    return frames
  }
}

/// What is known to be mapped of the stack that the calling thread runs on: from its present place up
/// to `end`, where that is 0 nothing.
package struct StackExtent {
  var end: UInt
  static let none = StackExtent(end: 0)

  /// Farther from its beginning the main thread's stack is not trusted to have no hole.
  private static let mainStackBytes: UInt = 4 << 20
  private static let mostPages: UInt = 32

  /// The stack between the thread's present place and where it began. The main thread's has no other
  /// mapping in it. Another thread's ends with what its thread pointer points to; that all is mapped
  /// between is asked of the kernel once: from `knownFrom` on it is known, and of that thread for
  /// as long as it runs.
  package static func ofThread(knownFrom: inout UInt) -> StackExtent {
    let here = hakmem_stack_address()
    let mainEnd = hakmem_main_stack_end()
    if mainEnd &- here < mainStackBytes { return StackExtent(end: mainEnd) }
    let end = hakmem_thread_pointer()
    guard end > here else { return .none }
    if knownFrom != 0, here >= knownFrom { return StackExtent(end: end) }
    let page = ProcessFacts.systemPageBytes
    let first = here.roundedDown(to: page)
    let pages = (end &- 1 &- first) / page &+ 1
    guard pages <= mostPages,
      SystemCalls.canRead(first, pages: Int(pages), of: page)
    else { return .none }
    knownFrom = first
    return StackExtent(end: end)
  }
}

/// A walk up the stack: its window, and where it writes what it finds.
private struct Walk {
  private let frames: UInt
  private let capacity: Int
  private var extent: Range<UInt>
  private(set) var count = 0
  private var start: UInt = 0
  private var readBytes: UInt = 0
  private var words = InlineArray<64, UInt>(repeating: 0)

  init(_ frames: UInt, _ capacity: Int, _ extent: StackExtent) {
    self.frames = frames
    self.capacity = capacity
    let here = hakmem_stack_address()
    self.extent = here..<max(here, extent.end)
  }

  mutating func append(_ address: UInt) {
    let state = CallStack.state
    guard address >= CallStack.firstPage, count < capacity,
      address < state.pointee.libraryStart || address >= state.pointee.libraryEnd
    else { return }
    Memory.storeWord(address, at: frames &+ UInt(count) &* 8)
    count += 1
  }

  /// Goes on from the frame at `first` to the outermost. The first return address is left out if it
  /// is `known`.
  mutating func follow(_ first: UInt, exceptFirst known: UInt = 0) {
    var frame = first
    var known = known
    while count < capacity, frame % 8 == 0, let caller = word(at: frame &+ 8),
      caller >= CallStack.firstPage
    {
      if caller != known { append(caller) }
      known = 0
      guard let next = word(at: frame), isFrame(next, above: frame) else { return }
      frame = next
    }
  }

  /// Whether a saved frame pointer and a return address stand at `place`, and again where it points.
  mutating func isRecord(_ place: UInt) -> Bool {
    guard let next = word(at: place), isFrame(next, above: place),
      let caller = word(at: place &+ 8), isCode(caller, stack: place),
      let outer = word(at: next), outer == 0 || outer == 1 || isFrame(outer, above: next),
      let outerCaller = word(at: next &+ 8), isCode(outerCaller, stack: place)
    else { return false }
    return true
  }

  private func isFrame(_ frame: UInt, above place: UInt) -> Bool {
    frame > place && frame &- place < CallStack.largestFrame && frame % 8 == 0
  }

  /// As far as one can tell without a look at the mappings.
  private func isCode(_ address: UInt, stack: UInt) -> Bool {
    let isNearStack =
      address &- (stack &- CallStack.largestFrame) < 16 * CallStack.largestFrame
    return address > 1 << 16 && address >> Constants.addressBits == 0 && !isNearStack
  }

  /// The word at a multiple of 8; nil where nothing is mapped.
  private mutating func word(at address: UInt) -> UInt? {
    guard address >= CallStack.firstPage else { return nil }
    if extent.contains(address) { return Memory.loadWord(at: address) }
    if address &- start >= readBytes { load(address) }
    guard address &- start < readBytes else { return nil }
    return words[Int((address &- start) / 8)]
  }

  private mutating func load(_ address: UInt) {
    start = address
    readBytes = withUnsafeMutablePointer(to: &words) {
      // Whole words, and no further than the kernel came.
      SystemCalls.readMemory(address, into: UInt(bitPattern: $0), 512) / 8 * 8
    }
  }
}

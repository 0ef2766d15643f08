import HakmemPlatform
import HakmemSlabs

/// The blocks of one doubling of sizes that a thread freed last, kept from reuse: a bound in blocks,
/// and so in bytes. Lies in the thread's `CheckedCache`; only the owner writes here.
///
/// A freed block takes a random place of the first array, and the one that was there goes to the
/// end of a queue, out of which the oldest leaves. So at least as many other blocks as the queue
/// holds are freed before a block is used again, and by how many more nobody can tell. One comes,
/// one leaves: no loop, and a division nowhere. Who looks on finds each block in one place at most,
/// and may miss one that is on its way.
///
///     entry = block << 8 | doubled class of the block, 0 where there is none
package struct Quarantine {
  package struct State {
    /// Number of blocks that entered.
    package var entered: UInt
    /// Both arrays have this many places less 1; a power of two.
    package var mask: UInt
  }
  package static let entriesOffset: UInt = 16
  /// One byte of randomness chooses a place.
  private static let mostPlaces: UInt = 256

  package let address: UInt
  @inline(__always)
  package var state: UnsafeMutablePointer<State> { Memory.pointer(at: address) }
  @inline(__always)
  package init(unsafeAt address: UInt) { self.address = address }

  /// A block in quarantine, with its class.
  package struct Entry {
    package let word: UInt
    @inline(__always)
    package init(word: UInt) { self.word = word }
    @inline(__always)
    package init(_ block: UInt, _ sizeClass: SizeClass) { word = block << 8 | sizeClass.doubled }
    @inline(__always)
    package var isNone: Bool { word == 0 }
    @inline(__always)
    package var block: UInt { word >> 8 }
    @inline(__always)
    package var sizeClass: SizeClass { SizeClass(doubled: word & 0xff) }
  }

  // MARK: Lengths

  /// Which quarantine serves a class: one for each doubling of block sizes.
  package static func number(for sizeClass: SizeClass) -> Int {
    UInt.bitWidth - (sizeClass.blockBytes &- 1).leadingZeroBitCount
  }
  package static let numbers = 4..<20

  /// Places of either array where blocks have up to 2ⁿ bytes; 0 when even two blocks are more than
  /// `maximumBytes`.
  package static func placeCount(_ number: Int, maximumBytes: UInt) -> UInt {
    let pairs = maximumBytes >> UInt(number + 1)
    guard pairs > 0 else { return 0 }
    return min(1 << UInt(UInt.bitWidth - 1 - pairs.leadingZeroBitCount), mostPlaces)
  }
  package static func byteCount(places: UInt) -> UInt { entriesOffset &+ 2 &* places &* 8 }

  package func begin(places: UInt) { state.pointee.mask = places &- 1 }

  // MARK: Blocks

  @inline(__always)
  package func randomPlace(_ number: UInt) -> UInt {
    address &+ Self.entriesOffset &+ (number & state.pointee.mask) &* 8
  }
  @inline(__always)
  package func queuePlace(_ number: UInt) -> UInt {
    randomPlace(number) &+ (state.pointee.mask &+ 1) &* 8
  }

  /// Takes a block in and lets another one out, or none.
  @inline(__always)
  package func exchange(_ entry: Entry, _ random: UInt) -> Entry {
    let place = randomPlace(random)
    let displaced = Memory.loadWord(at: place)
    Memory.storeWord(entry.word, at: place)
    let oldest = queuePlace(state.pointee.entered)
    let leaving = Memory.loadWord(at: oldest)
    Memory.storeWord(displaced, at: oldest)
    state.pointee.entered &+= 1
    return Entry(word: leaving)
  }

  /// Takes every block out.
  package func empty(_ body: (Entry) -> Void) {
    for number in 0...(2 &* state.pointee.mask &+ 1) {
      let place = address &+ Self.entriesOffset &+ number &* 8
      let entry = Entry(word: Memory.loadWord(at: place))
      Memory.storeWord(0, at: place)
      if !entry.isNone { body(entry) }
    }
  }

  /// Calls `body` for each block here.
  package func forEach(_ body: (Entry) -> Void) {
    for number in 0...(2 &* state.pointee.mask &+ 1) {
      let entry = Entry(word: Memory.loadWord(at: address &+ Self.entriesOffset &+ number &* 8))
      if !entry.isNone { body(entry) }
    }
  }
}

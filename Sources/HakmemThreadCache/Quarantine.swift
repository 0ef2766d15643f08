import HakmemPlatform
import HakmemSlabs

/// The blocks that a thread freed last, of all classes, kept from reuse: bounded in bytes and in
/// blocks. Lies in the thread's `CheckedCache`; only the owner writes here.
///
/// A freed block crosses two arrays: a queue, then an array where each block that comes takes the
/// place of a random one. So at least as many other blocks as the queue holds are freed before a
/// block is used again, and by how many more nobody can tell. Who looks on finds each block in one
/// place at most, and may miss one that is on its way.
package struct Quarantine {
  private let state: UnsafeMutablePointer<State>
  package struct State {
    /// Bytes of all blocks here, and how many there may be.
    var bytes: UInt
    var maximumBytes: UInt
    /// Counts of blocks that ever entered the queue and left it.
    var entered: UInt
    var left: UInt
    var queue: InlineArray<256, UInt>
    var randomArray: InlineArray<128, UInt>
  }
  private static let queueLength: UInt = 256
  private static let randomLength: UInt = 128

  @inline(__always)
  package init(_ state: UnsafeMutablePointer<State>) { self.state = state }

  @inline(__always)
  private func queuePlace(_ number: UInt) -> UInt {
    UInt(bitPattern: state) &+ 32 &+ number % Self.queueLength &* 8
  }
  @inline(__always)
  private func randomPlace(_ number: UInt) -> UInt {
    UInt(bitPattern: state) &+ 32 &+ (Self.queueLength &+ number % Self.randomLength) &* 8
  }

  /// Takes in a block; the caller lets blocks go while `isFull`.
  @inline(__always)
  package func enter(_ block: UInt, _ byteCount: UInt) {
    let entered = state.pointee.entered
    Memory.storeWord(block, at: queuePlace(entered))
    state.pointee.entered = entered &+ 1
    state.pointee.bytes &+= byteCount
  }

  @inline(__always)
  package var isFull: Bool {
    state.pointee.bytes > state.pointee.maximumBytes
      || state.pointee.entered &- state.pointee.left >= Self.queueLength
  }

  /// Lets the oldest block go on to the array, and a random one of there out; 0 when there was none.
  @inline(__always)
  package func leave(_ random: UInt) -> UInt {
    let left = state.pointee.left
    let oldest = left != state.pointee.entered ? Memory.loadWord(at: queuePlace(left)) : 0
    // Before it is in the array, so that nobody sees it twice.
    if oldest != 0 { state.pointee.left = left &+ 1 }
    let place = randomPlace(random)
    let leaving = Memory.loadWord(at: place)
    Memory.storeWord(oldest, at: place)
    return leaving
  }

  /// `byteCount` bytes left.
  @inline(__always)
  package func forget(_ byteCount: UInt) { state.pointee.bytes &-= byteCount }

  /// Takes every block out.
  func empty(_ body: (UInt) -> Void) {
    while state.pointee.left != state.pointee.entered {
      let block = Memory.loadWord(at: queuePlace(state.pointee.left))
      state.pointee.left &+= 1
      body(block)
    }
    for number in 0..<Self.randomLength {
      let block = Memory.loadWord(at: randomPlace(number))
      Memory.storeWord(0, at: randomPlace(number))
      if block != 0 { body(block) }
    }
    state.pointee.bytes = 0
  }

  /// Calls `body` for each block here.
  func forEachBlock(_ body: (UInt) -> Void) {
    var number = state.pointee.left
    while number != state.pointee.entered {
      body(Memory.loadWord(at: queuePlace(number)))
      number &+= 1
    }
    for number in 0..<Self.randomLength {
      let block = Memory.loadWord(at: randomPlace(number))
      if block != 0 { body(block) }
    }
  }

  /// Sets the bound, once. False when the layout is not what the addresses above rely on.
  func begin(maximumBytes: UInt) -> Bool {
    state.pointee.maximumBytes = maximumBytes
    return MemoryLayout<State>.size == Int(32 &+ (Self.queueLength &+ Self.randomLength) &* 8)
  }
}

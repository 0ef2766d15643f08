import CHakmemShims
import HakmemPlatform

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
}

/// Follows frame pointers up a stack. Reads it by system call, so that no frame pointer, however
/// wrong, can make it fault; takes no lock and calls nobody.
package enum FrameWalk {
  static let capacity = 53
  private static let windowWords = 64
  private static let largestFrame: UInt = 1 << 20
  private static let firstPage: UInt = 4096

  struct State {
    var libraryStart: UInt
    var libraryEnd: UInt
  }
  private static var state: UnsafeMutablePointer<State> {
    Memory.pointer(at: CacheStorage.frameWalk)
  }

  static func learn() {
    hakmem_code_range(&state.pointee.libraryStart, &state.pointee.libraryEnd)
  }

  /// Writes the return addresses of the program's calls from `frames` on, innermost first; returns
  /// how many.
  static func collect(_ site: CallSite, into frames: UInt) -> Int {
    withUnsafeTemporaryAllocation(of: UInt.self, capacity: windowWords) { buffer in
      let window = UInt(bitPattern: buffer.baseAddress)
      var walk = Walk(window: window, frames: frames)
      walk.append(site.returnAddress)
      var frame = site.frame
      var isFirst = true
      while walk.count < capacity, frame & 7 == 0, let words = walk.words(at: frame) {
        // Where the library itself keeps frame pointers, its caller comes once more.
        if !isFirst || words.second != site.returnAddress { walk.append(words.second) }
        isFirst = false
        guard words.first > frame, words.first &- frame < largestFrame else { break }
        frame = words.first
      }
      return walk.count
    }
  }

  /// A walk's window on the stack, and what it found.
  private struct Walk {
    let window: UInt
    let frames: UInt
    var start: UInt = 0
    var end: UInt = 0
    var count = 0

    init(window: UInt, frames: UInt) {
      self.window = window
      self.frames = frames
    }

    /// The two words at an address of the stack; nil where nothing is mapped.
    mutating func words(at address: UInt) -> (first: UInt, second: UInt)? {
      guard address >= FrameWalk.firstPage else { return nil }
      if address < start || address &+ 16 > end {
        let read = SystemCalls.readOwnMemory(
          at: address, into: window, UInt(FrameWalk.windowWords) &* 8)
        guard read >= 16 else { return nil }
        start = address
        end = address &+ UInt(read)
      }
      let place = window &+ (address &- start)
      return (Memory.loadWord(at: place), Memory.loadWord(at: place &+ 8))
    }

    /// This library's own calls are left out.
    mutating func append(_ address: UInt) {
      let state = FrameWalk.state
      guard address >= FrameWalk.firstPage, count < FrameWalk.capacity,
        address < state.pointee.libraryStart || address >= state.pointee.libraryEnd
      else { return }
      Memory.storeWord(address, at: frames &+ UInt(count) &* 8)
      count += 1
    }
  }
}

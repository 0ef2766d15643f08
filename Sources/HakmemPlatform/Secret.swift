import CHakmemShims
import Synchronization

/// Two random words of the process, the key of everything that an attacker must not guess. Set once,
/// before there are blocks; a child of fork keeps them, since its blocks bear them.
package enum Secret {
  struct State: ~Copyable {
    var first: UInt
    var second: UInt
    let counter: Atomic<UInt>
  }
  private static var state: UnsafeMutablePointer<State> {
    Memory.pointer(at: PlatformStorage.secret)
  }

  package static var first: UInt { state.pointee.first }
  /// Odd: a multiplication by it loses nothing.
  package static var second: UInt { state.pointee.second }

  package static func learn() {
    let start = PlatformStorage.secret
    if !SystemCalls.randomBytes(start, 16) {
      // The kernel's generator is not ready: what it gave the program at its start serves.
      let random = UInt(hakmem_auxiliary_value(UInt(HAKMEM_AT_RANDOM)))
      if random != 0 { Memory.copy(from: random, to: start, 16) }
    }
    state.pointee.second |= 1
  }

  /// A random word for slow paths: an enumeration under the key. Any thread may ask.
  package static func nextWord() -> UInt {
    var word = state.pointee.counter.wrappingAdd(1, ordering: .relaxed).newValue ^ first
    for _ in 0..<3 {
      word = (word ^ (word >> 32)) &* second
      word = (word ^ (word >> 29)) &+ first
    }
    return word ^ (word >> 32)
  }
}

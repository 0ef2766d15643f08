import CHakmemTrace
import HakmemPlatform

/// The numbers of threads, by their identity: each gets the lowest that is free. Threads beyond what
/// the trace format can tell apart share the greatest. All zero is a valid, empty state.
package struct ThreadNumbers: ~Copyable {
  private static let shared = UInt(HAKMEM_TRACE_MAXIMUM_THREADS) - 1

  /// The identity of each number's thread, 0 for none.
  private var identities: UInt = 0
  /// All numbers in use are below it.
  package private(set) var end: UInt = 0
  private var last: UInt = 0
  private var lastNumber: UInt = 0

  package init() {}

  /// The thread's number, a new one if it has none yet; nil when memory is exhausted.
  package mutating func number(of identity: UInt) -> UInt? {
    if identity == last { return lastNumber }
    if identities == 0 {
      guard let table = SystemCalls.map(byteCount: Self.shared &* 8, protection: .readWrite) else {
        return nil
      }
      identities = table
    }
    last = identity
    lastNumber = find(identity) ?? give(identity)
    return lastNumber
  }

  /// The number of the thread, which has ended and no longer has one; nil when it had none of its
  /// own.
  package mutating func release(_ identity: UInt) -> UInt? {
    if last == identity { last = 0 }
    guard let number = find(identity) else { return nil }
    Memory.storeWord(0, at: identities &+ number &* 8)
    return number
  }

  private func find(_ identity: UInt) -> UInt? {
    for number in 0..<min(end, Self.shared)
    where Memory.loadWord(at: identities &+ number &* 8) == identity { return number }
    return nil
  }

  private mutating func give(_ identity: UInt) -> UInt {
    let number = find(0) ?? min(end, Self.shared)
    if number < Self.shared { Memory.storeWord(identity, at: identities &+ number &* 8) }
    end = max(end, number &+ 1)
    return number
  }
}

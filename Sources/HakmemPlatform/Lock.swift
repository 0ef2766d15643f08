import CHakmemShims
import Synchronization

/// The few locks, all on slow paths, in the order in which a thread may take them: each that it
/// takes has a higher rank than those it holds. Fork takes them all in this order.
package enum LockRank: UInt {
  case background = 0
  case control = 1
  case largeRegions = 2
  case pageRuns = 3
  case addressSpace = 4
  case metadata = 5
  case recorder = 6

  /// Calls `body` for every rank, lowest first.
  package static func forEach(_ body: (LockRank) -> Void) {
    var value = LockRank.background.rawValue
    while let rank = LockRank(rawValue: value) {
      body(rank)
      value += 1
    }
  }
}

/// A futex lock, one for each rank (U. Drepper, «Futexes are tricky», 2011, mutex 2).
///
/// The word is 0 when free, else the holder's identity with bit 0, and bit 1 when threads may wait.
/// So it names its holder from the first moment to the last, and a fork inside a signal handler does
/// not wait for a lock of its own thread. Waiters sleep on the word's lower half.
package struct Lock {
  private let word: UnsafeMutablePointer<Atomic<UInt>>
  private let rank: LockRank

  private static let isLocked: UInt = 1
  private static let mayHaveWaiters: UInt = 2

  @inline(__always)
  package init(_ rank: LockRank) {
    word = Memory.pointer(at: Self.address(of: rank))
    self.rank = rank
  }

  static let byteCount = 16

  /// How deep the fork of the holder's was that took the lock; 0 for none.
  var forkDepth: UnsafeMutablePointer<Atomic<UInt32>> {
    Memory.pointer(at: UInt(bitPattern: word) &+ 8)
  }

  @inline(__always)
  static func address(of rank: LockRank) -> UInt {
    PlatformStorage.locks &+ rank.rawValue &* Constants.lineBytes
  }

  package func acquire() {
    if Constants.checksInvariants { checkOrder() }
    if !tryAcquire() { acquireSlow() }
  }

  /// Takes the lock if nobody holds it.
  package func tryAcquire() -> Bool {
    word.pointee.compareExchange(
      expected: 0, desired: ThreadIdentity.current | Self.isLocked,
      successOrdering: .acquiring, failureOrdering: .relaxed
    ).exchanged
  }

  /// Takes the lock unless its holder keeps it for many turns of the scheduler.
  package func tryAcquireForAWhile() -> Bool {
    let mostTurns = 1000
    for _ in 0..<mostTurns {
      if tryAcquire() { return true }
      SystemCalls.yieldProcessor()
    }
    return false
  }

  @inline(never)
  private func acquireSlow() {
    let spinsBeforeSleep = 100
    for _ in 0..<spinsBeforeSleep where tryAcquire() { return }
    let contended = ThreadIdentity.current | Self.isLocked | Self.mayHaveWaiters
    while true {
      let old = word.pointee.load(ordering: .relaxed)
      if old == 0 {
        // Others may sleep still: the release has to wake them.
        let (done, _) = word.pointee.compareExchange(
          expected: 0, desired: contended, successOrdering: .acquiring,
          failureOrdering: .relaxed)
        if done { return }
        continue
      }
      let marked = old | Self.mayHaveWaiters
      if old != marked {
        let (done, _) = word.pointee.compareExchange(
          expected: old, desired: marked, ordering: .relaxed)
        if !done { continue }
      }
      SystemCalls.waitOnWord(
        at: UInt(bitPattern: word), while: UInt32(truncatingIfNeeded: marked))
    }
  }

  package func release() {
    if word.pointee.exchange(0, ordering: .releasing) & Self.mayHaveWaiters != 0 {
      SystemCalls.wakeWord(at: UInt(bitPattern: word), count: 1)
    }
  }

  package var isHeldByThisThread: Bool {
    word.pointee.load(ordering: .relaxed) & ~(Self.isLocked | Self.mayHaveWaiters)
      == ThreadIdentity.current
  }

  package static var isAnyHeldByThisThread: Bool {
    var isHeld = false
    LockRank.forEach { if Lock($0).isHeldByThisThread { isHeld = true } }
    return isHeld
  }

  /// Frees the lock and forgets its waiters, in the child of a fork.
  package func reset() { word.pointee.store(0, ordering: .releasing) }

  private func checkOrder() {
    LockRank.forEach { other in
      if other.rawValue >= rank.rawValue, Lock(other).isHeldByThisThread {
        Fatal.stop("a lock was taken out of order")
      }
    }
  }
}

/// Tells threads apart without a system call: by the address of their thread-local word, all of it,
/// for the stacks of thousands of threads lie many gigabytes apart.
package enum ThreadIdentity {
  @inline(__always)
  package static var current: UInt { UInt(bitPattern: hakmem_thread_header_words()) }
}

/// Where the platform layer's state lies in its zeroed storage.
package enum PlatformStorage {
  static var base: UInt { UInt(bitPattern: hakmem_platform_storage()) }
  static var metadata: UInt { base }
  static var locks: UInt { base &+ 64 }
  static var options: UInt { base &+ 1024 }
  static var process: UInt { base &+ 512 }
  static var naming: UInt { base &+ 576 }
  static var lists: UInt { base &+ 584 }
  static var ownAddresses: UInt { base &+ 592 }
  static var memoryLimit: UInt { base &+ 640 }
  static var controlGroup: UInt { base &+ 704 }
  static var secret: UInt { base &+ 768 }
  static var callStack: UInt { base &+ 832 }
  static var sweep: UInt { base &+ 896 }
  static var mapLog: UInt { base &+ 1472 }
  static var topology: UInt { base &+ 1536 }
  static var prewarmEntries: UInt { base &+ 1600 }
}

import CHakmemShims
import Synchronization

/// The few locks, all on slow paths, in the order in which a thread may take them: each that it
/// takes has a higher rank than those it holds. Fork takes them all in this order.
package enum LockRank: UInt {
  case control = 1
  case largeRegions = 2
  case pageRuns = 3
  case reservation = 4
  case metadata = 5

  /// Calls `body` for every rank, lowest first.
  package static func forEach(_ body: (LockRank) -> Void) {
    var value = LockRank.control.rawValue
    while let rank = LockRank(rawValue: value) {
      body(rank)
      value += 1
    }
  }
}

/// A futex lock, one for each rank (U. Drepper, «Futexes are tricky», 2011, mutex 2). It knows its
/// holder, so that a fork inside a signal handler does not wait for a lock of its own thread.
package struct Lock {
  private let word: UnsafeMutablePointer<Atomic<UInt32>>
  private let holder: UnsafeMutablePointer<Atomic<UInt>>

  @inline(__always)
  package init(_ rank: LockRank) {
    let address = PlatformStorage.locks &+ rank.rawValue &* Constants.lineBytes
    word = Memory.pointer(at: address)
    holder = Memory.pointer(at: address &+ 8)
    self.rank = rank
  }

  private let rank: LockRank

  package func acquire() {
    if Constants.checksInvariants { checkOrder() }
    let (free, _) = word.pointee.compareExchange(
      expected: 0, desired: 1, successOrdering: .acquiring, failureOrdering: .relaxed)
    if !free { acquireSlow() }
    holder.pointee.store(ThreadIdentity.current, ordering: .relaxed)
  }

  /// Takes the lock if nobody holds it.
  package func tryAcquire() -> Bool {
    let (free, _) = word.pointee.compareExchange(
      expected: 0, desired: 1, successOrdering: .acquiring, failureOrdering: .relaxed)
    if free { holder.pointee.store(ThreadIdentity.current, ordering: .relaxed) }
    return free
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
    for _ in 0..<spinsBeforeSleep {
      let (free, _) = word.pointee.weakCompareExchange(
        expected: 0, desired: 1, successOrdering: .acquiring, failureOrdering: .relaxed)
      if free { return }
    }
    while word.pointee.exchange(2, ordering: .acquiring) != 0 {
      SystemCalls.waitOnWord(at: UInt(bitPattern: word), while: 2)
    }
  }

  package func release() {
    holder.pointee.store(0, ordering: .relaxed)
    if word.pointee.exchange(0, ordering: .releasing) == 2 {
      SystemCalls.wakeWord(at: UInt(bitPattern: word), count: 1)
    }
  }

  package var isHeldByThisThread: Bool {
    holder.pointee.load(ordering: .relaxed) == ThreadIdentity.current
  }

  /// Frees the lock and forgets its waiters, in the child of a fork.
  package func reset() {
    holder.pointee.store(0, ordering: .relaxed)
    word.pointee.store(0, ordering: .releasing)
  }

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
  package static var current: UInt { UInt(bitPattern: hakmem_thread_cache_word()) }
}

/// Where the platform layer's state lies in its zeroed storage.
enum PlatformStorage {
  private static var base: UInt { UInt(bitPattern: hakmem_platform_storage()) }
  static var metadata: UInt { base }
  static var locks: UInt { base &+ 64 }
  static var options: UInt { base &+ 1024 }
  static var process: UInt { base &+ 512 }
  static var naming: UInt { base &+ 576 }
}

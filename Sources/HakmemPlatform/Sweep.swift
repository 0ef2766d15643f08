import CHakmemShims
import Synchronization

/// Work that takes all records of a list away and puts most of them back one by one. A fork meanwhile
/// would leave them to nobody in the child: so it waits until no thread sweeps, and none begins
/// before the process is copied.
///
///     a thread counts itself, then looks for forks; a fork counts itself, then looks for threads
package enum Sweep {
  struct State: ~Copyable {
    let underWay: Atomic<Int>
    /// Forks that wait or copy the process.
    let forks: Atomic<UInt32>
  }
  private static var state: UnsafeMutablePointer<State> {
    Memory.pointer(at: PlatformStorage.sweep)
  }

  /// Runs `body`, after a fork that is under way. A thread with a lock cannot wait for one that wants
  /// the lock: then nothing is done, and what is to be swept stays for the next time.
  package static func perform(_ body: () -> Void) {
    let depth = hakmem_get_thread_sweeps()
    guard depth > 0 || begin() else { return }
    hakmem_set_thread_sweeps(depth &+ 1)
    body()
    hakmem_set_thread_sweeps(depth)
    // Releases the lists' records to the fork that waits.
    if depth == 0 { state.pointee.underWay.wrappingSubtract(1, ordering: .releasing) }
  }

  private static func begin() -> Bool {
    while true {
      state.pointee.underWay.wrappingAdd(1, ordering: .sequentiallyConsistent)
      let forks = state.pointee.forks.load(ordering: .sequentiallyConsistent)
      if forks == 0 { return true }
      state.pointee.underWay.wrappingSubtract(1, ordering: .sequentiallyConsistent)
      if Lock.isAnyHeldByThisThread { return false }
      SystemCalls.waitOnWord(at: forksWord, while: forks)
    }
  }

  // MARK: Fork

  /// Before the locks are taken, which a thread that sweeps may want. A thread that forks in a signal
  /// handler does not wait for itself, nor for long while it holds a lock.
  package static func prepareFork() {
    state.pointee.forks.wrappingAdd(1, ordering: .sequentiallyConsistent)
    guard hakmem_get_thread_sweeps() == 0 else { return }
    let mostTurns = Lock.isAnyHeldByThisThread ? 1000 : Int.max
    var turns = 0
    while turns < mostTurns, state.pointee.underWay.load(ordering: .sequentiallyConsistent) > 0 {
      SystemCalls.yieldProcessor()
      turns += 1
    }
  }

  package static func resumeParent() {
    state.pointee.forks.wrappingSubtract(1, ordering: .sequentiallyConsistent)
    SystemCalls.wakeWord(at: forksWord, count: Int(Int32.max))
  }

  package static func resumeChild() {
    state.pointee.forks.store(0, ordering: .relaxed)
    state.pointee.underWay.store(hakmem_get_thread_sweeps() > 0 ? 1 : 0, ordering: .relaxed)
  }

  private static var forksWord: UInt {
    UInt(bitPattern: state) &+ UInt(MemoryLayout<Int>.size)
  }
}

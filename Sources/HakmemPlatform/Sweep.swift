import CHakmemShims
import Synchronization

/// Work that takes all records of a list away and puts most of them back one by one. A fork meanwhile
/// would leave them to nobody in the child: so it waits until no thread sweeps, and none begins
/// before the process is copied.
///
///     a thread takes a place, then looks for forks; a fork counts itself, then looks for threads
///
/// A place bears its thread's name from the atomic operation that takes it to the one that leaves it:
/// a signal handler that forks never takes its own thread's sweep for another's, at whatever
/// instruction the signal came.
package enum Sweep {
  /// Who sweeps, by `ThreadIdentity`; 0 for nobody.
  typealias Places = InlineArray<15, UInt>

  struct State: ~Copyable {
    /// Forks that wait or copy the process.
    let forks: Atomic<UInt32>
    let places: Places
  }
  private static var state: UnsafeMutablePointer<State> {
    Memory.pointer(at: PlatformStorage.sweep)
  }
  private static var forksWord: UInt { PlatformStorage.sweep }

  private static func place(_ index: Int) -> UnsafeMutablePointer<Atomic<UInt>> {
    let first = PlatformStorage.sweep &+ UInt(MemoryLayout<UInt>.stride)
    return Memory.pointer(at: first &+ UInt(index &* MemoryLayout<UInt>.stride))
  }

  /// Runs `body`, after a fork that is under way. A thread with a lock cannot wait for one that wants
  /// the lock: then nothing is done, and what is to be swept stays for the next time.
  package static func perform(_ body: () -> Void) {
    if isUnderWayHere { return body() }
    guard let place = begin() else { return }
    body()
    leave(place)
  }

  private static var isUnderWayHere: Bool {
    for index in 0..<Places.count
    where place(index).pointee.load(ordering: .relaxed) == ThreadIdentity.current {
      return true
    }
    return false
  }

  private static func begin() -> UnsafeMutablePointer<Atomic<UInt>>? {
    while true {
      if let place = take() {
        let forks = state.pointee.forks.load(ordering: .sequentiallyConsistent)
        if forks == 0 { return place }
        leave(place)
        if Lock.isAnyHeldByThisThread { return nil }
        SystemCalls.waitOnWord(at: forksWord, while: forks)
      } else {
        if Lock.isAnyHeldByThisThread { return nil }
        SystemCalls.yieldProcessor()
      }
    }
  }

  private static func take() -> UnsafeMutablePointer<Atomic<UInt>>? {
    for index in 0..<Places.count {
      let (isTaken, _) = place(index).pointee.compareExchange(
        expected: 0, desired: ThreadIdentity.current, ordering: .sequentiallyConsistent)
      if isTaken { return place(index) }
    }
    return nil
  }

  /// Releases the lists' records to the fork that waits. One that waited too long has emptied the place.
  private static func leave(_ place: UnsafeMutablePointer<Atomic<UInt>>) {
    _ = place.pointee.compareExchange(
      expected: ThreadIdentity.current, desired: 0, ordering: .sequentiallyConsistent)
  }

  // MARK: Fork

  /// Before the locks are taken, which a thread that sweeps may want. A thread that forks in a signal
  /// handler does not wait for itself, nor for long while it holds a lock. Threads that are gone, in a
  /// process made by `_Fork`, are waited for once.
  package static func prepareFork() {
    state.pointee.forks.wrappingAdd(1, ordering: .sequentiallyConsistent)
    guard !isUnderWayHere else { return }
    let patience: UInt32 = Lock.isAnyHeldByThisThread ? 20 : 2000
    let start = Clock.milliseconds()
    for index in 0..<Places.count {
      while place(index).pointee.load(ordering: .sequentiallyConsistent) != 0 {
        if Clock.milliseconds() &- start > patience {
          return emptyPlaces()
        }
        SystemCalls.yieldProcessor()
      }
    }
  }

  package static func resumeParent() {
    // None is counted any more in the child of a handler that interrupted the fork.
    var forks = state.pointee.forks.load(ordering: .relaxed)
    while forks > 0 {
      let (isDone, now) = state.pointee.forks.compareExchange(
        expected: forks, desired: forks - 1, ordering: .sequentiallyConsistent)
      if isDone { break }
      forks = now
    }
    SystemCalls.wakeWord(at: forksWord, count: Int(Int32.max))
  }

  package static func resumeChild() {
    emptyPlaces()
    state.pointee.forks.store(0, ordering: .relaxed)
  }

  /// All but the calling thread's.
  private static func emptyPlaces() {
    for index in 0..<Places.count
    where place(index).pointee.load(ordering: .relaxed) != ThreadIdentity.current {
      place(index).pointee.store(0, ordering: .relaxed)
    }
  }
}

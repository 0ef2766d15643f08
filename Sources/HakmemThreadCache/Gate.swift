import CHakmemShims
import HakmemPlatform
import Synchronization

/// Stops the other threads at their next call, for a walk of the heap: their thread-local words are
/// pointed at closed headers, so that the fast paths pay nothing for it.
package enum Gate {
  /// 1 when closed. Changes under the lock `control`, save for opening.
  private static var word: UnsafeMutablePointer<Atomic<UInt32>> {
    Memory.pointer(at: CacheStorage.gate)
  }
  /// The thread that closed it last.
  private static var closer: UnsafeMutablePointer<Atomic<UInt>> {
    Memory.pointer(at: CacheStorage.gate &+ 8)
  }

  /// Threads inside a call that maps or unmaps blocks; such a call has no part in a thread cache.
  private static var mappers: UnsafeMutablePointer<Atomic<Int>> {
    Memory.pointer(at: CacheStorage.gate &+ 16)
  }
  /// Forks that this process comes from. A child does not count what its parent's threads mapped,
  /// itself included when a signal handler forked inside such a call.
  private static var forks: UnsafeMutablePointer<Atomic<UInt32>> {
    Memory.pointer(at: CacheStorage.gate &+ 24)
  }

  /// Runs a call that maps, unmaps or moves blocks, after waiting for the gate: while it is closed,
  /// every block that a walk of the heap found stays where it is.
  package static func whileMapping<Result>(_ body: () -> Result) -> Result {
    while true {
      wait()
      // Each of the two sides writes its own word before it reads the other's.
      let born = forks.pointee.load(ordering: .relaxed)
      mappers.pointee.wrappingAdd(1, ordering: .sequentiallyConsistent)
      defer {
        if forks.pointee.load(ordering: .relaxed) == born {
          mappers.pointee.wrappingSubtract(1, ordering: .releasing)
        }
      }
      if word.pointee.load(ordering: .sequentiallyConsistent) == 0 || isOpenHere { return body() }
    }
  }

  /// Closing once more what the calling thread has closed changes nothing.
  package static func close() {
    let lock = waitAndLock()
    guard word.pointee.load(ordering: .relaxed) == 0 else { return lock.release() }
    closer.pointee.store(ThreadIdentity.current, ordering: .relaxed)
    word.pointee.store(1, ordering: .sequentiallyConsistent)
    let mine = ThreadCache.current.opened
    ThreadCache.forEach { cache in
      if cache != mine { cache.close() }
    }
    lock.release()
    // A slow call says so and looks at its word, without a barrier of its own: after this one either
    // its sign is seen here or the closed header there.
    _ = SystemCalls.barrierOnAllThreads()
    ThreadCache.forEach { cache in
      guard cache != mine else { return }
      while cache.record.pointee.isBusy.load(ordering: .acquiring) != 0 {
        SystemCalls.yieldProcessor()
      }
    }
    while mappers.pointee.load(ordering: .sequentiallyConsistent) > 0 {
      SystemCalls.yieldProcessor()
    }
    Background.waitForStep()
  }

  package static func open() {
    word.pointee.store(0, ordering: .sequentiallyConsistent)
    SystemCalls.wakeWord(at: UInt(bitPattern: word), count: Int(Int32.max))
  }

  static var isOpen: Bool { word.pointee.load(ordering: .sequentiallyConsistent) == 0 }

  /// Whether the gate is open, or the calling thread is the one that closed it.
  private static var isOpenHere: Bool {
    // Acquires who closed it.
    word.pointee.load(ordering: .acquiring) == 0
      || closer.pointee.load(ordering: .relaxed) == ThreadIdentity.current
  }

  /// Waits until the gate is open or the calling thread is the one that closed it.
  package static func wait() {
    while !isOpenHere { SystemCalls.waitOnWord(at: UInt(bitPattern: word), while: 1) }
  }

  /// Waits, and takes the lock under which nobody closes the gate.
  static func waitAndLock() -> Lock {
    let lock = Lock(.control)
    while true {
      wait()
      lock.acquire()
      if isOpenHere { return lock }
      lock.release()
    }
  }

  /// Waits, then lets the calling thread use its closed cache: with its fast paths unless the calls
  /// are intercepted. Returns the open header.
  package static func pass(_ closed: ThreadCache) -> ThreadCache {
    let lock = waitAndLock()
    closed.opened.attach()
    lock.release()
    closed.opened.drainSampledCacheUnlessUsed()
    return closed.opened
  }

  /// In the child of a fork the thread that closed the gate may be gone, and those that mapped.
  package static func resetAfterFork() {
    word.pointee.store(0, ordering: .relaxed)
    mappers.pointee.store(0, ordering: .relaxed)
    forks.pointee.wrappingAdd(1, ordering: .relaxed)
  }
}

/// Under the lock `control`.
extension ThreadCache {
  /// Sends the owner's next call to the gate.
  func close() {
    guard isOwned else { return }
    setClosedKind(.closed)
    CheckedCache.attach(0, to: self)
    GuardSampler.attach(false, to: self)
    let words = record.pointee.ownersWords
    Memory.pointer(at: words, to: Atomic<UInt>.self)
      .pointee.store(closedHeader, ordering: .sequentiallyConsistent)
    Memory.pointer(at: words &+ 8, to: Atomic<UInt>.self)
      .pointee.store(closedHeader, ordering: .sequentiallyConsistent)
  }

  /// Sends all threads to the gate, after `change`.
  static func sendAll(_ change: () -> Void) {
    let lock = Gate.waitAndLock()
    change()
    forEach { $0.close() }
    lock.release()
  }

  /// Makes the calling thread use this cache, which it owns.
  func attach() {
    closeGaps()
    if Interception.isActive {
      setClosedKind(.intercepted)
      let isAlone = Interception.isActive(only: .hardened)
      CheckedCache.attach(isAlone ? record.pointee.checkedCache : 0, to: self)
      GuardSampler.attach(Interception.isActive(only: .guardSampling), to: self)
      hakmem_set_thread_headers(closedHeader, closedHeader)
    } else if HeapProfile.isSampling, let sampled = makeSampledCache() {
      hakmem_set_thread_headers(sampled.address, sampled.freeingHeader.address)
    } else {
      hakmem_set_thread_headers(address, address)
    }
  }
}

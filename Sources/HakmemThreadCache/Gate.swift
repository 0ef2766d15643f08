import CHakmemShims
import HakmemPlatform
import Synchronization

/// Stops the other threads at their next call, for a walk of the heap: their thread-local words are
/// pointed at closed headers, so that the fast paths pay nothing for it.
package enum Gate {
  /// 0 when open, else the identity of the thread that closed it.
  private static var word: UnsafeMutablePointer<Atomic<UInt32>> {
    Memory.pointer(at: CacheStorage.gate)
  }

  package static func close() {
    let lock = Lock(.control)
    while true {
      wait()
      lock.acquire()
      if word.pointee.load(ordering: .relaxed) == 0 { break }
      lock.release()
    }
    word.pointee.store(ThreadIdentity.current, ordering: .sequentiallyConsistent)
    let mine = ThreadCache.current.opened
    ThreadCache.forEach { cache in
      guard cache != mine, cache.isOwned else { return }
      Memory.pointer(at: cache.record.pointee.ownersWord, to: Atomic<UInt>.self)
        .pointee.store(cache.closedHeader, ordering: .sequentiallyConsistent)
    }
    lock.release()
    ThreadCache.forEach { cache in
      guard cache != mine else { return }
      while cache.record.pointee.isBusy.load(ordering: .acquiring) != 0 {
        SystemCalls.yieldProcessor()
      }
    }
  }

  package static func open() {
    word.pointee.store(0, ordering: .sequentiallyConsistent)
    SystemCalls.wakeWord(at: UInt(bitPattern: word), count: Int(Int32.max))
  }

  /// Waits until the gate is open or the calling thread is the one that closed it.
  package static func wait() {
    while true {
      let closer = word.pointee.load(ordering: .acquiring)
      if closer == 0 || closer == ThreadIdentity.current { return }
      SystemCalls.waitOnWord(at: UInt(bitPattern: word), while: closer)
    }
  }

  /// Waits, then opens the calling thread's closed cache. Returns the open one.
  package static func pass(_ closed: ThreadCache) -> ThreadCache {
    let lock = Lock(.control)
    while true {
      wait()
      lock.acquire()
      let closer = word.pointee.load(ordering: .relaxed)
      if closer == 0 || closer == ThreadIdentity.current {
        hakmem_set_thread_cache(closed.opened.address)
        lock.release()
        return closed.opened
      }
      lock.release()
    }
  }

  /// In the child of a fork the thread that closed the gate may be gone.
  package static func resetAfterFork() { word.pointee.store(0, ordering: .relaxed) }
}

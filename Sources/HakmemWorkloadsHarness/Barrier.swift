import HakmemWorkloadsSystem
import Synchronization

/// A word that threads sleep on, in mapped memory, so that no allocator is involved.
package struct Signal {
  private let word: UnsafeMutablePointer<Atomic<UInt32>>

  package init() {
    word = Mapping.pages(64, populate: false).bindMemory(to: Atomic<UInt32>.self, capacity: 1)
  }

  package var value: UInt32 { word.pointee.load(ordering: .acquiring) }

  /// Stores a value, with everything written before, and wakes all waiters.
  @export(interface)
  package func set(_ value: UInt32) {
    word.pointee.store(value, ordering: .releasing)
    harness_futex_wake_all(word)
  }

  /// Sleeps until the value is no longer `value`.
  @export(interface)
  package func wait(while value: UInt32) {
    while self.value == value { harness_futex_wait(word, value) }
  }
}

/// Lets `participants` threads go on when all have arrived; again and again.
package struct Barrier {
  private let arrived: UnsafeMutablePointer<Atomic<UInt32>>
  private let generation = Signal()
  private let participants: UInt32

  package init(participants: Int) {
    self.participants = UInt32(participants)
    arrived = Mapping.pages(64, populate: false).bindMemory(to: Atomic<UInt32>.self, capacity: 1)
  }

  @export(interface)
  package func wait() {
    let current = generation.value
    // Acquires what the others released on arrival, in case this one is the last.
    let count = arrived.pointee.wrappingAdd(1, ordering: .acquiringAndReleasing).newValue
    if count == participants {
      arrived.pointee.store(0, ordering: .relaxed)
      generation.set(current &+ 1)
    } else {
      generation.wait(while: current)
    }
  }
}

/// Waits for another thread: a short spin, then the processor goes to others.
package struct Backoff {
  private var rounds = 0

  package init() {}

  @inline(__always)
  package mutating func pause() {
    rounds &+= 1
    if rounds < 64 { harness_pause() } else { sched_yield() }
  }
}

import HakmemPlatform
import Synchronization

/// Events of the slab layer since the process began.
package struct SlabCounters: ~Copyable {
  package let created: Atomic<Int>
  package let retired: Atomic<Int>
  package let corruptions: Atomic<Int>

  /// Changes with each event.
  package static var activity: UInt {
    UInt(
      bitPattern: shared.pointee.created.load(ordering: .relaxed)
        &+ shared.pointee.retired.load(ordering: .relaxed))
  }

  @inline(__always)
  package static var shared: UnsafeMutablePointer<SlabCounters> {
    Memory.pointer(at: SlabsStorage.counters)
  }
}

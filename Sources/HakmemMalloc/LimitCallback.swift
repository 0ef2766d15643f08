import CHakmem
import HakmemPlatform
import HakmemThreadCache
import Synchronization

/// What happens at the limits: everything free goes back, and then the program is told, which may
/// free more.
extension Heap {
  /// Allocates by `attempt`, which returns 0 when it fails.
  @inline(__always)
  static func mindingLimits(_ attempt: () -> UInt) -> UInt {
    let block = attempt()
    if !MemoryLimit.isPressed { return block }
    return respond(to: block, attempt)
  }

  /// Outside all locks, with the thread's cache at rest.
  @inline(never)
  private static func respond(to block: UInt, _ attempt: () -> UInt) -> UInt {
    var block = block
    let pressure = MemoryLimit.takePressure()
    Housekeeping.purgeEverything()
    let isOverSoft = MemoryLimit.settle()
    if block == 0, pressure.isRefusal {
      block = attempt()
      if block == 0, LimitCallback.tell(HAKMEM_LIMIT_HARD, limit: MemoryLimit.hard) {
        block = attempt()
      }
      // What these attempts were refused is answered for.
      _ = MemoryLimit.takePressure()
    } else if isOverSoft, pressure.isOverSoft {
      if LimitCallback.tell(HAKMEM_LIMIT_SOFT, limit: MemoryLimit.soft) { _ = MemoryLimit.settle() }
    }
    return block
  }
}

/// The program's function that hears of the limits.
enum LimitCallback {
  private struct State: ~Copyable {
    var function: hakmem_limit_callback_t?
    var argument: UnsafeMutableRawPointer?
    /// The thread that is in the function, by its identity; 0 when none is.
    let caller: Atomic<UInt>
  }
  static var stateBytes: Int { MemoryLayout<State>.size }
  private static var state: UnsafeMutablePointer<State> {
    Memory.pointer(at: MallocStorage.limitCallback)
  }

  static func set(_ function: hakmem_limit_callback_t?, _ argument: UnsafeMutableRawPointer?) {
    let lock = Lock(.control)
    lock.acquire()
    state.pointee.function = function
    state.pointee.argument = argument
    lock.release()
  }

  /// Calls the function unless it is being called; false when it was not.
  static func tell(_ event: hakmem_limit_event_t, limit: Int) -> Bool {
    let lock = Lock(.control)
    lock.acquire()
    let function = state.pointee.function
    let argument = state.pointee.argument
    lock.release()
    guard let function,
      state.pointee.caller.compareExchange(
        expected: 0, desired: ThreadIdentity.current, ordering: .acquiringAndReleasing
      ).exchanged
    else { return false }
    function(event, MemoryLimit.usedBytes, limit, argument)
    state.pointee.caller.store(0, ordering: .releasing)
    return true
  }

  /// In the child of a fork the thread that was in the function may be gone.
  static func resetAfterFork() {
    if state.pointee.caller.load(ordering: .relaxed) != ThreadIdentity.current {
      state.pointee.caller.store(0, ordering: .relaxed)
    }
  }
}

@c @implementation
public func hakmem_set_limit_callback(
  _ callback: hakmem_limit_callback_t?, _ argument: UnsafeMutableRawPointer?
) {
  LimitCallback.set(callback, argument)
}

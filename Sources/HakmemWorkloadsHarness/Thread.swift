import HakmemWorkloadsSystem

/// A POSIX thread that runs a function without captured values on a pointer.
package struct Thread {
  fileprivate struct Start {
    var body: (UnsafeMutableRawPointer) -> Void
    var argument: UnsafeMutableRawPointer
  }

  /// Memory that a thread's start needs until it runs: one per thread that is alive at a time.
  package struct Slot {
    fileprivate let start: UnsafeMutablePointer<Start>

    /// Slots for `count` threads.
    package static func table(count: Int) -> UnsafeMutablePointer<Slot> {
      let slots = Mapping.table(of: Slot.self, count: count)
      let starts = Mapping.table(of: Start.self, count: count)
      for index in 0..<count { (slots + index).initialize(to: Slot(start: starts + index)) }
      return slots
    }
  }

  /// Small, so that a thousand threads cost address space for little more than their use.
  private static let stackSize = 256 << 10
  private let identifier: pthread_t

  /// Starts a thread. Ends the process when the system refuses.
  package static func start(
    in slot: Slot, argument: UnsafeMutableRawPointer,
    _ body: @escaping (UnsafeMutableRawPointer) -> Void
  ) -> Thread {
    slot.start.initialize(to: Start(body: body, argument: argument))
    var identifier = pthread_t()
    let error = harness_thread_start(&identifier, stackSize, { Thread.threadMain($0) }, slot.start)
    if error != 0 { Failure.harness("cannot start a thread", error: error) }
    return Thread(identifier: identifier)
  }

  package func join() {
    _ = harness_thread_join(identifier)
  }

  private static func threadMain(_ context: UnsafeMutableRawPointer?)
    -> UnsafeMutableRawPointer?
  {
    let start = context.unsafelyUnwrapped.assumingMemoryBound(to: Start.self)
    start.pointee.body(start.pointee.argument)
    return nil
  }
}

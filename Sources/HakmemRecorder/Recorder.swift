import CHakmemShims
import CHakmemTrace
import HakmemPlatform
import Synchronization

/// Writes the calls of the interface to a trace file, for replay on other allocators. It sees what
/// `Interception` shows it and never allocates.
///
/// One lock gives the calls their order. An allocation is written after it was made, a free before:
/// then a number that is given again was freed in the trace, too. A thread that is in here already,
/// in a signal handler's frame, is not recorded.
///
/// Only the process that opened the file writes to it, although the children of a fork inherit the
/// mapping: `liveness` lies in a page that the kernel clears for them.
package enum Recorder {
  /// How a block is allocated.
  package enum Kind {
    case malloc
    case calloc
    case aligned(powerOf2: UInt)
  }

  private enum Phase {
    static let off: UInt32 = 0
    /// The file is opened at the first call: a library that is only loaded records nothing.
    static let asked: UInt32 = 1
    static let opened: UInt32 = 2
  }

  struct State: ~Copyable {
    let phase: Atomic<UInt32>
    /// Address of a word that is 1 while calls are recorded; 0 before.
    let liveness: Atomic<UInt>
    var blocks: BlockNumbers
    var threads: ThreadNumbers
    var file: TraceFile
    /// The thread of the last record.
    var thread: UInt
  }

  private static var state: UnsafeMutablePointer<State> {
    Memory.pointer(at: RecorderStorage.state)
  }

  // MARK: Start

  /// Has the file that HAKMEM_RECORD names opened at the next call of `begin`. False without a name.
  package static func prepare() -> Bool {
    guard Option.record.text != nil else { return false }
    state.pointee.phase.store(Phase.asked, ordering: .releasing)
    return true
  }

  @inline(__always)
  package static var isRecording: Bool {
    // Acquires the open file.
    let word = state.pointee.liveness.load(ordering: .acquiring)
    return word != 0
      && Memory.pointer(at: word, to: Atomic<UInt32>.self).pointee.load(ordering: .relaxed) != 0
  }

  /// Opens the file if that is still to do. Whether calls are recorded.
  package static func begin() -> Bool {
    guard state.pointee.phase.load(ordering: .acquiring) == Phase.asked else { return isRecording }
    let lock = Lock(.recorder)
    guard !lock.isHeldByThisThread else { return false }
    lock.acquire()
    defer { lock.release() }
    guard state.pointee.phase.load(ordering: .relaxed) == Phase.asked, let name = Option.record.text
    else { return isRecording }
    state.pointee.phase.store(Phase.opened, ordering: .relaxed)
    if let failure = open(name) {
      report(failure)
      hideName()
      return false
    }
    return true
  }

  private static func open(_ name: UnsafePointer<UInt8>) -> TraceFile.Failure? {
    if let failure = state.pointee.file.open(name) { return failure }
    let page = ProcessFacts.systemPageBytes
    guard let word = SystemCalls.map(byteCount: page, protection: .readWrite) else {
      state.pointee.file.close()
      return .system(error: FileDescriptor.ErrorNumber.noMemory)
    }
    // Linux 4.14; on older kernels the fork handler alone tells the child.
    SystemCalls.advise(word, page, .wipeOnFork)
    Memory.pointer(at: word, to: UInt32.self).pointee = 1
    state.pointee.liveness.store(word, ordering: .releasing)
    return nil
  }

  // MARK: Calls

  package static func allocated(_ block: UInt, _ byteCount: UInt, _ kind: Kind) {
    record {
      // The free of its predecessor passed unseen.
      if let lost = $0.blocks.take(block) {
        $0.blocks.release(lost)
        guard $0.append(HAKMEM_TRACE_FREE, TraceFile.Numbers(lost)) else { return false }
      }
      guard let number = $0.blocks.insert(block) else { return false }
      switch kind {
      case .malloc: return $0.append(HAKMEM_TRACE_MALLOC, TraceFile.Numbers(number, byteCount))
      case .calloc: return $0.append(HAKMEM_TRACE_CALLOC, TraceFile.Numbers(number, byteCount))
      case .aligned(let power):
        return $0.append(HAKMEM_TRACE_ALIGNED, TraceFile.Numbers(number, byteCount, power))
      }
    }
  }

  /// Called before the block is freed.
  package static func freed(_ block: UInt) {
    record {
      guard let number = $0.blocks.take(block) else { return true }
      $0.blocks.release(number)
      return $0.append(HAKMEM_TRACE_FREE, TraceFile.Numbers(number))
    }
  }

  /// Called before the block is resized: its number, which it no longer has, if it had one.
  package static func resizing(_ block: UInt) -> UInt? {
    var number: UInt?
    record {
      number = $0.blocks.take(block)
      return true
    }
    return number
  }

  /// The block with that number was resized and now begins at `block`.
  package static func resized(_ number: UInt, to block: UInt, _ byteCount: UInt) {
    record {
      $0.blocks.put(number, for: block)
        && $0.append(HAKMEM_TRACE_REALLOC, TraceFile.Numbers(number, byteCount))
    }
  }

  /// The block with that number could not be resized.
  package static func kept(_ number: UInt, _ block: UInt) {
    record { $0.blocks.put(number, for: block) }
  }

  // MARK: Ends

  /// The calling thread makes no more calls, save for some in the last destructors.
  package static func threadEnded() {
    record {
      guard let number = $0.threads.release(ThreadIdentity.current) else { return true }
      $0.become(thread: number)
      $0.file.append(HAKMEM_TRACE_THREAD_EXIT, .none)
      $0.thread = State.noThread
      return true
    }
  }

  /// Gives back what the file has too much, as the process ends. Calls may follow.
  package static func processEnds() {
    record {
      $0.file.trim()
      return true
    }
  }

  /// The child of a fork does not record, and neither do the programs that it starts.
  package static func forked() {
    guard state.pointee.phase.exchange(Phase.off, ordering: .relaxed) != Phase.off else { return }
    let word = state.pointee.liveness.exchange(0, ordering: .relaxed)
    if word != 0 { state.pointee.file.abandon() }
    hideName()
  }

  /// Called when libc is ready, for calls may have come before.
  package static func processStarted() {
    let isOpened = state.pointee.phase.load(ordering: .acquiring) == Phase.opened
    if isOpened, !isRecording { hideName() }
  }

  /// Keeps the programs that this process starts from taking the file or from trying once more,
  /// unless each process has a file of its own.
  private static func hideName() {
    if let name = Option.record.text, !TraceFile.isNamedByProcess(name) {
      Option.record.hideFromChildren()
    }
  }

  // MARK: Writing

  /// Calls `body` under the lock, with room for its records. False: memory is exhausted.
  private static func record(_ body: (inout State) -> Bool) {
    guard isRecording else { return }
    let lock = Lock(.recorder)
    guard !lock.isHeldByThisThread else { return }
    lock.acquire()
    defer { lock.release() }
    guard isRecording else { return }
    if let failure = state.pointee.file.makeRoom() { return stop(failure) }
    if !body(&state.pointee) {
      stop(.system(error: FileDescriptor.ErrorNumber.noMemory))
    }
  }

  private static func stop(_ failure: TraceFile.Failure) {
    Memory.pointer(
      at: state.pointee.liveness.load(ordering: .relaxed), to: Atomic<UInt32>.self
    ).pointee.store(0, ordering: .relaxed)
    state.pointee.file.close()
    report(failure)
  }

  private static func report(_ failure: TraceFile.Failure) {
    if Option.quiet.isOn { return }
    // A program that this process's parent, which records, has started.
    if case .busy(let process) = failure, process == SystemCalls.parentProcessID() { return }
    let calls = state.pointee.file.callCount
    Text.message {
      $0.append(calls == 0 ? "hakmem: cannot record to " : "hakmem: stopped recording to ")
      if let name = state.pointee.file.name { $0.append(cString: name, limit: 800) }
      if calls > 0 {
        $0.append(" after ")
        $0.append(calls)
        $0.append(" calls")
      }
      $0.append(": ")
      switch failure {
      case .system(let error): $0.append(error: error)
      case .notRegular: $0.append("it is not a regular file")
      case .notTrace: $0.append("it exists and is not an allocation trace")
      case .lost: $0.append("the program closed it, and it is no longer found by its name")
      case .busy(let process):
        $0.append("process ")
        $0.append(UInt(process))
        $0.append(" is writing it")
      }
      $0.append("\n")
    }
  }
}

extension Recorder.State {
  /// No thread has this number.
  fileprivate static var noThread: UInt { UInt(HAKMEM_TRACE_MAXIMUM_THREADS) }
  /// Stands for all threads that have ended: what they still call is written as one more thread's.
  private static var endedThreads: UInt { 1 }

  /// Writes the record of a call of this thread; false when memory is exhausted.
  fileprivate mutating func append(
    _ code: hakmem_trace_record, _ numbers: TraceFile.Numbers
  ) -> Bool {
    let hasEnded = hakmem_get_allocating_header() == hakmem_exited_cache_header()
    guard
      let number = threads.number(of: hasEnded ? Self.endedThreads : ThreadIdentity.current)
    else { return false }
    become(thread: number)
    file.append(code, numbers)
    file.countCall(threads: threads.end)
    return true
  }

  fileprivate mutating func become(thread number: UInt) {
    guard number != thread else { return }
    file.append(HAKMEM_TRACE_THREAD, TraceFile.Numbers(number))
    thread = number
  }
}

import HakmemWorkloadsSystem

/// Runs a workload with one kind of calls.
package struct Runner<Program: Workload, Calls: AllocationCalls> {
  /// What the threads share, in the harness's memory.
  private struct Shared {
    var run: UnsafeMutablePointer<Run>
    var program: UnsafeMutablePointer<Program>
    /// The workers alone: between the warm-up and its clean-up.
    var workers: Barrier
    /// The workers and the main thread: around the timed part.
    var everyone: Barrier
  }

  private struct Thread {
    var worker: Worker
    var shared: UnsafeMutablePointer<Shared>
    // Workers are written all the time: keep neighbours out of their lines.
    var padding: (UInt64, UInt64, UInt64, UInt64, UInt64, UInt64, UInt64, UInt64) =
      (0, 0, 0, 0, 0, 0, 0, 0)
    var morePadding: (UInt64, UInt64, UInt64, UInt64, UInt64, UInt64, UInt64, UInt64) =
      (0, 0, 0, 0, 0, 0, 0, 0)
  }

  package static func execute(
    _ run: UnsafeMutablePointer<Run>, _ program: UnsafeMutablePointer<Program>
  ) {
    program.pointee.prepare(run)
    let count = program.pointee.workerCount(run.pointee.options)
    run.pointee.workerCount = count
    let threads = Mapping.table(of: Thread.self, count: count)
    let shared = Mapping.table(of: Shared.self, count: 1)
    shared.initialize(
      to: Shared(
        run: run, program: program, workers: Barrier(participants: count),
        everyone: Barrier(participants: count + 1)))
    let histogram = run.pointee.options.latency ? Histogram() : nil
    for index in 0..<count {
      let own = run.pointee.options.latency ? Histogram() : Histogram.none
      (threads + index).initialize(
        to: Thread(worker: Worker(index: index, run: run, histogram: own), shared: shared))
    }
    run.pointee.histogram = histogram
    if count == 1 { runInMainThread(threads) } else { runInThreads(threads, count) }
    run.pointee.liveBytes = program.pointee.liveBytes
    run.pointee.peakLiveBytes = program.pointee.peakLiveBytes
    run.pointee.settle()
    program.pointee.tearDown()
  }

  private static func worker(_ thread: UnsafeMutablePointer<Thread>)
    -> UnsafeMutablePointer<Worker>
  {
    // The first field.
    UnsafeMutableRawPointer(thread).assumingMemoryBound(to: Worker.self)
  }

  // Not inlined: one copy of a loop serves the warm-up and the timed part, in all threads, so
  // that the warm-up warms the code that is timed.
  @inline(never)
  private static func work(
    _ program: UnsafeMutablePointer<Program>, _ worker: UnsafeMutablePointer<Worker>,
    _ calls: inout Calls
  ) {
    program.pointee.work(worker, &calls)
  }

  @inline(never)
  private static func finish(
    _ program: UnsafeMutablePointer<Program>, _ worker: UnsafeMutablePointer<Worker>,
    _ calls: inout Calls
  ) {
    program.pointee.finish(worker, &calls)
  }

  /// One thread: the process stays single-threaded, which some allocators make use of.
  private static func runInMainThread(_ thread: UnsafeMutablePointer<Thread>) {
    let worker = worker(thread)
    let run = thread.pointee.shared.pointee.run
    let program = thread.pointee.shared.pointee.program
    var calls = Calls(worker: worker)
    if run.pointee.options.warmUpPercent > 0 {
      worker.pointee.beginWarmUp()
      work(program, worker, &calls)
      finish(program, worker, &calls)
      worker.pointee.histogram.clear()
    }
    run.pointee.start()
    worker.pointee.beginTimedPart()
    work(program, worker, &calls)
    worker.pointee.finishTime = Clock.now()
    run.pointee.stop()
    collect(thread, 1)
    finish(program, worker, &calls)
  }

  private static func runInThreads(_ threads: UnsafeMutablePointer<Thread>, _ count: Int) {
    let shared = threads.pointee.shared
    let slots = HakmemWorkloadsHarness.Thread.Slot.table(count: count)
    let handles = Mapping.table(of: HakmemWorkloadsHarness.Thread.self, count: count)
    for index in 0..<count {
      (handles + index).initialize(
        to: .start(in: slots[index], argument: threads + index) {
          threadMain($0.assumingMemoryBound(to: Thread.self))
        })
    }
    shared.pointee.everyone.wait()
    shared.pointee.run.pointee.start()
    shared.pointee.everyone.wait()
    shared.pointee.everyone.wait()
    shared.pointee.run.pointee.stop()
    collect(threads, count)
    shared.pointee.everyone.wait()
    for index in 0..<count { handles[index].join() }
  }

  private static func threadMain(_ thread: UnsafeMutablePointer<Thread>) {
    let worker = worker(thread)
    let shared = thread.pointee.shared
    let program = shared.pointee.program
    var calls = Calls(worker: worker)
    if shared.pointee.run.pointee.options.warmUpPercent > 0 {
      shared.pointee.workers.wait()
      worker.pointee.beginWarmUp()
      work(program, worker, &calls)
      shared.pointee.workers.wait()
      finish(program, worker, &calls)
      worker.pointee.histogram.clear()
    }
    shared.pointee.everyone.wait()  // the main thread takes its first readings
    shared.pointee.everyone.wait()
    worker.pointee.beginTimedPart()
    work(program, worker, &calls)
    worker.pointee.finishTime = Clock.now()
    shared.pointee.everyone.wait()  // and its last ones
    shared.pointee.everyone.wait()
    finish(program, worker, &calls)
  }

  /// Adds up what the workers did. They wait meanwhile, so that what they still free is not in it.
  private static func collect(_ threads: UnsafeMutablePointer<Thread>, _ count: Int) {
    let run = threads.pointee.shared.pointee.run
    var finish = run.pointee.startTime
    for index in 0..<count {
      let worker = threads[index].worker
      run.pointee.measured.operations += worker.operations
      finish = max(finish, worker.finishTime)
      run.pointee.histogram?.add(worker.histogram)
    }
    run.pointee.measured.nanoseconds = finish &- run.pointee.startTime
  }
}

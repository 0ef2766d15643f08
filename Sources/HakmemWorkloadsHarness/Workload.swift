/// A workload: what it is called, its parameters, and the loop that each thread runs.
///
/// A run calls, in this order: `prepare` once; in each thread `work` and `finish` as the warm-up,
/// then `work` as the timed part and `finish`; when the threads have ended and memory had time to
/// settle, `tearDown` once. The value lives in the harness's memory and all threads share it.
package protocol Workload {
  static var name: StaticString { get }
  /// What one operation is: "operations" (one call of an allocation function), "threads", …
  static var unit: StaticString { get }
  /// One line, without a tab.
  static var help: StaticString { get }
  static var defaults: Options.Defaults { get }
  /// Whether resident memory over time is sampled and reported.
  static var samplesMemory: Bool { get }
  /// Whether the loop can run without an allocator (floor=1).
  static var hasFloor: Bool { get }

  /// Reads the parameters. Must not map or allocate: it is called to list them, too.
  init(_ parameters: inout Parameters, options: Options)

  /// Blocks that floor=1 needs per thread, and their size.
  var floorBlocks: FloorBlocks { get }
  /// The threads that the run starts; 1: `work` runs in the main thread.
  func workerCount(_ options: Options) -> Int
  mutating func prepare(_ run: UnsafeMutablePointer<Run>)
  func work<Calls: AllocationCalls>(
    _ worker: UnsafeMutablePointer<Worker>, _ calls: inout Calls)
  func finish<Calls: AllocationCalls>(
    _ worker: UnsafeMutablePointer<Worker>, _ calls: inout Calls)
  func tearDown()
  /// Bytes of the blocks that are held while memory settles; nil: of no interest here.
  var liveBytes: Int? { get }
  /// The most bytes that were held at a time; nil: of no interest here.
  var peakLiveBytes: Int? { get }
}

/// Blocks of the harness that stand in for an allocator.
package struct FloorBlocks {
  package var count: Int
  package var size: Int

  package init(count: Int, size: Int) {
    self.count = count
    self.size = size
  }
}

extension Workload {
  package static var unit: StaticString { "operations" }
  package static var defaults: Options.Defaults { Options.Defaults() }
  package static var samplesMemory: Bool { false }
  package static var hasFloor: Bool { false }
  package var floorBlocks: FloorBlocks { FloorBlocks(count: 0, size: 0) }
  package func workerCount(_ options: Options) -> Int { options.threads }
  package mutating func prepare(_ run: UnsafeMutablePointer<Run>) {}
  package func finish<Calls: AllocationCalls>(
    _ worker: UnsafeMutablePointer<Worker>, _ calls: inout Calls
  ) {}
  package func tearDown() {}
  package var liveBytes: Int? { nil }
  package var peakLiveBytes: Int? { nil }
}

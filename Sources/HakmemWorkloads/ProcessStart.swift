import HakmemWorkloadsHarness
import HakmemWorkloadsSystem

/// Small processes started one after the other: what does it cost to set an allocator up?
package struct ProcessStart: Workload {
  package static var name: StaticString { "process_start" }
  package static var unit: StaticString { "processes" }
  package static var help: StaticString {
    "starts processes that make some allocations and exit"
  }

  private let allocations: Int

  package init(_ parameters: inout Parameters, options: Options) {
    allocations = parameters.integer("allocations", default: 10, in: 0...1_000_000)
  }

  package func work<Calls: AllocationCalls>(
    _ worker: UnsafeMutablePointer<Worker>, _ calls: inout Calls
  ) {
    withUnsafeTemporaryAllocation(byteCount: 32, alignment: 16) { buffer in
      let count = CText(writing: allocations, to: buffer)
      withUnsafeTemporaryAllocation(of: UnsafeMutablePointer<CChar>?.self, capacity: 4) {
        $0[0] = CText("hakmem-workload").mutableBytes
        $0[1] = CText(EmptyProcess.name).mutableBytes
        $0[2] = count.mutableBytes
        $0[3] = nil
        while worker.pointee.nextChunk(of: 1) > 0 {
          let result = harness_spawn_and_wait(CText("/proc/self/exe").bytes, $0.baseAddress)
          Failure.check(result, of: "process_start")
        }
      }
    }
  }
}

/// The process that `process_start` starts: `hakmem-workload empty COUNT`.
package enum EmptyProcess {
  package static var name: StaticString { "empty" }

  /// Makes `count` allocations, frees them and returns the exit status.
  @export(interface)
  package static func run(count: Int) -> Int32 {
    let calls = PlainCalls()
    var last: UnsafeMutableRawPointer?
    for index in 0..<count {
      let size = 16 << (index & 7)
      let block = calls.allocate(size)
      Block.mark(block, size: size)
      if let last { calls.free(last) }
      last = block
    }
    if let last {
      Block.check(last)
      calls.free(last)
    }
    return 0
  }
}

import HakmemWorkloadsHarness
import HakmemWorkloadsSystem

/// Writes the trace of an invented program, to try the replay without a recording: threads that
/// allocate in every way, and free or resize blocks of their own and of others.
package enum TraceGenerator {
  /// `hakmem-workload --generate-trace FILE [key=value …]`.
  @export(interface)
  package static func run(
    file: CText, arguments: UnsafePointer<UnsafeMutablePointer<CChar>?>, count: Int
  ) -> Int32 {
    var parameters = Parameters(
      .read, workload: "--generate-trace", arguments: arguments, count: count,
      output: TextBuffer(descriptor: 2))
    let operations = parameters.integer("operations", default: 100_000, in: 1...1_000_000_000)
    let threads = parameters.integer("threads", default: 4, in: 1...Options.maximumThreads)
    let blocks = parameters.integer("blocks", default: 1000, in: 1...(1 << 24))
    let exits = parameters.integer("exits", default: 1000, in: 0...1_000_000_000)
    let seed = parameters.integer("seed", default: 42, in: 0...(1 << 62))
    let sizes = SizeRange(&parameters, minimum: 8, maximum: 65536, limit: 1 << 40)
    if let unknown = parameters.unknown {
      var text = TextBuffer(descriptor: 2)
      text.append("hakmem-workload: --generate-trace: unknown parameter '")
      text.append(unknown)
      text.append("'; valid ones: operations threads blocks exits seed minimum maximum\n")
      text.flush()
      return ExitStatus.badArguments
    }
    let descriptor = harness_create(file.bytes)
    if descriptor < 0 { Failure.harness("cannot write the trace", error: harness_error()) }
    var writer = TraceWriter(descriptor: descriptor, threads: threads)
    var random = Random(seed: UInt64(seed))
    let isLive = Mapping.table(of: Bool.self, count: blocks)
    for _ in 0..<operations {
      writer.write(next(&random, isLive, blocks: blocks, threads: threads, sizes))
      if exits > 0, random.below(exits) == 0 {
        writer.write(TraceRecord(kind: .threadExit, thread: random.below(threads), block: 0))
      }
    }
    writer.finish()
    close(descriptor)
    return 0
  }

  private static func next(
    _ random: inout Random, _ isLive: UnsafeMutablePointer<Bool>, blocks: Int, threads: Int,
    _ sizes: SizeRange
  ) -> TraceRecord {
    let block = random.below(blocks)
    var record = TraceRecord(kind: .free, thread: random.below(threads), block: block)
    let choice = random.below(16)
    if isLive[block] {
      if choice < 2 { record.kind = .realloc } else { isLive[block] = false }
    } else {
      isLive[block] = true
      switch choice {
      case 0:
        record.kind = .aligned
        record.alignmentLog2 = 4 + random.below(9)
      case 1, 2: record.kind = .calloc
      default: record.kind = .malloc
      }
    }
    if record.kind != .free { record.size = sizes.next(&random) }
    return record
  }
}

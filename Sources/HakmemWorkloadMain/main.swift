import HakmemWorkloads
import HakmemWorkloadsHarness
import HakmemWorkloadsSystem

exit(CommandLine.run())

/// The command line of `hakmem-workload`.
enum CommandLine {
  static func run() -> Int32 {
    let count = Int(harness_argument_count())
    guard count > 1, let arguments = harness_arguments() else { return usage(descriptor: 2) }
    let first = CText(cString: arguments[1]!)
    let rest = arguments + 2
    if first == "--help" || first == "-h" {
      _ = usage(descriptor: 1)
      return 0
    }
    if first == "--list" { return list() }
    if first == "--generate-trace" {
      guard count > 2 else { return usage(descriptor: 2) }
      return TraceGenerator.run(
        file: CText(cString: rest[0]!), arguments: rest + 1, count: count - 3)
    }
    if first == EmptyProcess.name {
      return EmptyProcess.run(count: count > 2 ? CText(cString: arguments[2]!).decimal ?? 0 : 0)
    }
    return WorkloadTable.run(first, arguments: rest, count: count - 2) ? 0 : refuse(first)
  }

  private static func list() -> Int32 {
    var output = TextBuffer(descriptor: 1)
    WorkloadTable.list(to: &output)
    output.flush()
    return 0
  }

  private static func refuse(_ name: CText) -> Int32 {
    var text = TextBuffer(descriptor: 2)
    text.append("hakmem-workload: unknown workload '")
    text.append(name)
    text.append("'; there are: ")
    WorkloadTable.writeNames(to: &text)
    text.append("\n")
    text.flush()
    return ExitStatus.badArguments
  }

  private static func usage(descriptor: Int32) -> Int32 {
    var text = TextBuffer(descriptor: descriptor)
    text.append(
      """
      usage: hakmem-workload NAME [key=value …]   runs a workload on this process's malloc
             hakmem-workload --list               name, unit, help and parameters of each
             hakmem-workload --generate-trace FILE [key=value …]   writes a trace to try `trace` on

      The last line of stdout is the result as JSON. Another allocator is measured by preload:
        LD_PRELOAD=/usr/lib/x86_64-linux-gnu/libjemalloc.so.2 hakmem-workload random_mixed

      """)
    text.flush()
    return ExitStatus.badArguments
  }
}

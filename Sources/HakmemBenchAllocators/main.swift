import HakmemWorkloads
import HakmemWorkloadsBench
import HakmemWorkloadsHarness
import HakmemWorkloadsSystem

/// `bench_allocators [ROUNDS [MILLISECONDS]]`: every allocator found, side by side.
func main() {
  if Int(harness_argument_count()) > 2, let arguments = harness_arguments(),
    CText(cString: arguments[1]!) == "--workload"
  {
    // A child: one workload on the allocator that was preloaded.
    return runWorkload(arguments + 2, count: Int(harness_argument_count()) - 2)
  }
  var positional = PositionalArguments(
    program: "bench_allocators",
    usage: """
      usage: bench_allocators [ROUNDS [MILLISECONDS]]     (3 200)
        random_mixed, tiny_hot and exchange on glibc, on libhakmem.so beside this program or in
        ../lib, on the system's jemalloc, tcmalloc and mimalloc, and on every library in the
        directories of $HAKMEM_PEERS (separated by colons); each run MILLISECONDS long.

      """, most: 2)
  let rounds = positional.number(0, "ROUNDS", default: 3, in: SideBySide.roundsRange)
  let milliseconds = positional.number(1, "MILLISECONDS", default: 200, in: 1...9999)
  let table = SideBySide(rounds: rounds, milliseconds: milliseconds)
  table.measure()
  var output = TextBuffer(descriptor: 1)
  table.writeTable(to: &output)
  output.flush()
}

func runWorkload(_ arguments: UnsafePointer<UnsafeMutablePointer<CChar>?>, count: Int) {
  let name = CText(cString: arguments[0]!)
  if !WorkloadTable.run(name, arguments: arguments + 1, count: count - 1) {
    exit(ExitStatus.badArguments)
  }
}

main()

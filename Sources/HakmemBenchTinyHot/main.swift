import HakmemWorkloads
import HakmemWorkloadsBench
import HakmemWorkloadsHarness

/// `bench_tiny_hot ITERS [SIZE]`: the fast paths alone.
func main() {
  var positional = PositionalArguments(
    program: "bench_tiny_hot",
    usage: """
      usage: bench_tiny_hot [ITERS [SIZE]]     (10000000 32)
        ITERS times malloc and free of one block of SIZE bytes: two operations each.
        HAKMEM_QUIET=1: the result line alone.

      """, most: 2)
  let iterations = positional.number(0, "ITERS", default: 10_000_000, in: 1...(1 << 48))
  let size = positional.number(1, "SIZE", default: 32, in: 8...(1 << 20))
  positional.add("operations", iterations * 2)
  positional.add("size", size)
  positional.run(TinyHot.self)
}

main()

import HakmemWorkloads
import HakmemWorkloadsBench
import HakmemWorkloadsHarness

/// `bench_random_mixed ITERS WS SEED`: the headline benchmark.
func main() {
  var positional = PositionalArguments(
    program: "bench_random_mixed",
    usage: """
      usage: bench_random_mixed [ITERS [WS [SEED]]]     (1000000 256 42)
        ITERS operations over WS slots: each picks a random slot, frees it if full, else fills it
        with 16 … 1039 bytes; after a warm-up of ITERS / 10. HAKMEM_QUIET=1: the result line alone.

      """, most: 3)
  let iterations = positional.number(0, "ITERS", default: 1_000_000, in: 1...(1 << 50))
  let workingSet = positional.number(1, "WS", default: 256, in: 1...(1 << 26))
  let seed = positional.number(2, "SEED", default: 42, in: 0...(1 << 62))
  positional.add("operations", iterations)
  positional.add("slots", workingSet)
  positional.add("seed", seed)
  positional.run(RandomMixed.self)
}

main()

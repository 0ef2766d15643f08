import HakmemWorkloadsHarness

/// The result of a run for people: throughput, page faults, kernel share, processor counters.
package enum Summary {
  /// The result line, and unless HAKMEM_QUIET=1 what explains it.
  package static func write(
    _ name: StaticString, _ run: UnsafeMutablePointer<Run>, to output: inout TextBuffer
  ) {
    let measured = run.pointee.measured
    let operations = Double(max(measured.operations, 1))
    let seconds = Double(measured.nanoseconds) / 1e9
    output.append(name)
    output.append(": ")
    output.append(operations / max(seconds, 1e-9) / 1e6, decimals: 2)
    output.append(" M ops/s (")
    output.append(measured.operations)
    output.append(" operations in ")
    output.append(seconds, decimals: 4)
    output.append(" s)\n")
    if Configuration.isQuiet { return }
    output.append("  page faults         ")
    output.append(
      Double(measured.minorFaults + measured.majorFaults) / operations * 1e6, decimals: 1)
    output.append(" per million operations (")
    output.append(measured.minorFaults)
    output.append(" minor, ")
    output.append(measured.majorFaults)
    output.append(" major)\n  kernel share        ")
    let processor = measured.userMicroseconds + measured.systemMicroseconds
    output.append(
      processor == 0 ? 0 : Double(measured.systemMicroseconds) * 100 / Double(processor),
      decimals: 1)
    output.append(" % of the processor time\n  peak resident       ")
    output.append(measured.peakRSSKiB)
    output.append(" KiB\n")
    let counters = run.pointee.counters
    write("cycles              ", counters.cycles, operations, &output)
    write("instructions        ", counters.instructions, operations, &output)
    write("branch misses       ", counters.branchMisses, operations, &output)
    write("L1d misses          ", counters.l1dMisses, operations, &output)
    write("cache misses        ", counters.cacheMisses, operations, &output)
    write("dTLB misses         ", counters.dtlbMisses, operations, &output)
  }

  private static func write(
    _ label: StaticString, _ count: Int?, _ operations: Double, _ output: inout TextBuffer
  ) {
    output.append("  ")
    output.append(label)
    if let count {
      output.append(Double(count) / operations, decimals: 3)
      output.append(" per operation\n")
    } else {
      output.append("not supported\n")
    }
  }
}

import HakmemWorkloadsSystem

/// The result of a run as one line of JSON; Documentation/workloads.md describes the members.
package enum Report {
  /// The members before the parameters.
  @export(interface)
  package static func begin(
    _ run: UnsafeMutablePointer<Run>, name: StaticString, unit: StaticString
  ) -> JSON {
    let measured = run.pointee.measured
    let options = run.pointee.options
    var json = JSON(output: TextBuffer(descriptor: 1))
    json.begin()
    json.member("workload", text: CText(name))
    json.member("unit", text: CText(unit))
    json.member("allocator", text: harness_allocator_path().map { CText(cString: $0) })
    json.member("operations", measured.operations)
    json.member("seconds", nanoseconds: measured.nanoseconds)
    json.member("floor_seconds", nanoseconds: options.floor ? measured.nanoseconds : nil)
    json.member("threads", run.pointee.workerCount)
    json.key("parameters")
    return json
  }

  /// The members after the parameters.
  @export(interface)
  package static func end(_ run: UnsafeMutablePointer<Run>, _ json: inout JSON) {
    let measured = run.pointee.measured
    writeMemory(run, &json)
    json.member("minor_faults", measured.minorFaults)
    json.member("major_faults", measured.majorFaults)
    json.member("voluntary_switches", measured.voluntarySwitches)
    json.member("involuntary_switches", measured.involuntarySwitches)
    json.member("user_seconds", nanoseconds: UInt64(max(0, measured.userMicroseconds)) * 1000)
    json.member("system_seconds", nanoseconds: UInt64(max(0, measured.systemMicroseconds)) * 1000)
    writeCounters(run.pointee.counters, &json)
    writeLatency(run.pointee.histogram, &json)
    json.end()
    json.output.append("\n")
    json.output.flush()
  }

  private static func writeMemory(_ run: UnsafeMutablePointer<Run>, _ json: inout JSON) {
    let measured = run.pointee.measured
    json.member("start_rss_kib", measured.startRSSKiB)
    json.member("peak_rss_kib", measured.peakRSSKiB)
    json.member("settled_rss_kib", measured.settledRSSKiB)
    json.member("live_kib", run.pointee.liveBytes.map { $0 / 1024 })
    json.member("peak_live_kib", run.pointee.peakLiveBytes.map { $0 / 1024 })
    json.member("harness_kib", Mapping.residentBytes / 1024)
    json.member("mappings", measured.mappings)
    json.key("rss_timeline")
    json.output.append("[")
    for index in 0..<run.pointee.timeline.count {
      let sample = run.pointee.timeline[index]
      writePair(sample.milliseconds, sample.residentKiB, isFirst: index == 0, &json)
    }
    json.output.append("]")
  }

  private static func writeCounters(_ counters: Counters, _ json: inout JSON) {
    json.key("counters")
    json.begin()
    json.member("cycles", counters.cycles)
    json.member("instructions", counters.instructions)
    json.member("branch_misses", counters.branchMisses)
    json.member("l1d_misses", counters.l1dMisses)
    json.member("cache_misses", counters.cacheMisses)
    json.member("dtlb_misses", counters.dtlbMisses)
    json.end()
    json.key("counters_include_kernel")
    json.output.append(counters.includesKernel ? "true" : "false")
  }

  private static func writeLatency(_ histogram: Histogram?, _ json: inout JSON) {
    json.key("latency")
    guard let histogram else { return json.output.append("null") }
    json.begin()
    json.member("unit", text: CText("ns"))
    json.key("counts")
    json.output.append("[")
    var isFirst = true
    for bucket in 0..<Histogram.bucketCount where histogram.counts[bucket] > 0 {
      writePair(
        Histogram.lowerBound(of: bucket), Int(histogram.counts[bucket]), isFirst: isFirst, &json)
      isFirst = false
    }
    json.output.append("]")
    json.end()
  }

  private static func writePair(_ first: Int, _ second: Int, isFirst: Bool, _ json: inout JSON) {
    if !isFirst { json.output.append(",") }
    json.output.append("[")
    json.output.append(first)
    json.output.append(",")
    json.output.append(second)
    json.output.append("]")
  }
}

/// `hakmem stats --openmetrics`: text of OpenMetrics 1.0.0
/// (https://github.com/prometheus/OpenMetrics/blob/main/specification/OpenMetrics.md).
package enum OpenMetricsText {
  package static func lines(_ found: Inspection) -> [String] {
    let heap = found.statistics
    var lines: [String] = []
    func family(
      _ name: String, _ type: String, unit: String? = nil, _ help: String,
      _ samples: [(labels: [(String, String)], value: Int)]
    ) {
      lines.append("# TYPE hakmem_\(name) \(type)")
      if let unit { lines.append("# UNIT hakmem_\(name) \(unit)") }
      lines.append("# HELP hakmem_\(name) \(help)")
      let suffix = type == "counter" ? "_total" : ""
      for sample in samples {
        let labels = sample.labels.map { "\($0.0)=\"\(escaped($0.1))\"" }.joined(separator: ",")
        lines.append(
          "hakmem_\(name)\(suffix)" + (labels.isEmpty ? "" : "{\(labels)}") + " \(sample.value)")
      }
    }
    func one(_ value: Int) -> [(labels: [(String, String)], value: Int)] { [([], value)] }
    family(
      "heap_bytes", "gauge", unit: "bytes", "Memory of the heap by state.",
      [
        ("live_small", heap.liveBytes - heap.liveMediumBytes - heap.liveLargeBytes),
        ("live_medium", heap.liveMediumBytes), ("live_large", heap.liveLargeBytes),
        ("thread_cache", heap.threadCacheBytes), ("depot", heap.depotBytes),
        ("slab_free", heap.slabFreeBytes), ("page_free", heap.pageFreeBytes),
        ("metadata", heap.metadataBytes),
      ].map { ([("state", $0.0)], $0.1) })
    family("live_blocks", "gauge", "Blocks that the program holds.", one(heap.liveBlocks))
    family(
      "mapped_bytes", "gauge", unit: "bytes", "Address space for blocks.", one(heap.mappedBytes))
    family("superslabs", "gauge", "SuperSlabs in use.", one(heap.superslabs))
    family("slabs", "gauge", "Slabs in use.", one(heap.slabs))
    family("thread_caches", "gauge", "Thread caches in use.", one(heap.threadCaches))
    family("refills", "counter", "Times that a thread cache was filled.", one(heap.refills))
    family("overflows", "counter", "Times that a thread cache gave back.", one(heap.overflows))
    family("maps", "counter", "Calls of mmap.", one(heap.maps))
    family("unmaps", "counter", "Calls of munmap.", one(heap.unmaps))
    family("purges", "counter", "Calls of madvise that returned memory.", one(heap.purges))
    family(
      "purged_bytes", "counter", unit: "bytes", "Memory they returned.", one(heap.purgedBytes))
    family("corruptions", "counter", "Damaged free lists found.", one(heap.corruptions))
    func classes(_ value: (HeapStatistics.Class) -> Int) -> [(
      labels: [(String, String)], value: Int
    )] { heap.classes.map { ([("block_size", "\($0.blockSize)")], value($0)) } }
    family("class_live_blocks", "gauge", "Live blocks by size class.", classes { $0.liveBlocks })
    family(
      "class_cached_blocks", "gauge", "Blocks in thread caches and the depot, by size class.",
      classes { $0.threadCacheBlocks + $0.depotBlocks })
    family(
      "class_slab_free_blocks", "gauge", "Free blocks in slabs by size class.",
      classes { $0.slabFreeBlocks })
    family(
      "class_refilled_blocks", "counter", "Blocks that thread caches took from depot and slabs.",
      classes { $0.refilledBlocks })
    family(
      "class_returned_blocks", "counter", "Blocks that thread caches gave back.",
      classes { $0.returnedBlocks })
    family("events", "counter", "Events so far.", one(found.events.last?.number ?? 0))
    family(
      "resident_bytes", "gauge", unit: "bytes", "Resident memory of the process by use.",
      found.ledger.lines.map { ([("use", $0.use.rawValue)], $0.resident) })
    return lines + ["# EOF"]
  }

  private static func escaped(_ text: String) -> String {
    text.replacing("\\", with: "\\\\").replacing("\"", with: "\\\"").replacing("\n", with: "\\n")
  }
}

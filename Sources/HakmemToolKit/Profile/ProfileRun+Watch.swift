import Foundation

extension ProfileRun {
  /// Checks that a process can be watched, before anything is made for it.
  ///
  /// - Throws: `Failure` when it is not there, or not served by a HAKMEM that can be switched.
  package static func check(process: Int32) throws { _ = try ProfileSwitch(process: process) }

  /// Watches a running process for a while, or to its end.
  ///
  /// - Parameter inspect: Looks into the process, for the ledger, while the heap profile is on.
  /// - Throws: `Failure` when there is nothing to watch.
  package func watch(
    process: Int32, seconds: Double, heapDistance: Int, inspect: (Int32) throws -> Inspection
  ) throws -> Outcome {
    let profiling = try ProfileSwitch(process: process)
    let maps = TextFile.read("/proc/\(process)/maps") ?? ""
    let started = Date()
    let before = ProcessUsage(process: process)
    try profiling.turnOn(folder: folder, heapDistance: heapDistance)
    let session = PerfSession(threads: ProcessUsage.threads(process), onExec: false)
    let start = Clock.seconds
    var last = before
    var ended = false
    while Clock.seconds - start < seconds && !ended {
      session.drain { record($0) }
      if let usage = ProcessUsage(process: process) { last = usage } else { ended = true }
      usleep(5000)
    }
    session.finish { record($0) }
    if let usage = ProcessUsage(process: process) { last = usage }
    var notes: [String] = []
    if ended { notes.append("The process ended while it was watched.") }
    let answer = profiling.answer
    switch answer {
    case nil where !ended:
      notes.append(
        "The process made too few slow calls of the allocator to notice that it is watched.")
    case false?: notes.append("The process cannot write to \(folder).")
    default: break
    }
    var ledger: Ledger?
    var events: [HeapEvent]?
    if !ended {
      do {
        var found = try inspect(process)
        found.namePinningStacks()
        ledger = found.ledger
        events = found.events
        if answer != true {
          notes.append("Its resident memory was read from outside: there nothing is missing.")
        }
      } catch { notes.append("The ledger is missing: \(error)") }
      try? profiling.turnOff()
    }
    let analysis = ProfileAnalysis(profileFolder: folder)
    analysis.begin(process, maps: maps)
    let name = TextFile.value("/proc/\(process)/comm") ?? "process"
    var result = ProfileResult(
      command: ["\(name) (\(process))"], date: ISO8601DateFormatter().string(from: started),
      ending: ended ? "ended" : "goes on", seconds: Clock.seconds - start,
      userSeconds: (last?.userSeconds ?? 0) - (before?.userSeconds ?? 0),
      systemSeconds: (last?.systemSeconds ?? 0) - (before?.systemSeconds ?? 0),
      peakKiB: last?.peakKiB, processes: 1, isPartial: false, notes: [])
    result.ledger = ledger
    result.ledgerSeconds = ledger == nil ? nil : result.seconds
    result.events = events
    let charged = (last?.faults ?? 0) - (before?.faults ?? 0)
    var outcome = outcome(
      &result, session, analysis, charged: ended ? nil : charged, wantsHeap: heapDistance > 0)
    outcome.result.notes = notes + outcome.result.notes
    outcome.result.isPartial = outcome.result.isPartial || !notes.isEmpty
    return outcome
  }
}

/// What the kernel charged a running process with so far.
struct ProcessUsage {
  var faults: Int
  var userSeconds: Double
  var systemSeconds: Double
  var peakKiB: Int?

  init?(process: Int32) {
    guard let text = TextFile.read("/proc/\(process)/stat"), let mark = text.lastIndex(of: ")")
    else { return nil }
    let fields = text[text.index(after: mark)...].split(separator: " ")
    guard fields.count > 13, fields[0] != "Z", fields[0] != "X" else { return nil }
    let ticks = Double(sysconf(Int32(_SC_CLK_TCK)))
    faults = (Int(fields[7]) ?? 0) + (Int(fields[9]) ?? 0)
    userSeconds = (Double(fields[11]) ?? 0) / ticks
    systemSeconds = (Double(fields[12]) ?? 0) / ticks
    let status = TextFile.read("/proc/\(process)/status") ?? ""
    peakKiB = ResidentMemory.kibibytes(status, "VmHWM")
  }

  static func threads(_ process: Int32) -> [Int32] {
    let names =
      (try? FileManager.default.contentsOfDirectory(atPath: "/proc/\(process)/task")) ?? []
    return names.compactMap { Int32($0) }.sorted()
  }
}

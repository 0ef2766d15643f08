import CHakmemClasses
import CHakmemToolSystem
import Foundation

/// A program run under the profiler, or a running process watched by it.
package final class ProfileRun {
  /// Why nothing could be profiled at all.
  package struct Failure: Error, CustomStringConvertible {
    package let description: String
  }

  package struct Plan {
    package var program: String
    package var arguments: [String]
    package var environment: [String: String]
    /// Bytes between two samples of the heap; 1: every allocation, 0: none.
    package var heapDistance: Int

    package init(
      program: String, arguments: [String], environment: [String: String], heapDistance: Int
    ) {
      self.program = program
      self.arguments = arguments
      self.environment = environment
      self.heapDistance = heapDistance
    }
  }

  let folder: String
  private var recording = Recording()

  package init(folder: String) { self.folder = folder }

  func record(_ record: PerfRecord) { recording.add(record) }

  /// What a run gave: the report's contents and the stacks behind it.
  package struct Outcome {
    package var result: ProfileResult
    package var profiles: [StackProfile]
    /// The heap from time to time.
    package var frames: [HeapFrame] = []
  }

  /// Runs the program to its end, in the foreground: input, output and errors are its own.
  ///
  /// - Parameter inspect: Looks into the process, for the heap map and the ledger.
  /// - Throws: `Failure` when the program cannot be run.
  package func run(
    _ plan: Plan, inspect: @escaping @Sendable (Int32) throws -> Inspection
  ) throws -> Outcome {
    let started = Date()
    var memory = ResidentMemory()
    var environment = plan.environment
    environment["HAKMEM_PROFILE"] = folder
    environment["HAKMEM_PROFILE_SAMPLE"] = "\(plan.heapDistance)"
    // Has the events of a program that crashes.
    environment["HAKMEM_STATS_PAGE"] = "1"
    var gate: Int32 = -1
    let child = CStringArray.with([plan.program] + plan.arguments) { arguments in
      CStringArray.with(environment.sorted { $0.key < $1.key }.map { "\($0.key)=\($0.value)" }) {
        hakmem_tool_prepare(plan.program, arguments, $0, &gate)
      }
    }
    guard child > 0 else {
      throw Failure(
        description: "cannot run \(plan.program): \(String(cString: strerror(-child)))")
    }
    let session = PerfSession(threads: [child], onExec: true)
    let start = Clock.seconds
    var byte: UInt8 = 1
    guard Glibc.write(gate, &byte, 1) == 1 else {
      throw Failure(description: "\(plan.program) ended before it began")
    }
    close(gate)
    let timeline = HeapTimeline(process: child, inspect: inspect)
    // An interrupt is the program's to handle; its profile is written all the same.
    signal(SIGINT, SIG_IGN)
    signal(SIGQUIT, SIG_IGN)
    defer {
      signal(SIGINT, SIG_DFL)
      signal(SIGQUIT, SIG_DFL)
    }
    while true {
      let ended = hasEnded(child)
      session.drain { recording.add($0) }
      recording.lookForHugePages()
      memory.sample(child)
      if ended { break }
      usleep(2000)
    }
    // While its number is taken: `hakmem top` removes the pages of processes that are no more.
    let leftEvents = takeLeftEvents(of: child)
    var status: Int32 = 0
    var usage = rusage()
    wait4(child, &status, 0, &usage)
    session.finish { recording.add($0) }
    let seconds = Clock.seconds - start
    timeline.finish()
    var result = ProfileResult(
      command: [plan.program] + plan.arguments, date: ISO8601DateFormatter().string(from: started),
      ending: ProfileRun.ending(status), seconds: seconds,
      userSeconds: ProfileRun.seconds(usage.ru_utime),
      systemSeconds: ProfileRun.seconds(usage.ru_stime),
      peakKiB: memory.peakKiB(charged: usage.ru_maxrss), processes: 1, isPartial: false,
      notes: [])
    result.ledger = timeline.largest?.ledger
    result.ledgerSeconds = timeline.largest?.seconds
    result.events = leftEvents ?? timeline.events
    var outcome = outcome(
      &result, session, ProfileAnalysis(profileFolder: folder),
      charged: usage.ru_minflt + usage.ru_majflt, wantsHeap: plan.heapDistance > 0)
    outcome.frames = timeline.frames
    let longEnough = 1.0
    if timeline.frames.isEmpty, seconds > longEnough, let failure = timeline.failure {
      outcome.result.notes.append("The heap map and the ledger are missing: \(failure)")
      outcome.result.isPartial = true
    }
    return outcome
  }

  /// Whether a child is about to be waited for.
  private func hasEnded(_ child: Int32) -> Bool {
    var information = siginfo_t()
    let options = WEXITED | WNOHANG | WNOWAIT
    return waitid(P_PID, id_t(child), &information, options) == 0
      && information.si_signo == SIGCHLD
  }

  /// The events on the page that a program left behind, which is removed.
  private func takeLeftEvents(of process: Int32) -> [HeapEvent]? {
    guard let page = PublishedPage.find(pid: process) else { return nil }
    unlink(page.path)
    return page.events
  }

  /// Attributes what was recorded and completes the result.
  func outcome(
    _ result: inout ProfileResult, _ session: PerfSession, _ analysis: ProfileAnalysis,
    charged: Int?, wantsHeap: Bool
  ) -> Outcome {
    recording.close()
    var notes = session.notes
    let logs = readLogs(&notes)
    analysis.run(recording, logs: logs)
    let heap = HeapAnalysis(readHeaps(), naming: analysis)
    if wantsHeap && heap.result == nil {
      notes.append("The library wrote no heap profile: bytes by call stack are missing.")
    }
    if let untracked = heap.result?.untracked, untracked > 0 {
      notes.append("\(untracked) allocations found no room in the heap profile's tables.")
    }
    if logs.isEmpty {
      notes.append(
        "The library wrote no map of its memory: page faults in its blocks are counted as those of "
          + "other mappings.")
    }
    result.processes = max(analysis.processes.count, 1)
    result.heap = heap.result
    result.faults = faults(analysis, session, charged: charged ?? recording.faults.count)
    result.time = time(analysis, session)
    result.summary = ProfileSummary.figures(result, hardware: session.hardwareCounts)
    if session.lost > 0 {
      notes.append("\(session.lost) samples were lost: they came faster than they could be read.")
    }
    result.isPartial = !notes.isEmpty
    result.notes = notes + ProfileSummary.remarks(analysis.symbols)
    return Outcome(
      result: result,
      profiles: [analysis.faultStacks, analysis.timeStacks, heap.live, heap.total, heap.peak])
  }

  private func readHeaps() -> [HeapFile] {
    let names = (try? FileManager.default.contentsOfDirectory(atPath: folder)) ?? []
    return names.sorted().filter { $0.hasPrefix("heap.") && !$0.hasSuffix(".gz") }.compactMap {
      let path = "\(folder)/\($0)"
      defer { unlink(path) }
      return HeapFile(path: path)
    }
  }

  private func readLogs(_ notes: inout [String]) -> [MapLogFile] {
    let names = (try? FileManager.default.contentsOfDirectory(atPath: folder)) ?? []
    var logs: [MapLogFile] = []
    for name in names where name.hasPrefix("map.") {
      let path = "\(folder)/\(name)"
      if let log = MapLogFile(path: path) {
        if log.dropped > 0 {
          notes.append(
            "Process \(log.process) changed its heap's map \(log.dropped) times more than its log "
              + "holds: later faults may be given to a former owner.")
        }
        logs.append(log)
      }
      unlink(path)
    }
    return logs
  }

  private func faults(
    _ analysis: ProfileAnalysis, _ session: PerfSession, charged: Int
  ) -> ProfileResult.Faults? {
    guard session.hasFaults else { return nil }
    var rows: [Owner.Kind: ProfileResult.OwnerRow] = [:]
    var classes: [Int: Int] = [:]
    for (owner, causes) in analysis.owners {
      var row =
        rows[owner.kind]
        ?? ProfileResult.OwnerRow(owner: owner.kind.rawValue, faults: 0, causes: [:], phases: [:])
      for (cause, phases) in causes {
        for (phase, count) in phases {
          row.faults += count
          row.causes[cause.rawValue, default: 0] += count
          row.phases[phase.rawValue, default: 0] += count
          if case .small(let number) = owner { classes[number, default: 0] += count }
        }
      }
      rows[owner.kind] = row
    }
    let sampled = recording.faults.count
    let ahead = analysis.filledAhead.reduce(0) { $0 + $1.value }
    let otherwise = charged - sampled - ahead
    for (kind, phases) in [
      (Owner.Kind.filledAhead, analysis.filledAhead),
      (.filledOtherwise, [Phase.run: otherwise]),
    ] {
      let count = phases.reduce(0) { $0 + $1.value }
      guard count > 0 else { continue }
      rows[kind] = ProfileResult.OwnerRow(
        owner: kind.rawValue, faults: count, causes: [FaultCause.systemCall.rawValue: count],
        phases: Dictionary(uniqueKeysWithValues: phases.map { ($0.key.rawValue, $0.value) }))
    }
    return ProfileResult.Faults(
      sampled: recording.faults.count, counted: session.faultCount.map(Int.init), charged: charged,
      lost: Int(session.lost), owners: Owner.Kind.allCases.compactMap { rows[$0] },
      classes: classes.sorted { $0.key < $1.key }.map {
        ProfileResult.ClassRow(
          blockBytes: Int(hakmem_class_block_bytes(UInt32($0.key))), faults: $0.value)
      })
  }

  private func time(_ analysis: ProfileAnalysis, _ session: PerfSession) -> ProfileResult.Time? {
    guard session.hasClock else { return nil }
    let total = max(recording.ticks.count, 1)
    return ProfileResult.Time(
      samplesPerSecond: Int(PerfSession.clockFrequency), samples: recording.ticks.count,
      layers: Layer.allCases.compactMap { layer in
        analysis.layers[layer].map {
          ProfileResult.LayerRow(
            layer: layer.rawValue, samples: $0, share: Double($0) / Double(total))
        }
      },
      functions: analysis.timeStacks.top(30).map {
        ProfileResult.FunctionRow(
          function: $0.frame.function, object: $0.frame.object, own: $0.own, all: $0.all)
      })
  }

  static func ending(_ status: Int32) -> String {
    let signal = status & 0x7f
    return signal == 0 ? "exited with \((status >> 8) & 0xff)" : "ended by \(SignalName.of(signal))"
  }

  static func seconds(_ time: timeval) -> Double {
    Double(time.tv_sec) + Double(time.tv_usec) / 1e6
  }
}

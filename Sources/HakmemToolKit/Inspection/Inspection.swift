import Foundation

/// What was found in a running process.
package struct Inspection: Codable, Equatable, Sendable {
  /// Version of the JSON form.
  package var format = 1
  package var pid: Int32
  package var program: String
  package var library: String
  package var version: String
  /// Where the figures come from.
  package var source: Source
  /// When they held, in seconds since 1970.
  package var time: Double
  package var isRunning = true
  /// Why the memory was not read, for figures of a page.
  package var reason: String?
  package var statistics: HeapStatistics
  package var ledger: Ledger
  package var map: HeapMap
  /// The last events, oldest first.
  package var events: [HeapEvent]

  package enum Source: String, Codable, Sendable {
    /// Read from the process's memory.
    case memory
    /// From its statistics page: as old as its last slow call, and not page by page.
    case page
  }
}

extension Inspection {
  /// The tool's hidden command that looks into a process, in a process of its own.
  package static let command = "inspect"
  /// Its exit status when another process's address space is needed.
  package static let occupiedStatus: Int32 = 75

  private static let mostAttempts = 4

  /// Looks into a process by a copy of this tool, which may fail where a heap changes too quickly.
  ///
  /// - Parameters:
  ///   - location: Where the tool is, and the library.
  ///   - library: The library given by the user, if any.
  /// - Throws: `InspectionFailure` or `Refusal`, one sentence each.
  package static func take(
    pid: Int32, location: LibraryLocation, library: String?
  ) throws -> Inspection {
    do {
      return try view(pid: pid, location: location, library: library)
    } catch {
      guard let page = PublishedPage.find(pid: pid) else { throw error }
      return fromPage(page, pid: pid, reason: "\(error)")
    }
  }

  /// What a process published itself, with what the kernel says of its memory if it may be asked. Of a
  /// process that ended without removing its page it is what the page said last.
  private static func fromPage(
    _ page: PublishedPage, pid: Int32, reason: String
  ) -> Inspection {
    let process = try? ServedProcess(pid: pid)
    let areas = MemoryArea.parse(TextFile.read("/proc/\(pid)/smaps") ?? "")
    let builder = LedgerBuilder(
      areas: areas, present: PresentPages(stretches: []), library: process?.library ?? "",
      program: process?.program ?? "", blockSize: { _ in 0 })
    return Inspection(
      pid: pid, program: process?.program ?? "?", library: process?.library ?? "?",
      version: page.version, source: .page, time: page.refreshed ?? page.started,
      isRunning: access("/proc/\(pid)", F_OK) == 0, reason: reason, statistics: page.statistics,
      ledger: builder.ledger(
        roundingBound: page.statistics.classes.reduce(0) { $0 + $1.roundingBound }),
      map: HeapMap(superSlabs: [], large: []), events: page.events)
  }

  private static func view(
    pid: Int32, location: LibraryLocation, library: String?
  ) throws -> Inspection {
    let process = try ServedProcess(pid: pid)
    let library = try location.library(given: library)
    try process.checkIsSame(library)
    var environment = location.environment.filter { !$0.key.hasPrefix("HAKMEM_") }
    environment["LD_PRELOAD"] = nil
    for _ in 0..<mostAttempts {
      let outcome = try ChildProcess(
        program: location.executable, arguments: [command, "\(pid)", library],
        environment: environment
      ).run()
      switch outcome.ending {
      case .exited(0):
        return try JSONDecoder().decode(Inspection.self, from: Data(outcome.output.utf8))
      case .exited(occupiedStatus), .signalled: continue
      default:
        let sentence = outcome.errors.split(separator: "\n").last.map(String.init) ?? ""
        throw InspectionFailure(
          sentence.hasPrefix("hakmem: ") ? String(sentence.dropFirst(8)) : sentence)
      }
    }
    guard access("/proc/\(pid)", F_OK) == 0 else { throw InspectionFailure.ended(pid) }
    throw InspectionFailure("The heap of process \(pid) changes too quickly to be read; try again.")
  }

  /// Looks into a process from this one, which is to end afterwards.
  ///
  /// - Throws: `InspectionFailure`, or `HeapView.Occupied`.
  static func look(pid: Int32, library: String) throws -> Inspection {
    let process = try ServedProcess(pid: pid)
    let view = try HeapView(process, library: library)
    guard let text = TextFile.read("/proc/\(pid)/smaps") else {
      throw InspectionFailure.system(pid, access("/proc/\(pid)", F_OK) == 0 ? EPERM : ESRCH)
    }
    let areas = MemoryArea.parse(text)
    guard !areas.isEmpty else { throw InspectionFailure.ended(pid) }
    let present = try PresentPages(pid: pid, areas: areas)
    let statistics = try view.statistics()
    var sizes: [Int32: Int] = [:]
    for figures in statistics.classes { sizes[Int32(figures.number)] = figures.blockSize }
    var builder = LedgerBuilder(
      areas: areas, present: present, library: process.library, program: process.program,
      blockSize: { sizes[$0] ?? 0 })
    try view.forEachStretch { builder.add($0) }
    return Inspection(
      pid: pid, program: process.program, library: process.library, version: try view.version(),
      source: .memory, time: Date().timeIntervalSince1970, statistics: statistics,
      ledger: builder.ledger(
        roundingBound: statistics.classes.reduce(0) { $0 + $1.roundingBound }),
      map: HeapMap(
        superSlabs: builder.superSlabs.values.sorted { $0.start < $1.start },
        large: builder.largeBlocks.sorted { $0.start < $1.start }),
      events: try view.events())
  }

  /// The hidden command: writes what it finds as JSON and ends this process at once, for the
  /// library's own end would run on the other process's state.
  package static func answer(pid: Int32, library: String) throws -> Never {
    do {
      let found = try look(pid: pid, library: library)
      let json = try JSONEncoder().encode(found)
      FileHandle.standardOutput.write(json)
      _exit(0)
    } catch is HeapView.Occupied {
      _exit(occupiedStatus)
    } catch {
      FileHandle.standardError.write(Data("hakmem: \(error)\n".utf8))
      _exit(1)
    }
  }
}

import Foundation
import Testing

@testable import HakmemToolKit

/// `hakmem profile` beside `perf record -e page-faults -d`, which looks at the same run.
@Suite(
  .serialized,
  .enabled(
    if: Built.library != nil && ProfileTests.mayProfile && Built.isExecutable(PerfRun.perf),
    "no perf, or it may not count"))
struct PerfTests {
  private static let pages = 8000

  private static let programs =
    (#filePath as NSString).deletingLastPathComponent + "/../Programs/profile"

  @Test(.enabled(if: Built.isExecutable("/usr/bin/python3")))
  func python3() throws {
    try expectKnownOwners(
      ["/usr/bin/python3", "\(PerfTests.programs)/known_faults.py"],
      [
        "small blocks": 8000, "medium blocks": 8000, "large blocks": 8000, "other mappings": 8000,
        "mapped files": 8000,
      ])
  }

  @Test func aSwiftProgram() throws {
    let scratch = Scratch()
    let program = "\(scratch.path)/known_faults"
    let outcome = try ChildProcess(
      program: "/usr/bin/env",
      arguments: ["swiftc", "-O", "\(PerfTests.programs)/known_faults.swift", "-o", program],
      environment: ProcessInfo.processInfo.environment
    ).run()
    try #require(outcome.ending == .exited(0), "\(outcome.errors)")
    try expectKnownOwners(
      [program],
      [
        "small blocks": 8000, "medium blocks": 8000, "large blocks": 8000, "stacks": 2000,
        "other mappings": 8000, "mapped files": 8000,
      ])
  }

  /// A run in which both counted alike. Once in some hundreds of runs the kernel shows one of two
  /// watchers a fault more than the other; a tool that miscounts would do so in each of three.
  private func agreeing(_ command: [String]) throws -> PerfRun {
    var run = try PerfRun(command)
    for _ in 0..<2 where run.result.faults?.counted != run.samples {
      run = try PerfRun(command)
    }
    return run
  }

  /// Each owner has what the program touches, within 1 %, beside what it has when it touches nothing;
  /// and what perf can tell apart, it counts alike.
  private func expectKnownOwners(_ command: [String], _ truth: [String: Int]) throws {
    let without = try agreeing(command + ["0"])
    let with = try agreeing(command + ["\(PerfTests.pages)"])
    for (owner, pages) in truth {
      let touched = with.owned(owner) - without.owned(owner)
      #expect(abs(touched - pages) <= pages / 100, "\(owner): \(touched)")
    }
    for run in [without, with] {
      #expect(run.result.faults?.counted == run.samples)
      let files: [String: (String) -> Bool] = [
        "libc": { $0.hasSuffix("/libc.so.6") || $0.hasSuffix("/libm.so.6") },
        "the loader": { $0.contains("/ld-linux") },
        "the program's file": { $0.hasPrefix(PerfRun.resolved(command[0])) },
        "allocator: code and variables": { $0.hasSuffix("/libhakmem.so") },
        "stacks": { $0 == "[stack]" },
      ]
      for (owner, isOf) in files {
        let counted = run.faults.filter { isOf($0.key) }.reduce(0) { $0 + $1.value }
        // perf is not told when a mapping goes away.
        #expect(abs(counted - run.owned(owner)) <= max(4, counted / 100), "\(owner): \(counted)")
      }
    }
  }
}

/// One run of a program that both have watched.
private struct PerfRun {
  static let perf = "/usr/bin/perf"

  let result: ProfileResult
  /// Page faults by the mapping that perf finds the address in.
  private(set) var faults: [String: Int] = [:]
  private(set) var samples = 0

  init(_ command: [String]) throws {
    let scratch = Scratch()
    let data = "\(scratch.path)/perf.data"
    let folder = "\(scratch.path)/report"
    let recorded = try PerfRun.run(
      [
        "record", "-q", "-c", "1", "-e", "page-faults", "-d", "-o", data, "--", Built.tool,
        "profile", "--output", folder, "--library", Built.library!, "--heap", "0", "--option",
        "SS_PREFAULT=0", "--",
      ] + command + ["\(scratch.path)/file"])
    try #require(recorded.ending == .exited(0), "\(recorded.errors)")
    result = try ProfileResult(reportIn: folder)
    let name = (command[0] as NSString).lastPathComponent
    let script = try PerfRun.run(
      ["script", "-i", data, "--comm", name, "--show-mmap-events", "-F", "comm,event,addr"])
    var mappings: [Mapping] = []
    for line in script.output.split(separator: "\n") {
      if line.contains("PERF_RECORD_MMAP") {
        if let mapping = Mapping(line, after: mappings) { mappings.append(mapping) }
      } else if let word = line.split(separator: " ").last, let address = UInt(word, radix: 16) {
        samples += 1
        faults[mappings.last { $0.range.contains(address) }?.name ?? "", default: 0] += 1
      }
    }
  }

  func owned(_ owner: String) -> Int {
    result.faults?.owners.first { $0.owner == owner }?.faults ?? 0
  }

  static func resolved(_ path: String) -> String {
    URL(fileURLWithPath: path).resolvingSymlinksInPath().path
  }

  private static func run(_ arguments: [String]) throws -> ChildProcess.Outcome {
    try ChildProcess(
      program: perf, arguments: arguments, environment: ProcessInfo.processInfo.environment
    ).run()
  }

  /// A line like "… PERF_RECORD_MMAP2 7/7: [0x7f0000(0x1000) @ 0 fe:00 5 6]: rw-p /a/file".
  private struct Mapping {
    let range: Range<UInt>
    let name: String

    init?(_ line: Substring, after earlier: [Mapping]) {
      guard
        let match = line.firstMatch(
          of: /PERF_RECORD_MMAP2? .*\[0x([0-9a-f]+)\(0x([0-9a-f]+)\) @ .*\]: \S+ (.*)/),
        let start = UInt(match.1, radix: 16), let length = UInt(match.2, radix: 16)
      else { return nil }
      let end = start + length
      let isAnonymous = match.3 == "//anon"
      if isAnonymous, let last = earlier.last, last.range.upperBound == start {
        // A file's variables without a value are a mapping of their own behind it.
        range = start..<end
        name = last.name
      } else if isAnonymous, let joined = earlier.last(where: { $0.range.lowerBound == start }),
        joined.range.upperBound < end
      {
        // The kernel joined a new mapping with the one before it, and shows both.
        range = joined.range.upperBound..<end
        name = String(match.3)
      } else {
        range = start..<end
        name = String(match.3)
      }
    }
  }
}

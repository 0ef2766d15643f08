import CHakmem
import Foundation
import Testing

@testable import HakmemToolKit

/// A small program that holds memory of every kind and waits.
extension WatchedProgram {
  fileprivate static func holding(environment: [String: String] = [:]) throws -> WatchedProgram {
    let folder = Scratch()
    defer { withExtendedLifetime(folder) {} }
    let program = try ChildProcess.compile(program: "real/holding", in: folder)
    let running = try WatchedProgram(program, environment: environment)
    try #require(running.figures.count == 6)
    return running
  }

  /// Blocks, and bytes: live, medium, large, in thread caches, in the depot; as it counted itself.
  fileprivate var figures: [Int] {
    greeting.split(whereSeparator: \.isWhitespace).compactMap { Int($0) }
  }
}

@Suite(
  .enabled(
    if: Built.library != nil && Built.compiler != nil, "no library beside the tests, or no compiler"
  ))
struct InspectionTests {
  private let library = Built.library ?? ""

  private func inspect(_ pid: Int32) throws -> Inspection {
    let outcome = try Tool.run(["stats", "--pid", "\(pid)", "--json", "--library", library])
    try #require(outcome.ending == .exited(0), "\(outcome.errors)")
    let decoder = JSONDecoder()
    decoder.keyDecodingStrategy = .convertFromSnakeCase
    return try decoder.decode(Inspection.self, from: Data(outcome.output.utf8))
  }

  @Test func theViewAgreesWithTheProcessItself() throws {
    let program = try WatchedProgram.holding()
    let heap = try inspect(program.pid).statistics
    #expect(
      [
        heap.liveBlocks, heap.liveBytes, heap.liveMediumBytes, heap.liveLargeBytes,
        heap.threadCacheBytes, heap.depotBytes,
      ] == program.figures)
    let kept = try #require(heap.classes.first { $0.blockSize == 1024 })
    #expect(kept.liveBlocks >= 1250)
    #expect(heap.threadCaches == 1)
  }

  @Test func theLedgerSumsToWhatTheKernelCounts() throws {
    let program = try WatchedProgram.holding()
    let ledger = try inspect(program.pid).ledger
    let rollup = try #require(TextFile.read("/proc/\(program.pid)/smaps_rollup"))
    let resident = try #require(
      rollup.split(separator: "\n").first { $0.hasPrefix("Rss:") }?
        .split(separator: " ").dropFirst().first.flatMap { Int($0) })
    #expect(ledger.sum == ledger.resident)
    #expect(abs(ledger.sum - resident << 10) * 100 <= resident << 10)
    #expect(abs(ledger.resident(.changing)) * 100 <= ledger.resident)
    #expect(ledger.resident(.liveLarge) == 8 << 20)
    // 6 runs of 80 pages, of 74 of which the program touched all.
    #expect(ledger.resident(.liveMedium) == 6 * 74 * 4096)
    #expect(ledger.resident(.libc) > 0 && ledger.resident(.stack) > 0)
    #expect(ledger.lines.allSatisfy { !$0.release.isEmpty && $0.resident <= max($0.total, 4096) })
  }

  @Test func sparseSuperSlabsAreNamedWithWhoHoldsThem() throws {
    let program = try WatchedProgram.holding()
    let found = try inspect(program.pid)
    let pin = try #require(found.ledger.pins.first)
    #expect(pin.holders.first?.blockSize == 1024)
    #expect(pin.live * 2 <= pin.resident)
    let text = LedgerText.lines(found)
    #expect(text.contains { $0.contains("× 1024 B") })
    // The first line names the program, whose path may be long.
    #expect(text.dropFirst().allSatisfy { $0.count <= 100 })
  }

  @Test func theMapShowsEverySuperSlab() throws {
    let program = try WatchedProgram.holding()
    let found = try inspect(program.pid)
    #expect(found.map.large.contains { $0.isLive && $0.bytes == 8 << 20 && $0.resident == 8 << 20 })
    let live = found.map.superSlabs.reduce(0) { $0 + $1.live }
    #expect(live == found.statistics.liveBytes - found.statistics.liveLargeBytes)
    let outcome = try Tool.run(["map", "--pid", "\(program.pid)", "--library", library])
    #expect(outcome.output.contains("8.00 MiB, 8.00 MiB resident"))
    let lines: [Substring] = outcome.output.split(separator: "\n")
    #expect(lines.dropFirst().allSatisfy { $0.count <= 100 })
  }

  @Test func metricsKeepTheOpenMetricsFormat() throws {
    let program = try WatchedProgram.holding()
    let lines = OpenMetricsText.lines(try inspect(program.pid))
    #expect(lines.last == "# EOF")
    var families: [String: String] = [:]
    var seen: Set<String> = []
    for line in lines.dropLast() {
      let words = line.split(separator: " ").map(String.init)
      if words[0] == "#" {
        if words[1] == "TYPE" { families[words[2]] = words[3] }
        if words[1] == "UNIT" { #expect(words[2].hasSuffix("_" + words[3])) }
        continue
      }
      #expect(words.count == 2 && Int(words[1]) != nil, "\(line)")
      let sample = String(words[0].prefix { $0 != "{" })
      let isCounter = families[String(sample.dropLast("_total".count))] == "counter"
      #expect(isCounter || families[sample] == "gauge", "\(line)")
      #expect(seen.insert(words[0]).inserted, "\(line)")
    }
  }

  @Test func aToolThatRunsOnHakmemItselfLooksIntoOthers() throws {
    let program = try WatchedProgram.holding()
    // Past the copy of the tool that has a clean environment: the library is in use here.
    let arguments = [Inspection.command, "\(program.pid)", library]
    let look = { try Tool.run(arguments, environment: ["LD_PRELOAD": self.library]) }
    var outcome = try look()
    // Where the two processes' address spaces collide, another one is needed.
    while outcome.ending == .exited(Inspection.occupiedStatus) { outcome = try look() }
    let found = try JSONDecoder().decode(Inspection.self, from: Data(outcome.output.utf8))
    #expect(found.statistics.liveBytes == program.figures[1])
  }

  @Test func whatCannotBeLookedIntoGetsASentence() throws {
    func sentence(_ pid: Int32, _ library: String) throws -> String {
      let outcome = try Tool.run(["stats", "--pid", "\(pid)", "--library", library])
      #expect(outcome.ending == .exited(1), "\(outcome.output)")
      return outcome.errors
    }
    #expect(try sentence(.max, library).contains("There is no process 2147483647."))
    #expect(try sentence(getpid(), library).contains("does not run on HAKMEM"))
    let program = try WatchedProgram.holding()
    let scratch = Scratch()
    let other = scratch.write("libhakmem.so", "another build")
    #expect(try sentence(program.pid, other).contains("another build of HAKMEM"))
    program.kill()
    let ended = try sentence(program.pid, library)
    #expect(ended.contains("ended") || ended.contains("no process"), "\(ended)")
  }

  @Test func aPageIsUsedWhereMemoryIsNotRead() throws {
    let program = try WatchedProgram.holding(environment: ["HAKMEM_STATS_PAGE": "1"])
    let page = try #require(PublishedPage.find(pid: program.pid))
    #expect(page.pid == program.pid && page.version == Version.tool)
    let scratch = Scratch()
    let other = scratch.write("libhakmem.so", "another build")
    let outcome = try Tool.run(["stats", "--pid", "\(program.pid)", "--library", other])
    #expect(outcome.ending == .exited(0), "\(outcome.errors)")
    #expect(outcome.output.contains("from its page"))
    #expect(outcome.output.contains("another build of HAKMEM"))
    program.end()
    #expect(PublishedPage.find(pid: program.pid) == nil)
  }

  @Test func eventsOutliveACrash() throws {
    let scratch = Scratch()
    let source = scratch.write(
      "twice.c",
      """
      #include <stdlib.h>
      int main(void) { void *volatile p = malloc(4 << 20); free(p); free(p); }
      """)
    let program = "\(scratch.path)/twice"
    let compilation = try ChildProcess(
      program: Built.compiler ?? "cc", arguments: ["-fno-builtin", "-w", source, "-o", program]
    ).run()
    try #require(compilation.ending == .exited(0), "\(compilation.errors)")
    let process = Process()
    process.executableURL = URL(fileURLWithPath: program)
    process.environment = ["LD_PRELOAD": library, "HAKMEM_STATS_PAGE": "1"]
    process.standardError = FileHandle.nullDevice
    try process.run()
    process.waitUntilExit()
    #expect(process.terminationReason == .uncaughtSignal)
    let pid = process.processIdentifier
    let page = try #require(PublishedPage.find(pid: pid))
    #expect(page.events.last?.kind == .corruption)
    let text = try Tool.run(["stats", "--pid", "\(pid)"])
    #expect(text.output.contains("the process has ended"))
    #expect(text.output.contains("a double free: 0x"))
    #expect(try Tool.run(["top"]).output.contains("ended; "))
    // Not until somebody has seen it.
    #expect(unlink(page.path) == 0)
  }

  @Test func topPrintsOnceWhereThereIsNoTerminal() throws {
    let program = try WatchedProgram.holding()
    let outcome = try Tool.run([
      "top", "\(program.pid)", "--interval", "0.1", "--library", library,
    ])
    #expect(outcome.ending == .exited(0), "\(outcome.errors)")
    #expect(outcome.output.contains("taken/s"))
    #expect(!outcome.output.contains("\u{1b}"))
    let lines: [Substring] = outcome.output.split(separator: "\n")
    #expect(lines.dropFirst().allSatisfy { $0.count <= 100 })
    #expect(try Tool.run(["top"]).output.contains("\(program.pid)"))
  }

  @Test(.enabled(if: geteuid() == 0 && Built.isExecutable("/usr/bin/setpriv"), "not root"))
  func anotherUsersProcessIsRefused() throws {
    let program = try WatchedProgram.holding()
    let outcome = try ChildProcess(
      program: "/usr/bin/setpriv",
      arguments: [
        "--reuid", "65534", "--clear-groups", Built.tool, "stats", "--pid", "\(program.pid)",
        "--library", library,
      ]
    ).run()
    #expect(outcome.ending != .exited(0))
    #expect(outcome.errors.contains("may not be looked into") || outcome.errors.contains("setpriv"))
  }
}

@Suite struct MemoryTests {
  @Test func smapsAreRead() {
    let areas = MemoryArea.parse(
      """
      7f00000000-7f00200000 rw-p 00000000 00:00 0                    [anon:hakmem blocks]
      Rss:                1024 kB
      AnonHugePages:         0 kB
      LazyFree:             64 kB
      VmFlags: rd wr mr mw me ac sd
      7f00300000-7f00301000 r-xp 00001000 08:01 42   /opt/a b/libx.so (deleted)
      Rss:                   4 kB
      Swap:                  8 kB
      """)
    #expect(areas.count == 2)
    #expect(areas[0].name == "[anon:hakmem blocks]")
    #expect(areas[0].addresses == 0x7f_0000_0000..<0x7f_0020_0000)
    #expect(areas[0].resident == 1 << 20 && areas[0].lazilyFreed == 64 << 10)
    #expect(areas[1].name == "/opt/a b/libx.so (deleted)")
    #expect(areas[1].fileOffset == 4096 && areas[1].swapped == 8192)
  }

  @Test func pagesOfUnknownFormatsAreNoPages() {
    var bytes = [UInt8](repeating: 0, count: 24576)
    #expect(PublishedPage(path: "", bytes: bytes) == nil)
    bytes.replaceSubrange(0..<7, with: Array("hakmem\n".utf8))
    #expect(PublishedPage(path: "", bytes: bytes) == nil)
    bytes[8] = UInt8(HAKMEM_PAGE_FORMAT)
    // No class and no event has room.
    #expect(PublishedPage(path: "", bytes: bytes) == nil)
    bytes[56] = 64
    bytes[68] = 48
    #expect(PublishedPage(path: "", bytes: bytes) != nil)
    // A ring beyond the file's end.
    bytes[66] = 1
    #expect(PublishedPage(path: "", bytes: bytes) == nil)
    #expect(PublishedPage(path: "", bytes: Array(bytes.prefix(100))) == nil)
  }

  @Test func countersOfAProcessWithAStrangeNameAreRead() throws {
    let text = "7 (a) b (c) S 1 7 7 0 -1 4194304 123 0 45 0 200 100 0 0 20 0 1 0 1 1 1"
    let counters = try #require(ProcessCounters(stat: text))
    #expect(counters.minorFaults == 123 && counters.majorFaults == 45)
    #expect(counters.processorSeconds == 300 / Double(sysconf(Int32(_SC_CLK_TCK))))
  }

  @Test func linesAreCutWithoutTheirColours() {
    #expect(LiveScreen.cut("abc", to: 2) == "ab")
    #expect(LiveScreen.cut("\u{1b}[1mabc\u{1b}[0m", to: 2) == "\u{1b}[1mab\u{1b}[0m")
  }

  private static func stretch(_ addresses: Range<UInt>, _ area: Int) -> PresentPages.Stretch {
    PresentPages.Stretch(addresses: addresses, isHuge: false, area: area)
  }

  @Test func presentPartsAreFoundInAnyOrder() {
    let present = PresentPages(stretches: [
      Self.stretch(10..<20, 0), Self.stretch(30..<40, 0), Self.stretch(50..<60, 1),
    ])
    var cursor = 0
    for (asked, expected) in [
      (0..<5, 0), (15..<35, 10), (0..<100, 30), (50..<52, 2), (20..<30, 0), (39..<51, 2),
      (5..<11, 1), (70..<80, 0), (12..<13, 1),
    ] as [(Range<UInt>, Int)] {
      var bytes = 0
      present.forEachPart(of: asked, cursor: &cursor) { part, _ in bytes += part.count }
      #expect(bytes == expected, "\(asked)")
    }
  }

  @Test func theRestOfAnAreaIsItsOwn() {
    var heap = MemoryArea(addresses: 0x20_0000..<0x40_0000)
    heap.name = "[anon:hakmem blocks]"
    heap.resident = 12 << 10
    var stack = MemoryArea(addresses: 0x50_1000..<0x51_0000)
    stack.resident = 8 << 10
    var guardPage = MemoryArea(addresses: 0x50_0000..<0x50_1000)
    guardPage.permissions = "---p"
    guardPage.resident = 0
    let present = PresentPages(stretches: [Self.stretch(0x20_0000..<0x20_3000, 0)])
    var builder = LedgerBuilder(
      areas: [heap, guardPage, stack], present: present, library: "/l", program: "/p",
      blockSize: { _ in 4096 })
    builder.add(
      hakmem_stretch_t(
        start: 0x20_0000, size: 4096, blocks: 1, state: HAKMEM_LIVE, size_class: 40))
    builder.add(
      hakmem_stretch_t(
        start: 0x20_1000, size: 4096, blocks: 1, state: HAKMEM_IN_SLAB, size_class: 40))
    let ledger = builder.ledger(roundingBound: 0)
    #expect(ledger.resident(.liveSmall) == 4096)
    #expect(ledger.resident(.freeInSlabs) == 4096)
    #expect(ledger.resident(.changing) == 4096)
    #expect(ledger.resident(.threadStacks) == 8192)
    #expect(ledger.sum == ledger.resident && ledger.sum == 20 << 10)
  }
}

import Foundation
import Testing

@testable import HakmemToolKit

/// `hakmem profile` on programs whose behaviour is known.
@Suite(.serialized, .enabled(if: Built.library != nil && Built.compiler != nil))
struct ProfileTests {
  /// The kernel lets this user sample page faults, those inside system calls included.
  static let mayProfile = PerfSession(threads: [getpid()], onExec: false).seesAll

  @Test(.enabled(if: mayProfile, "the kernel lets this user sample no page faults"))
  func everyFaultHasItsOwner() throws {
    let scratch = Scratch()
    let program = try ChildProcess.compile(program: "profile/known_faults", in: scratch)
    let folder = "\(scratch.path)/report"
    let outcome = try Tool.run([
      "profile", "--output", folder, "--library", Built.library!, "--heap", "0", "--option",
      // Otherwise pages are given ahead of their use, by system calls.
      "SS_PREFAULT=0", "--", program,
      "\(scratch.path)/file",
    ])
    #expect(outcome.ending == .exited(0), "\(outcome.errors)")
    let result = try ProfileResult(reportIn: folder)
    let faults = try #require(result.faults)
    #expect(sampled(faults) == faults.counted)
    #expect(faults.charged >= faults.sampled && faults.charged - faults.sampled < 200)
    #expect(!faults.owners.contains { $0.owner == "filled ahead for the allocator" })
    let expected = [
      "small blocks": 4000, "medium blocks": 4000, "large blocks": 8000, "other mappings": 4000,
      "thread-local storage": 4000, "stacks": 1200, "the program's file": 4000,
      "mapped files": 4000,
    ]
    for (owner, count) in expected {
      let row = try #require(faults.owners.first { $0.owner == owner }, "\(owner)")
      #expect(abs(row.faults - count) <= count / 100, "\(owner): \(row.faults)")
    }
    let large = faults.owners.first { $0.owner == "large blocks" }
    #expect(large?.causes == ["first touch": 4000, "copy after fork": 4000])
    #expect(faults.classes.filter { $0.faults > 100 }.map(\.blockBytes) == [2048])
    let threadLocal = faults.owners.first { $0.owner == "thread-local storage" }
    #expect(threadLocal?.phases["start"] ?? 0 >= 3990)
    let stacks = TextFile.read("\(folder)/page-faults.folded") ?? ""
    #expect(
      stacks.split(separator: "\n").contains {
        $0.contains("main;") && $0.contains("touch_pages") && $0.hasSuffix("[small blocks] 4000")
      } || stacks.contains("main;[small blocks] 4000"))
  }

  /// Faults of the owners that have samples.
  private func sampled(_ faults: ProfileResult.Faults) -> Int {
    faults.owners.filter { Owner.Kind(rawValue: $0.owner)?.isSampled == true }
      .reduce(0) { $0 + $1.faults }
  }

  /// Pages that system calls fill ahead of their use are no page-fault events.
  @Test(.enabled(if: mayProfile, "the kernel lets this user sample no page faults"))
  func pagesFilledAheadAreCountedToo() throws {
    func faults(prefault: Int) throws -> ProfileResult.Faults {
      let scratch = Scratch()
      let program = try ChildProcess.compile(program: "profile/known_faults", in: scratch)
      let (result, _) = try profile(
        program, ["\(scratch.path)/file"], in: scratch,
        ["--heap", "0", "--option", "SS_PREFAULT=\(prefault)"])
      return try #require(result.faults)
    }
    func count(_ owner: String, _ faults: ProfileResult.Faults) -> Int {
      faults.owners.first { $0.owner == owner }?.faults ?? 0
    }
    let without = try faults(prefault: 0)
    let with = try faults(prefault: 1)
    for faults in [without, with] {
      #expect(faults.owners.reduce(0) { $0 + $1.faults } == faults.charged)
      #expect(sampled(faults) == faults.counted)
    }
    // What no longer faults in the 4000 pages of small blocks was filled ahead, up to seven pages too far.
    let ahead = count("filled ahead for the allocator", with)
    let moved = count("small blocks", without) - count("small blocks", with)
    #expect(moved > 3000 && (moved..<(moved + 64)).contains(ahead), "\(ahead), \(moved) moved")
    let rest = "filled by other system calls"
    #expect(abs(count(rest, with) - count(rest, without)) < 16, "\(with.owners)")
  }

  private func profile(
    _ program: String, _ arguments: [String] = [], in scratch: Scratch, _ options: [String] = []
  ) throws -> (result: ProfileResult, folder: String) {
    let report = try profileWithOutput(program, arguments, in: scratch, options)
    return (report.result, report.folder)
  }

  private func profileWithOutput(
    _ program: String, _ arguments: [String] = [], in scratch: Scratch, _ options: [String] = []
  ) throws -> (result: ProfileResult, folder: String, output: String) {
    let folder = "\(scratch.path)/report"
    let outcome = try Tool.run(
      ["profile", "--output", folder, "--library", Built.library!] + options + ["--", program]
        + arguments)
    try #require(outcome.ending == .exited(0), "\(outcome.errors)")
    return (try ProfileResult(reportIn: folder), folder, outcome.output)
  }

  @Test func aLeakIsFoundWithItsStack() throws {
    let scratch = Scratch()
    let program = try ChildProcess.compile(program: "profile/known_heap", in: scratch)
    let (result, folder, output) = try profileWithOutput(program, in: scratch, ["--heap", "1"])
    let heap = try #require(result.heap)
    // The allocator's own statistics, to the byte.
    let mine = heap.stacks.filter { $0.stack.contains { $0.hasPrefix("main") } }
    let figures = mine.reduce((0, 0)) { ($0.0 + $1.liveCount, $0.1 + $1.liveBytes) }
    #expect(output.contains("\(figures.0) blocks, \(figures.1) bytes"), "\(figures): \(output)")
    let leak = try #require(heap.stacks.first)
    #expect(leak.stack.first?.hasPrefix("leak_this") == true)
    #expect(leak.stack.dropFirst().first?.hasPrefix("main") == true)
    #expect(leak.liveCount == 20_005 && leak.liveBytes == 20_000 * 512 + 5 * (8 << 20))
    #expect(heap.liveCount - leak.liveCount < 50, "\(heap.stacks.map(\.stack))")
    let brief = heap.stacks.first { $0.stack.first?.hasPrefix("use_briefly") == true }
    #expect(brief?.temporaryCount == 100_000 && brief?.liveBytes == 0)
    let held = heap.stacks.first { $0.stack.first?.hasPrefix("hold_for_a_while") == true }
    #expect(held?.peakBytes == 1000 * 100_000)
    #expect(TextFile.read("\(folder)/report.txt")?.contains("95.4 MiB live then, ") == true)
    // An independent reader.
    if Built.isExecutable("/usr/bin/go") {
      let top = try ChildProcess(
        program: "/usr/bin/go",
        arguments: ["tool", "pprof", "-top", "-sample_index=live_bytes", "\(folder)/heap.pb.gz"],
        environment: ProcessInfo.processInfo.environment
      ).run()
      #expect(top.output.contains("100%  leak_this"), "\(top.output)\(top.errors)")
    }
    #expect(TextFile.read("\(folder)/live-bytes.folded")?.contains("main;leak_this") == true)
    let speedscope = try JSONSerialization.jsonObject(
      with: Data(contentsOf: URL(fileURLWithPath: "\(folder)/profile.speedscope.json")))
    #expect((speedscope as? [String: Any])?["profiles"] != nil)
  }

  @Test func aForkedChildsBlocksAreSeenToo() throws {
    let scratch = Scratch()
    let program = try ChildProcess.compile(program: "profile/fork_leaks", in: scratch)
    let (result, _) = try profile(program, in: scratch, ["--heap", "1"])
    let heap = try #require(result.heap)
    for (function, count, bytes) in [("keep_in_parent", 500, 1000), ("keep_in_child", 300, 2000)] {
      let kept = heap.stacks.filter { $0.stack.contains { $0.hasPrefix(function) } }
      #expect(kept.map(\.liveCount) == [count] && kept.map(\.liveBytes) == [count * bytes])
    }
  }

  @Test func samplesEstimateTheWhole() throws {
    let scratch = Scratch()
    let program = try ChildProcess.compile(program: "profile/known_heap", in: scratch)
    let (result, _, output) = try profileWithOutput(program, in: scratch, ["--heap", "65536"])
    let heap = try #require(result.heap)
    // What the allocator's own statistics say that is live; a block that is a sample has its own page.
    #expect(output.contains("20005 blocks, 52"), "\(output)")
    #expect(abs(Double(heap.liveBytes) / 52_183_040 - 1) < 0.08, "\(heap.liveBytes)")
    // One block that comes and goes is counted each time: 1526 samples.
    let brief = heap.stacks.first { $0.stack.first?.hasPrefix("use_briefly") == true }
    #expect(abs(Double(brief?.totalBytes ?? 0) / 100_000_000 - 1) < 0.14)
    #expect(abs(Double(brief?.temporaryCount ?? 0) / 100_000 - 1) < 0.14)
    // About 3800 samples, those of large blocks exact: five standard deviations are 6 %.
    #expect(abs(Double(heap.totalBytes) / 452_000_000 - 1) < 0.06, "\(heap.totalBytes)")
    // 156 samples of the small blocks, the large ones are always seen.
    let leak = heap.stacks.first { $0.stack.first?.hasPrefix("leak_this") == true }
    let small = (leak?.liveBytes ?? 0) - 5 * (8 << 20)
    #expect(abs(Double(small) / 10_240_000 - 1) < 0.4, "\(small)")
  }

  /// Instructions of an operation of `random_mixed`, from two runs of different length.
  private func instructionsPerOperation(_ library: String, profile: String?) throws -> Double {
    let scratch = Scratch()
    let counts = try [200_000, 1_200_000].map { operations in
      var environment = ["LD_PRELOAD": library]
      environment["HAKMEM_PROFILE"] = profile
      let output = "\(scratch.path)/callgrind"
      let outcome = try ChildProcess(
        program: "/usr/bin/valgrind",
        arguments: [
          "-q", "--tool=callgrind", "--callgrind-out-file=\(output)", Built.workloads!,
          "random_mixed", "slots=256", "operations=\(operations)",
        ], environment: environment
      ).run()
      try #require(outcome.ending == .exited(0), "\(outcome.errors)")
      return try #require(TextFile.read(output).flatMap(CallgrindBench.total))
    }
    return Double(counts[1] - counts[0]) / 1_000_000
  }

  @Test(
    .enabled(if: !Built.isDebug, "a debug library counts its checks"),
    .enabled(if: Built.workloads != nil && Built.isExecutable("/usr/bin/valgrind"), "no valgrind")
  )
  func samplingCostsFewInstructions() throws {
    let scratch = Scratch()
    let library = "\(scratch.path)/libhakmem.so"
    let bytes = try #require(TextFile.bytes(Built.library!))
    try Data(DebugInformation.hidden(bytes)).write(to: URL(fileURLWithPath: library))
    let without = try instructionsPerOperation(library, profile: nil)
    let with = try instructionsPerOperation(library, profile: scratch.path)
    #expect(with > without && with < 1.04 * without, "\(with) instead of \(without)")
  }

  /// What keeps sparse SuperSlabs is known with its stack, exactly or from samples.
  @Test(arguments: [1, 4096]) func whoPinsASuperSlabIsNamed(distance: Int) throws {
    let scratch = Scratch()
    let folder = (scratch.write("profile/empty", "") as NSString).deletingLastPathComponent
    let program = try WatchedProgram(
      try ChildProcess.compile(program: "profile/known_pins", in: scratch),
      environment: ["HAKMEM_PROFILE": folder, "HAKMEM_PROFILE_SAMPLE": "\(distance)"])
    defer { program.end() }
    let pid = program.pid
    let outcome = try Tool.run(["ledger", "--pid", "\(pid)", "--library", Built.library!, "--json"])
    let decoder = JSONDecoder()
    decoder.keyDecodingStrategy = .convertFromSnakeCase
    let ledger = try decoder.decode(Ledger.self, from: Data(outcome.output.utf8))
    let holders = ledger.pins.flatMap(\.holders).filter { $0.blockSize == 1024 }
    let holder = try #require(holders.first)
    let stacks = try #require(holder.stacks)
    #expect(stacks.count == 1 && stacks[0].functions.first == "keep_this", "\(stacks)")
    #expect(stacks[0].isOfAnySuperSlab == (distance > 1))
    if distance == 1 { #expect(stacks[0].blocks == holder.blocks) }
    let text = try Tool.run(["ledger", "--pid", "\(pid)", "--library", Built.library!]).output
    #expect(text.contains(": keep_this < main"), "\(text)")
  }

  @Test func aRunningProcessIsWatched() throws {
    let scratch = Scratch()
    let python = "/usr/bin/python3"
    try #require(Built.isExecutable(python))
    let work = """
      import time
      end = time.time() + 60
      print(flush=True)
      while time.time() < end:
          rows = [{'n': i, 's': 'x' * (i % 3000)} for i in range(3000)]
      """
    let program = try WatchedProgram(python, ["-c", work])
    defer { program.kill() }
    let folder = "\(scratch.path)/report"
    let outcome = try Tool.run([
      "profile", "--pid", "\(program.pid)", "--seconds", "2", "--output", folder,
      "--heap", "4096", "--library", Built.library!,
    ])
    #expect(outcome.ending == .exited(0), "\(outcome.errors)")
    let result = try ProfileResult(reportIn: folder)
    #expect(result.heap?.samples ?? 0 > 100, "\(result.notes)")
    let ledger = try #require(result.ledger, "\(result.notes)")
    #expect(ledger.resident > 0 && ledger.sum == ledger.resident)
    #expect(program.isRunning)
  }

  /// It makes no call by which the library would notice; what is read from outside is there.
  @Test func ofAnIdleProcessTheNotesSayWhatIsMissing() throws {
    let scratch = Scratch()
    let program = try WatchedProgram("/bin/cat", reading: "x")
    defer { program.end() }
    let folder = "\(scratch.path)/report"
    let outcome = try Tool.run([
      "profile", "--pid", "\(program.pid)", "--seconds", "0.05", "--output", folder,
      "--library", Built.library!,
    ])
    #expect(outcome.ending == .exited(0), "\(outcome.errors)")
    let result = try ProfileResult(reportIn: folder)
    #expect(result.isPartial && result.heap == nil)
    #expect(result.ledger?.resident(.liveSmall) ?? 0 > 0, "\(result.notes)")
    let notes = [
      "The process made too few slow calls of the allocator to notice that it is watched.",
      "Its resident memory was read from outside: there nothing is missing.",
      "The library wrote no heap profile: bytes by call stack are missing.",
      "The library wrote no map of its memory: page faults in its blocks are counted as those of "
        + "other mappings.",
    ]
    #expect(notes.allSatisfy(result.notes.contains), "\(result.notes)")
  }

  @Test func theHeapIsShownFromTimeToTime() throws {
    let scratch = Scratch()
    let program = try ChildProcess.compile(program: "profile/growing_heap", in: scratch)
    let (result, folder, _) = try profileWithOutput(program, in: scratch, [])
    #expect(result.ending == "ended by SIGABRT")
    #expect(result.events?.last?.kind == .corruption, "\(result.events ?? [])")
    let ledger = try #require(result.ledger)
    #expect(ledger.sum == ledger.resident)
    let live = ledger.resident(.liveSmall)
    // Sampled blocks lie on pages of their own.
    #expect((11 << 20..<13 << 20).contains(live), "\(live)")
    #expect(ledger.resident(.liveLarge) >= 3 << 20)
    let frames = try JSONDecoder().decode(
      [HeapFrame].self, from: Data(contentsOf: URL(fileURLWithPath: "\(folder)/map.json")))
    // Of the two rests.
    let small = { (frame: HeapFrame, size: Int) in
      frame.superSlabs.reduce(0) { sum, slab in
        sum + zip(slab.sizes, slab.occupancy).reduce(0) { $0 + ($1.0 == size ? $1.1 : 0) }
      } * (64 << 10) / 100
    }
    let first = frames.first { small($0, 1024) > 3 << 20 && small($0, 64) < 1 << 20 }
    #expect(first != nil && first?.large.isEmpty == true, "\(frames.count) frames")
    let last = try #require(frames.last)
    #expect(small(last, 1024) > 3 << 20 && small(last, 64) > 7 << 20)
    #expect(last.large.contains { $0.isLive && $0.resident >= 3 << 20 })
    guard let browser = Built.browser else { return }
    let page = try render("\(folder)/index.html", in: browser)
    #expect(page.output.contains("data-frames=\"\(frames.count)\""))
    let cells = page.output.firstMatch(of: /data-cells="(\d+)"/).flatMap { Int($0.1) }
    #expect((cells ?? 0) >= 12 << 20 / (64 << 10), "\(cells ?? 0)")
    #expect(page.output.contains("a double free: 0x"))
    #expect(!page.errors.contains("CONSOLE"), "\(page.errors)")
  }

  /// What a browser makes of a page, and its complaints.
  private func render(_ page: String, in browser: String) throws -> ChildProcess.Outcome {
    try ChildProcess(
      program: browser,
      arguments: [
        "--headless", "--no-sandbox", "--disable-gpu", "--enable-logging=stderr", "--dump-dom",
        "file://\(page)",
      ], environment: ProcessInfo.processInfo.environment
    ).run()
  }

  @Test(.enabled(if: Built.browser != nil, "no Chromium to render the page"))
  func aPageWithManyStacksIsDrawnAtOnce() throws {
    let browser = try #require(Built.browser)
    let scratch = Scratch()
    var profile = StackProfile(title: "many", unit: "samples")
    for index in 0..<100_000 {
      profile.add(
        1 + index % 7,
        (0..<12).map { depth in
          StackProfile.Frame(function: "f\(depth)_\(index >> depth)", object: "</script>")
        })
    }
    let result = ProfileResult(
      command: ["many"], date: "", ending: "", seconds: 1, userSeconds: 1, systemSeconds: 0,
      peakKiB: 1, processes: 1, isPartial: false, notes: [])
    let page = try ProfilePage.html(ProfileRun.Outcome(result: result, profiles: [profile]))
    let path = scratch.write("page.html", page)
    let outcome = try render(path, in: browser)
    #expect(outcome.output.contains("data-drawn=\"1\""))
    #expect(profile.stacks.count == 100_000)
    // Of 200,000 boxes those are drawn that can be seen: twelve rows of at most 780 pixels.
    let boxes = outcome.output.firstMatch(of: /data-boxes="(\d+)"/).flatMap { Int($0.1) }
    #expect((12...25_000).contains(boxes ?? 0), "\(boxes ?? 0)")
    #expect(!outcome.errors.contains("CONSOLE"), "\(outcome.errors)")
  }

  @Test func whatTheKernelRefusesIsSaidAndTheRestIsKept() throws {
    try #require(getuid() == 0)
    let scratch = Scratch()
    chmod(scratch.path, 0o777)
    // As somebody who may not look into the kernel.
    let outcome = try ChildProcess(
      program: "/usr/bin/setpriv",
      arguments: [
        "--reuid=65534", "--regid=65534", "--clear-groups", Built.tool, "profile", "--output",
        "\(scratch.path)/report", "--library", Built.library!, "--", "/bin/true",
      ], environment: ["PATH": "/usr/bin:/bin"]
    ).run()
    #expect(outcome.ending == .exited(0), "\(outcome.errors)")
    let result = try ProfileResult(reportIn: "\(scratch.path)/report")
    #expect(result.isPartial)
    #expect(result.notes.contains { $0.contains("perf_event_paranoid") }, "\(result.notes)")
  }
}

import Foundation
import Testing

@testable import HakmemToolKit

/// What the commands that look at programs make of a full disk, of a process that ends, of files
/// without symbols; and `hakmem top` on a terminal and in a container.
@Suite(.serialized, .enabled(if: Built.library != nil && Built.compiler != nil))
struct AdversityTests {
  private static let isRoot = geteuid() == 0
  private static let hasNamespaces = isRoot && Built.isExecutable("/usr/bin/unshare")
  private let library = Built.library ?? ""
  private let scratch = Scratch()

  /// Runs a shell script that finds the tool as $TOOL, the library as $LIBRARY and the test's folder
  /// as $HERE, if need be in namespaces of its own.
  private func shell(_ script: String, namespaces: [String] = []) throws -> ChildProcess.Outcome {
    var environment = ProcessInfo.processInfo.environment.filter { !$0.key.hasPrefix("HAKMEM_") }
    environment["LD_PRELOAD"] = nil
    environment["TERM"] = "xterm"
    environment.merge(["TOOL": Built.tool, "LIBRARY": library, "HERE": scratch.path]) { $1 }
    var child = ChildProcess(
      program: namespaces.isEmpty ? "/bin/sh" : "/usr/bin/unshare",
      arguments: namespaces + (namespaces.isEmpty ? [] : ["/bin/sh"]) + ["-c", script],
      environment: environment)
    child.timeout = 60
    return try child.run()
  }

  // MARK: A full disk

  /// The disk has room for the text of the report and never for its page, of which 14 KiB are the same
  /// in every report.
  @Test(.enabled(if: hasNamespaces, "not root, or no unshare: no small disk can be mounted"))
  func aFullDiskLeavesWholeFilesAndAPartialReport() throws {
    let outcome = try shell(
      """
      mkdir "$HERE/disk" && mount -t tmpfs -o size=28k small "$HERE/disk" || exit 99
      "$TOOL" profile --output "$HERE/disk/report" --library "$LIBRARY" -- /bin/ls /usr >"$HERE/out"
      status=$?
      ls "$HERE/disk/report"; cat "$HERE/disk/report/index.txt" "$HERE/disk/report/report.json"
      exit $status
      """, namespaces: ["--mount"])
    #expect(outcome.ending == .exited(1), "\(outcome.errors)")
    #expect(outcome.errors.contains("No space left on device"), "\(outcome.errors)")
    #expect(outcome.errors.contains("index.html: No space left on device"), "\(outcome.errors)")
    // The index says so, though there may be no room for what is missing.
    #expect(outcome.output.contains("PARTIAL: "), "\(outcome.output)")
    // Sampled functions of the kernel may be called f.part.0.
    let unfinished = outcome.output.split(separator: "\n").filter { $0.hasSuffix(".part") }
    #expect(unfinished.isEmpty, "\(unfinished)")
    // What was written is whole, and says what the library could not write.
    #expect(outcome.output.contains("\"is_partial\" : true"), "\(outcome.output)")
    #expect(outcome.output.contains("wrote no map of its memory"), "\(outcome.output)")
    // The terminal shows the report all the same.
    #expect(TextFile.read("\(scratch.path)/out")?.contains("Page faults by owner") == true)
  }

  @Test(.enabled(if: hasNamespaces, "not root, or no unshare: no small disk can be mounted"))
  func aTraceOnAFullDiskIsRefusedWithASentence() throws {
    let outcome = try shell(
      """
      mkdir "$HERE/disk" && mount -t tmpfs -o size=128k small "$HERE/disk" || exit 99
      "$TOOL" record --output "$HERE/disk/trace" -- /bin/sh -c 'exit 7'
      """, namespaces: ["--mount"])
    #expect(outcome.ending == .exited(7), "\(outcome.errors)")
    #expect(outcome.errors.contains("no space left on the device"), "\(outcome.errors)")
  }

  @Test(arguments: ["stats", "ledger", "map", "top"])
  func outputThatCannotBeWrittenGetsASentence(command: String) throws {
    let program = try WatchedProgram.busy(in: scratch)
    defer { program.kill() }
    let which =
      command == "top" ? "top \(program.pid) --interval 0.1" : "\(command) --pid \(program.pid)"
    let outcome = try shell("\"$TOOL\" \(which) --library \"$LIBRARY\" >/dev/full")
    #expect(outcome.ending == .exited(1))
    #expect(
      outcome.errors == "hakmem: cannot write to standard output: No space left on device\n",
      "\(outcome.errors)")
  }

  // MARK: A process that ends

  @Test(arguments: ["profile --output $HERE/report", "run", "bench --rounds 3 --quick"])
  func aParentThatIgnoresItsChildrenChangesNothing(command: String) throws {
    let outcome = try shell("env --ignore-signal=CHLD \"$TOOL\" \(command) -- /bin/sh -c 'exit 0'")
    #expect(outcome.ending == .exited(0), "\(outcome.errors)")
  }

  @Test func aProcessThatIsKilledWhileItIsWatchedLeavesAPartialReport() throws {
    let program = try WatchedProgram.busy(in: scratch)
    defer { program.kill() }
    let folder = "\(scratch.path)/report"
    let outcome = try shell(
      """
      (while [ ! -e "\(folder)" ]; do sleep 0.1; done; sleep 1.5; kill -KILL \(program.pid)) &
      "$TOOL" profile --pid \(program.pid) --seconds 30 --heap 4096 --output "\(folder)"
      """)
    #expect(outcome.ending == .exited(0), "\(outcome.errors)")
    let result = try ProfileResult(reportIn: folder)
    #expect(result.isPartial)
    #expect(result.ending == "ended" && result.seconds < 20)
    #expect(result.notes.contains("The process ended while it was watched."))
    let stack = try #require(result.heap?.stacks.first)
    #expect(stack.stack.contains { $0.hasPrefix("take") }, "\(stack.stack)")
    #expect(TextFile.read("\(folder)/index.txt")?.contains("PARTIAL") == true)
  }

  @Test(arguments: ["stats --pid", "ledger --pid", "map --pid", "top", "profile --pid"])
  func aProcessThatHasEndedGetsASentence(command: String) throws {
    let program = try WatchedProgram.busy(in: scratch)
    program.kill()
    let outcome = try shell("cd \"$HERE\" && \"$TOOL\" \(command) \(program.pid)")
    #expect(outcome.ending == .exited(1))
    #expect(outcome.errors.contains("no process"), "\(outcome.errors)")
    #expect(outcome.errors.split(separator: "\n").count == 1)
    let files = try FileManager.default.contentsOfDirectory(atPath: scratch.path)
    #expect(files.allSatisfy { $0.hasPrefix("busy") }, "\(files)")
  }

  // MARK: Files without symbols

  @Test(.enabled(if: Built.isExecutable("/usr/bin/strip"), "no strip"))
  func functionsWithoutNamesGoByFileAndAddress() throws {
    let object = "\(scratch.path)/libnameless.so"
    try ChildProcess.compile([
      "-shared", "-fPIC", "-o", object,
      scratch.write(
        "nameless.c",
        """
        #include <stdlib.h>
        __attribute__((visibility("hidden"), noinline)) void *take(void) { return malloc(4000); }
        void *volatile kept;
        void nameless_run(void) { for (int index = 0; index < 1000; index++) kept = take(); }
        """),
    ])
    let program = "\(scratch.path)/caller"
    try ChildProcess.compile([
      scratch.write(
        "caller.c", "void nameless_run(void); int main(void) { nameless_run(); return 0; }"),
      object, "-Wl,-rpath,\(scratch.path)", "-o", program,
    ])
    #expect(
      try ChildProcess(program: "/usr/bin/strip", arguments: [object]).run().ending == .exited(0))
    let outcome = try shell(
      """
      "$TOOL" profile --heap 1 --output "$HERE/report" --library "$LIBRARY" -- "$HERE/caller"
      """)
    #expect(outcome.ending == .exited(0), "\(outcome.errors)")
    let result = try ProfileResult(reportIn: "\(scratch.path)/report")
    let stack = try #require(result.heap?.stacks.first)
    #expect(stack.liveCount == 1000)
    #expect(stack.stack.first?.hasPrefix("libnameless.so+0x") == true, "\(stack.stack)")
    #expect(stack.stack.contains { $0.hasPrefix("nameless_run") }, "\(stack.stack)")
    #expect(
      result.notes.contains { $0.contains("no symbols") && $0.contains("libnameless.so") },
      "\(result.notes)")
  }

  // MARK: A terminal, a container

  @Test(
    .enabled(if: Built.isExecutable("/usr/bin/script"), "no script(1) for a terminal"),
    arguments: ["(while sleep 1; do printf q || exit; done) |", "timeout --foreground -s INT 3"])
  func topOnATerminalLeavesItAsItWas(end: String) throws {
    let program = try WatchedProgram.busy(in: scratch)
    defer { program.kill() }
    let byKey = end.hasSuffix("|")
    let inside = """
      stty -a >"$HERE/before"
      \(byKey ? "" : end) "$TOOL" top \(program.pid) --interval 0.2 --library "$LIBRARY"
      echo "status $?"; stty -a >"$HERE/after"
      """
    let script = scratch.write("inside.sh", inside)
    let outcome = try shell(
      "\(byKey ? end : "sleep 4 |") script -q -c 'sh \(script)' /dev/null")
    #expect(outcome.output.contains("at hand  taken"), "\(outcome.output)")
    #expect(outcome.output.contains("q quits"))
    // The other screen was left, and the cursor is shown.
    #expect(outcome.output.contains("\u{1b}[?25h\u{1b}[?1049l"))
    let before = try #require(TextFile.read("\(scratch.path)/before"))
    #expect(before.contains("icanon") && TextFile.read("\(scratch.path)/after") == before)
  }

  @Test(.enabled(if: hasNamespaces, "not root, or no unshare"))
  func topWorksInAContainer() throws {
    _ = try WatchedProgram.buildBusy(in: scratch)
    let outcome = try shell(
      """
      LD_PRELOAD="$LIBRARY" "$HERE/busy" >"$HERE/ready" &
      while [ ! -s "$HERE/ready" ]; do sleep 0.1; done
      "$TOOL" top && "$TOOL" top $! --interval 0.2 --library "$LIBRARY"
      status=$?; kill -KILL $!; exit $status
      """, namespaces: ["--pid", "--mount", "--fork", "--mount-proc"])
    #expect(outcome.ending == .exited(0), "\(outcome.errors)")
    #expect(outcome.output.contains("/busy"), "\(outcome.output)")
    #expect(outcome.output.contains("taken/s"))
  }

  @Test(.enabled(if: hasNamespaces, "not root, or no unshare"))
  func topInAContainerLeavesThePagesOfProgramsOutside() throws {
    let program = try WatchedProgram.busy(in: scratch, environment: ["HAKMEM_STATS_PAGE": "1"])
    defer { program.kill() }
    let page = try #require(PublishedPage.find(pid: program.pid))
    let list = { try self.shell("\"$TOOL\" top", namespaces: ["--pid", "--fork", "--mount-proc"]) }
    #expect(try list().ending == .exited(0))
    #expect(PublishedPage(path: page.path)?.started == page.started)
    program.kill()
    #expect(try list().ending == .exited(0))
    #expect(access(page.path, F_OK) != 0)
  }

  /// A program that is killed while it makes its page leaves an empty file.
  @Test func topRemovesEmptyPages() throws {
    let noProcess = Int32.max
    let path = "/dev/shm/hakmem.\(getuid()).\(noProcess)"
    let maker = open(path, O_RDWR | O_CREAT | O_EXCL | O_CLOEXEC, 0o600)
    try #require(maker >= 0)
    #expect(try Tool.run(["top"]).ending == .exited(0))
    #expect(access(path, F_OK) == 0)
    close(maker)
    #expect(try Tool.run(["top"]).ending == .exited(0))
    #expect(access(path, F_OK) != 0)
  }
}

import Foundation
import Testing

@testable import HakmemToolKit

@Suite struct DoctorTests {
  private static func object(
    _ path: String, defines: [String] = AllocationFunctions.c, needs: [String] = [],
    libraries: [String] = []
  ) -> LoadedObject {
    LoadedObject(
      path: path, soname: (path as NSString).lastPathComponent, needed: libraries,
      symbols: ELFFile.Symbols(defined: Set(defines), needed: Set(needs)))
  }

  private static func topics(_ findings: [Finding], from severity: Finding.Severity) -> [String] {
    findings.filter { $0.severity >= severity }.map(\.topic)
  }

  @Test func aProcessOnHakmemIsInOrder() {
    let scope = SymbolScope(inOrder: [
      Self.object("/bin/p", defines: []), Self.object("/lib/libhakmem.so"),
      Self.object("/lib/libc.so.6"),
    ])
    let findings = ScopeFindings.findings(scope, isRunning: true)
    #expect(findings.map(\.severity) == [.ok])
    let table = Serving.table(scope)
    #expect(table.map(\.kind) == ["HAKMEM"])
    #expect(table[0].functions == AllocationFunctions.c)
  }

  @Test func anotherAllocatorInFrontIsAProblem() {
    let scope = SymbolScope(inOrder: [
      Self.object("/lib/libjemalloc.so.2"), Self.object("/lib/libhakmem.so"),
      Self.object("/lib/libc.so.6"),
    ])
    let findings = ScopeFindings.findings(scope, isRunning: false)
    #expect(findings[0].severity == .problem)
    #expect(findings[0].text.contains("libjemalloc"))
    #expect(findings[0].remedy?.contains("hakmem run") == true)
  }

  @Test func aSplitHeapASanitizerAndASecondAllocatorAreFound() {
    let scope = SymbolScope(inOrder: [
      Self.object("/lib/libhakmem.so", defines: ["malloc", "calloc", "realloc"]),
      Self.object("/lib/libasan.so.8"), Self.object("/lib/libtcmalloc.so.4"),
      Self.object("/lib/libc.so.6"),
    ])
    let findings = ScopeFindings.findings(scope, isRunning: true)
    let problems = Self.topics(findings, from: .problem)
    #expect(problems == ["split", "sanitizer"])
    #expect(Self.topics(findings, from: .warning).contains("second"))
  }

  @Test func anAllocatorThatTheProgramWasLinkedWithIsNotSaidToBePreloaded() throws {
    let objects = [
      Self.object("/bin/redis", defines: [], libraries: ["libjemalloc.so.2", "libc.so.6"]),
      Self.object("/lib/libhakmem.so"), Self.object("/lib/libjemalloc.so.2"),
      Self.object("/lib/libc.so.6"),
    ]
    func second(preload: [String]) throws -> Finding {
      let scope = SymbolScope(inOrder: objects, preload: preload)
      let findings = ScopeFindings.findings(scope, isRunning: false)
      return try #require(findings.first { $0.topic == "second" })
    }
    let linked = try second(preload: ["/lib/libhakmem.so"])
    #expect(linked.severity == .note && linked.remedy == nil)
    #expect(linked.text.hasPrefix("/bin/redis is linked with /lib/libjemalloc.so.2 (jemalloc)."))
    #expect(linked.text.contains("Calls of malloc go to /lib/libhakmem.so"))
    #expect(linked.text.contains("mallctl"))
    let preloaded = try second(preload: ["/lib/libhakmem.so", "libjemalloc.so.2"])
    #expect(preloaded.severity == .warning)
    #expect(preloaded.remedy?.contains("LD_PRELOAD") == true)
  }

  @Test func glibcsStatisticsAreSaidToBeEmpty() {
    let scope = SymbolScope(inOrder: [
      Self.object("/lib/libmimalloc.so.2"),
      Self.object(
        "/lib/libc.so.6", defines: AllocationFunctions.c + AllocationFunctions.introspection),
    ])
    let findings = ScopeFindings.findings(scope, isRunning: true)
    #expect(findings.contains { $0.topic == "introspection" && $0.text.contains("malloc_info") })
  }

  @Test func theHostsStateIsReadFromItsFiles() {
    let scratch = Scratch()
    scratch.write("sys/kernel/mm/transparent_hugepage/enabled", "always madvise [never]\n")
    scratch.write("proc/sys/vm/overcommit_memory", "2\n")
    scratch.write("proc/sys/vm/max_map_count", "1000\n")
    scratch.write(
      "proc/7/limits",
      "Limit                     Soft Limit           Hard Limit           Units\n"
        + "Max address space         1073741824           unlimited            bytes\n")
    scratch.write("proc/7/cgroup", "0::/a/b\n")
    scratch.write("sys/fs/cgroup/a/memory.max", "268435456\n")
    scratch.write("sys/fs/cgroup/a/b/memory.max", "max\n")
    scratch.write("sys/fs/cgroup/a/b/memory.high", "200000000\n")
    scratch.write("sys/fs/cgroup/a/b/cpu.max", "150000 100000\n")
    let state = HostState.read(process: "7", root: scratch.path)
    #expect(state.hugePages == "never")
    #expect(state.overcommit == 2)
    #expect(state.maximumMappings == 1000)
    #expect(state.addressSpaceLimit == 1 << 30)
    #expect(state.memoryLimit == 256 << 20)
    #expect(state.memoryHigh == 200_000_000)
    #expect(state.processorQuota == 1.5)
    let findings = HostFindings.findings(state)
    #expect(
      Self.topics(findings, from: .warning) == ["overcommit", "max_map_count", "rlimit_as"])
    #expect(findings.filter { $0.severity == .warning }.allSatisfy { $0.remedy != nil })
  }

  @Test func controlGroupsOfVersionOneAreRead() {
    let scratch = Scratch()
    scratch.write("proc/self/cgroup", "5:memory:/x\n3:cpu,cpuacct:/y\n1:name=systemd:/\n")
    scratch.write("sys/fs/cgroup/memory/memory.limit_in_bytes", "9223372036854771712\n")
    scratch.write("sys/fs/cgroup/memory/x/memory.limit_in_bytes", "1048576\n")
    scratch.write("sys/fs/cgroup/cpu/y/cpu.cfs_quota_us", "50000\n")
    scratch.write("sys/fs/cgroup/cpu/y/cpu.cfs_period_us", "100000\n")
    let state = HostState.read(root: scratch.path)
    #expect(state.controlGroupVersion == 1)
    #expect(state.memoryLimit == 1 << 20)
    #expect(state.processorQuota == 0.5)
  }

  @Test func misspeltAndRefusedOptionsAreNamed() {
    let option = OptionTable.Option(
      name: "HAKMEM_VERBOSE", help: "", range: "0…1", defaultValue: "0", value: "0",
      source: "default")
    let table = OptionTable(version: "1", options: [option])
    let findings = OptionFindings.findings(
      variables: ["HAKMEM_VERBOS": "1", "HAKMEM_VERBOSE": "yes", "HAKMEM_LIBRARY": "/x"],
      table: table)
    #expect(findings.map(\.topic) == ["option", "option"])
    #expect(findings[0].remedy == "Did you mean HAKMEM_VERBOSE?")
    #expect(findings[1].text.contains("was not accepted"))
    #expect(OptionFindings.distance("kitten", "sitting") == 3)
  }

  @Test func thisProcessIsServedBySomeLibc() throws {
    let report = try Doctor(location: LibraryLocation(environment: [:])).process(getpid())
    let malloc = report.serving.first { $0.functions.contains("malloc") }
    #expect(malloc != nil)
    #expect(report.findings == report.findings.sorted { $0.severity > $1.severity })
  }

  /// As redis, nginx and postgres do, which show a title where their environment was.
  @Test func whoServesIsKnownOfAProcessThatOverwroteItsEnvironment() throws {
    let scratch = Scratch()
    let source = scratch.write(
      "title.c",
      """
      #include <string.h>
      #include <unistd.h>
      extern char **environ;
      int main(void) {
        for (char **entry = environ; *entry; entry++) memset(*entry, 0, strlen(*entry));
        if (write(STDOUT_FILENO, "\\n", 1) != 1) return 1;
        char byte;
        while (read(STDIN_FILENO, &byte, 1) > 0) {}
      }
      """)
    let program = "\(scratch.path)/title"
    try ChildProcess.compile([source, "-o", program])
    let process = try WatchedProgram(program)
    #expect(ProcessEnvironment.read(pid: process.pid)?["LD_PRELOAD"] == nil)
    let report = try Doctor(location: LibraryLocation(environment: [:])).process(process.pid)
    let malloc = try #require(report.serving.first { $0.functions.contains("malloc") })
    #expect(malloc.kind == "HAKMEM", "\(report.serving)")
    #expect(report.findings.contains { $0.topic == "environment" })
  }

  @Test func processesThatAreNotThereAreRefused() {
    #expect(throws: InspectionFailure("There is no process 2147483647.")) {
      try Doctor(location: LibraryLocation(environment: [:])).process(.max)
    }
  }

  @Test func theLoadersListIsRead() {
    let answer = LoaderTrace.parse(
      """
      \tlinux-vdso.so.1 (0x00007ffd)
      \t/opt/my lib/libhakmem.so (0x00007f00)
      \tlibc.so.6 => /lib/libc.so.6 (0x00007f01)
      \tlibgone.so => not found
      \t/lib64/ld-linux-x86-64.so.2 (0x00007f02)
      """)
    #expect(
      answer.libraries == [
        "/opt/my lib/libhakmem.so", "/lib/libc.so.6", "/lib64/ld-linux-x86-64.so.2",
      ])
    #expect(answer.missing == ["libgone.so"])
  }
}

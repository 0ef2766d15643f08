import Foundation
import HakmemTestSupport
import Testing

/// NUMA, on a simulated topology: processor 1 is a node of its own.
@Suite(
  .enabled(
    if: Allocator.underTest.isHakmem && ProcessInfo.processInfo.activeProcessorCount > 1,
    "only HAKMEM, only with two processors"))
struct `Threads of different nodes` {
  private func topology(_ files: [String: String]) throws -> TemporaryDirectory {
    let folder = try TemporaryDirectory()
    for (name, text) in files {
      let path = folder.path + "/" + name
      try FileManager.default.createDirectory(
        atPath: (path as NSString).deletingLastPathComponent, withIntermediateDirectories: true)
      try text.write(toFile: path, atomically: false, encoding: .utf8)
    }
    return folder
  }

  @Test func `have SuperSlabs of their own`() throws {
    let folder = try topology([
      "online": "0-1\n", "node0/cpulist": "0,2-63\n", "node1/cpulist": "1\n",
    ])
    try expectSuccess(
      of: "kernel/nodes.c", ["apart"], environment: ["HAKMEM_NUMA_NODES": folder.path])
  }

  @Test func `share them where there is one node, or none that can be read`() throws {
    try expectSuccess(of: "kernel/nodes.c", ["together"])
    let one = try topology(["online": "0\n", "node0/cpulist": "0-63\n"])
    let none = try topology(["online": "none\n"])
    for folder in [one, none] {
      try expectSuccess(
        of: "kernel/nodes.c", ["together"], environment: ["HAKMEM_NUMA_NODES": folder.path])
    }
  }

  @Test func `serve one another in every way`() throws {
    let folder = try topology([
      "online": "0,2\n", "node0/cpulist": "0\n", "node2/cpulist": "1-63\n",
    ])
    for program in ["lifecycle/remote_free.c 20000 2", "lifecycle/thread_churn.c 500"] {
      let words = program.split(separator: " ").map(String.init)
      try expectSuccess(
        of: words[0], Array(words.dropFirst()), environment: ["HAKMEM_NUMA_NODES": folder.path])
    }
  }
}

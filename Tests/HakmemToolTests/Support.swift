import Foundation

@testable import HakmemToolKit

/// What the tests find on the machine that runs them.
enum Built {
  /// The folder of the built products: the test program's own.
  static let folder = (LibraryLocation.ownExecutable as NSString).deletingLastPathComponent

  /// The tool. Test runners that live elsewhere leave the package's build folder.
  static let tool: String = {
    let package = URL(fileURLWithPath: #filePath).deletingLastPathComponent()
      .deletingLastPathComponent().deletingLastPathComponent().path
    let places = [folder, "\(package)/.build/debug", "\(package)/.build/release"]
    return places.map { "\($0)/hakmem-tool" }.first { access($0, X_OK) == 0 } ?? "hakmem-tool"
  }()

  /// Where the library and the workload program lie: another build's folder by `PRODUCTS_UNDER_TEST`.
  static let products = ProcessInfo.processInfo.environment["PRODUCTS_UNDER_TEST"] ?? folder
  static let isDebug = (products as NSString).lastPathComponent == "debug"
  static let library = LibraryLocation.absolute("\(products)/libhakmem.so")
  static let workloads = LibraryLocation.absolute("\(products)/hakmem-workload")

  /// A shared library that changes nothing when it is preloaded.
  static let harmlessLibrary: String? = ProcessMaps.files(TextFile.read("/proc/self/maps") ?? "")
    .first { $0.contains("/libm.so") || $0.contains("/libm-") }

  static let compiler = ["/usr/bin/cc", "/usr/bin/gcc", "/usr/bin/clang"].first(where: isExecutable)

  static let browser =
    ["/usr/bin/chromium", "/usr/bin/chromium-browser", "/usr/bin/google-chrome"]
    .first(where: isExecutable)

  static func isExecutable(_ path: String) -> Bool { access(path, X_OK) == 0 }
}

extension ProfileResult {
  /// What a profile's folder has for programs.
  init(reportIn folder: String) throws {
    let decoder = JSONDecoder()
    decoder.keyDecodingStrategy = .convertFromSnakeCase
    self = try decoder.decode(
      ProfileResult.self, from: Data(contentsOf: URL(fileURLWithPath: "\(folder)/report.json")))
  }
}

/// A folder that is gone after the test.
final class Scratch {
  let path: String

  init() {
    path = NSTemporaryDirectory() + "/hakmem-tests-\(UUID().uuidString)"
    try? FileManager.default.createDirectory(atPath: path, withIntermediateDirectories: true)
  }

  deinit { try? FileManager.default.removeItem(atPath: path) }

  /// Writes a file, with the folders above it, and returns its path.
  @discardableResult
  func write(_ name: String, _ text: String, mode: mode_t = 0o644) -> String {
    let file = "\(path)/\(name)"
    try? FileManager.default.createDirectory(
      atPath: (file as NSString).deletingLastPathComponent, withIntermediateDirectories: true)
    guard mode & 0o111 != 0 else {
      try? Data(text.utf8).write(to: URL(fileURLWithPath: file))
      chmod(file, mode)
      return file
    }
    // By another process: a program cannot be started while a file descriptor that writes to it is open, and
    // the children that other tests start at this moment may inherit any of this one.
    let source = write(name + ".source", text)
    _ = try? ChildProcess(
      program: "/usr/bin/install", arguments: ["-m", String(mode, radix: 8), source, file]
    ).run()
    try? FileManager.default.removeItem(atPath: source)
    return file
  }
}

/// Calls of the tool as a user makes them.
enum Tool {
  /// - Parameter environment: Added to an environment without HAKMEM's variables.
  static func run(
    _ arguments: [String], environment extra: [String: String] = [:]
  ) throws -> ChildProcess.Outcome {
    var environment = ProcessInfo.processInfo.environment.filter { !$0.key.hasPrefix("HAKMEM_") }
    environment["LD_PRELOAD"] = nil
    environment.merge(extra) { $1 }
    var child = ChildProcess(
      program: Built.tool, arguments: arguments, environment: environment)
    child.timeout = 60
    return try child.run()
  }
}

/// A program that keeps the workload program's contract, in shell: fast, and as wrong as asked.
enum FakeWorkloads {
  static func write(to scratch: Scratch) -> String {
    scratch.write("fake-workloads", script, mode: 0o755)
  }

  private static let script = #"""
    #!/bin/sh
    if [ "$1" = --list ]; then
      printf 'steady\toperations\tThe same every time.\tslots=256 threads=1\n'
      printf 'crash\toperations\tCrashes under a preload.\t\n'
      printf 'wrong\toperations\tFinds wrong contents.\t\n'
      printf 'hungry\toperations\tRuns out of memory.\t\n'
      exit 0
    fi
    name=$1; shift
    threads=1; latency=null; operations=1000
    for pair in "$@"; do
      case $pair in
        threads=*) threads=${pair#*=} ;;
        operations=*) operations=${pair#*=} ;;
        latency=1) latency='{"unit":"ns","counts":[[10,900],[20,90],[1000,9],[50000,1]]}' ;;
        floor=1) [ "$name" = steady ] || exit 2 ;;
        seconds=*|slots=*|seed=*) ;;
        *) echo "fake: unknown parameter $pair" >&2; exit 2 ;;
      esac
    done
    case $name in
      crash) [ -n "$LD_PRELOAD" ] && kill -SEGV $$ ;;
      wrong) exit 3 ;;
      hungry) exit 4 ;;
    esac
    echo "noise before the report"
    echo "{\"workload\":\"$name\",\"unit\":\"operations\",\"operations\":$operations,\"seconds\":0.5,\
    \"threads\":$threads,\"parameters\":{\"slots\":256,\"file\":\"\",\"none\":null},\
    \"peak_rss_kib\":2048,\"settled_rss_kib\":1024,\"minor_faults\":10,\
    \"counters\":{\"cycles\":null,\"instructions\":5000},\
    \"rss_timeline\":[[0,512],[10,2048],[20,1024]],\"latency\":$latency}"
    """#
}

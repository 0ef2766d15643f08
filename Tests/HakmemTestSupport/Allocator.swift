import Foundation

/// The allocator that the programs under test run on.
///
/// It is the `libhakmem.so` among the products, unless `HAKMEM_LIBRARY` names another library,
/// or is `glibc` for none at all. On another allocator the tests check themselves: what only
/// HAKMEM has is then skipped by name.
public struct Allocator: Sendable {
  /// The library to preload; nil for the C library's own allocator.
  public let path: String?

  public static let underTest = Allocator(
    path: locate(), isHakmem: locate().map { $0.contains("libhakmem") } ?? false)

  /// Whether it is HAKMEM, so that nothing may be skipped.
  public let isHakmem: Bool

  /// Where the library and the programs of the package under test lie: in `PRODUCTS_UNDER_TEST`, so that
  /// one build of the tests tries several builds of what they test, or beside the tests.
  public static let productsDirectory =
    ProcessInfo.processInfo.environment["PRODUCTS_UNDER_TEST"] ?? testsDirectory

  /// Whether these were built for debugging.
  public static let isDebug = (productsDirectory as NSString).lastPathComponent == "debug"

  /// The folder that SwiftPM puts the tests into, and these their programs.
  public static let testsDirectory: String = {
    let executable = try? FileManager.default.destinationOfSymbolicLink(atPath: "/proc/self/exe")
    return ((executable ?? CommandLine.arguments[0]) as NSString).deletingLastPathComponent
  }()

  /// How often long tests repeat, from `HAKMEM_TEST_SCALE`; 1 unless set.
  public static let scale =
    Int(
      ProcessInfo.processInfo.environment["HAKMEM_TEST_SCALE"] ?? "1") ?? 1

  private static func locate() -> String? {
    switch ProcessInfo.processInfo.environment["HAKMEM_LIBRARY"] {
    case "glibc": return nil
    case let path? where !path.isEmpty: return path
    default: return productsDirectory + "/libhakmem.so"
    }
  }

  /// Fails with one clear line when the library to test does not exist.
  public func requireExists() throws {
    if let path, !FileManager.default.fileExists(atPath: path) {
      throw HarnessError("\(path) does not exist; build it or name another in HAKMEM_LIBRARY")
    }
  }
}

/// What went wrong in the harness rather than in the allocator.
public struct HarnessError: Error, CustomStringConvertible {
  public let description: String

  public init(_ description: String) {
    self.description = description
  }
}

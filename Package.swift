// swift-tools-version: 6.2
import PackageDescription

/// Embedded Swift: no Swift runtime, libc alone. The allocator and everything that must not
/// allocate on its own is built so.
let embedded: [SwiftSetting] = [
  .enableExperimentalFeature("Embedded"),
  .unsafeFlags(["-enforce-exclusivity=unchecked", "-wmo"]),
  .unsafeFlags(["-Ounchecked"], .when(configuration: .release)),
]

let package = Package(
  name: "hakmem",
  products: [],
  targets: [
    // The public C interface: a header, imported by everything that calls the library.
    .systemLibrary(name: "CHakmem", path: "Sources/CHakmem/include")
  ]
)

// swift-tools-version: 6.2
import PackageDescription

/// Embedded Swift: no Swift runtime, libc alone. The allocator and everything that must not
/// allocate on its own is built so.
let embedded: [SwiftSetting] = [
  .enableExperimentalFeature("Embedded"),
  .unsafeFlags([
    "-enforce-exclusivity=unchecked", "-wmo", "-no-allocations", "-Xfrontend", "-function-sections",
    "-Xcc", "-fno-plt",
  ]),
  // Functions that begin on a cache line: malloc and free take a quarter less time so.
  .unsafeFlags(
    ["-Ounchecked", "-Xllvm", "-align-all-functions=6"], .when(configuration: .release)),
]

/// The standard names are aliases of the `hakmem_` ones: no jump between them.
let aliases: [(name: String, of: String)] =
  [
    "malloc", "free", "calloc", "realloc", "reallocarray", "reallocf", "memalign",
    "posix_memalign", "aligned_alloc", "valloc", "pvalloc", "malloc_usable_size", "free_sized",
    "free_aligned_sized", "malloc_trim", "mallinfo", "mallinfo2", "malloc_info", "malloc_stats",
    "mallopt",
  ].map { ($0, "hakmem_" + $0) } + [
    ("cfree", "hakmem_free"),
    ("malloc_iterate", "hakmem_iterate"),
    ("malloc_disable", "hakmem_disable"),
    ("malloc_enable", "hakmem_enable"),
    // operator new, new[]: plain, nothrow, aligned, aligned nothrow.
    ("_Znwm", "hakmem_operator_new"),
    ("_Znam", "hakmem_operator_new"),
    ("_ZnwmRKSt9nothrow_t", "hakmem_operator_new_nothrow"),
    ("_ZnamRKSt9nothrow_t", "hakmem_operator_new_nothrow"),
    ("_ZnwmSt11align_val_t", "hakmem_operator_new_aligned"),
    ("_ZnamSt11align_val_t", "hakmem_operator_new_aligned"),
    ("_ZnwmSt11align_val_tRKSt9nothrow_t", "hakmem_operator_new_aligned_nothrow"),
    ("_ZnamSt11align_val_tRKSt9nothrow_t", "hakmem_operator_new_aligned_nothrow"),
    // operator delete, delete[]: plain, nothrow, sized, aligned, sized aligned, aligned nothrow.
    ("_ZdlPv", "hakmem_free"),
    ("_ZdaPv", "hakmem_free"),
    ("_ZdlPvRKSt9nothrow_t", "hakmem_free"),
    ("_ZdaPvRKSt9nothrow_t", "hakmem_free"),
    ("_ZdlPvm", "hakmem_free_sized"),
    ("_ZdaPvm", "hakmem_free_sized"),
    ("_ZdlPvSt11align_val_t", "hakmem_free"),
    ("_ZdaPvSt11align_val_t", "hakmem_free"),
    ("_ZdlPvmSt11align_val_t", "hakmem_free_sized"),
    ("_ZdaPvmSt11align_val_t", "hakmem_free_sized"),
    ("_ZdlPvSt11align_val_tRKSt9nothrow_t", "hakmem_free"),
    ("_ZdaPvSt11align_val_tRKSt9nothrow_t", "hakmem_free"),
  ]

let libraryLinkage: [LinkerSetting] = [
  // gold and bfd would make the aliases protected, as what they stand for is: then ld.so warns at each
  // start of a program at a fixed address that takes the address of `free` (cc1).
  // Without libc's start files, which call through a linkage table far from the code that runs.
  .unsafeFlags(["-use-ld=lld", "-Xclang-linker", "-nostartfiles"]),
  .unsafeFlags(
    [
      // Threads that end call into the library: once loaded it stays.
      "--no-rosegment", "-z", "nodelete", "-z", "now", "-Bsymbolic", "--gc-sections",
      "--hash-style=gnu",
      "--version-script=\(Context.packageDirectory)/Sources/HakmemMalloc/exports.map",
      // What ordinary programs execute lies together: `make order`. A debug build has other names.
      "--symbol-ordering-file=\(Context.packageDirectory)/Sources/HakmemMalloc/hot.order",
      "--no-warn-symbol-ordering",
    ].flatMap { ["-Xlinker", $0] }
      + aliases.flatMap { ["-Xlinker", "--defsym=\($0.name)=\($0.of)"] }),
]

/// The workload programs start threads with function values, which the compiler takes for heap
/// allocations and refuses in the allocator; a test shows that nothing is allocated for them.
let embeddedProgram: [SwiftSetting] = [
  .enableExperimentalFeature("Embedded"),
  .unsafeFlags(["-enforce-exclusivity=unchecked", "-wmo"]),
  .unsafeFlags(["-Ounchecked"], .when(configuration: .release)),
]

/// Valgrind 3.19 cannot read the debug information of Swift 6.3 and gives up; callgrind must run on
/// the release build of the benchmarks. Symbols stay.
let withoutDebugInformation: [LinkerSetting] = [
  .unsafeFlags(["-Xlinker", "--strip-debug"], .when(configuration: .release))
]

let package = Package(
  name: "hakmem",
  products: [
    .library(name: "hakmem", type: .dynamic, targets: ["HakmemMalloc"]),
    .executable(name: "hakmem-workload", targets: ["HakmemWorkloadMain"]),
    .executable(name: "bench_random_mixed", targets: ["HakmemBenchRandomMixed"]),
    .executable(name: "bench_tiny_hot", targets: ["HakmemBenchTinyHot"]),
    .executable(name: "bench_allocators", targets: ["HakmemBenchAllocators"]),
    // The command-line tool, installed as `hakmem`: two products of one name would not link.
    .executable(name: "hakmem-tool", targets: ["HakmemTool"]),
  ],
  dependencies: [
    .package(url: "https://github.com/apple/swift-argument-parser", exact: "1.8.2"),
    .package(url: "https://github.com/HdrHistogram/hdrhistogram-swift", exact: "0.2.0"),
    .package(url: "https://github.com/hummingbird-project/swift-mustache", exact: "2.1.1"),
    .package(url: "https://github.com/onevcat/Rainbow", exact: "4.2.2"),
    .package(url: "https://github.com/ordo-one/TextTable", exact: "0.0.2"),
  ],
  targets: [
    // The public C interface: a header, imported by everything that calls the library.
    .systemLibrary(name: "CHakmem", path: "Sources/CHakmem/include"),

    // The allocator, a layer to each target; a layer imports those above it only.
    .target(name: "CHakmemShims", cSettings: [.unsafeFlags(["-fno-plt"])]),
    .target(
      name: "HakmemPlatform", dependencies: ["CHakmemShims", "CHakmem"], swiftSettings: embedded),
    .target(name: "HakmemPages", dependencies: ["HakmemPlatform"], swiftSettings: embedded),
    // The classes' block sizes, for the library and for the tools.
    .systemLibrary(name: "CHakmemClasses", path: "Sources/CHakmemClasses/include"),
    .target(
      name: "HakmemSlabs", dependencies: ["HakmemPages", "CHakmemClasses"], swiftSettings: embedded),
    .target(
      name: "HakmemRecorder", dependencies: ["HakmemPlatform", "CHakmemTrace"],
      swiftSettings: embedded),
    .target(
      name: "HakmemThreadCache", dependencies: ["HakmemSlabs", "HakmemRecorder"],
      swiftSettings: embedded),
    // Constructors, fork handlers and the throwing operators, which cannot be Swift.
    .target(
      name: "CHakmemEntry",
      cSettings: [.unsafeFlags(["-fexceptions", "-fno-omit-frame-pointer", "-fno-plt"])]),
    .target(
      name: "HakmemMalloc", dependencies: ["HakmemThreadCache", "CHakmem", "CHakmemEntry"],
      exclude: ["exports.map", "hot.order"], swiftSettings: embedded, linkerSettings: libraryLinkage
    ),

    // White-box tests of the layers: an embedded program, which a Swift test runs.
    .target(name: "CHakmemWhiteBox", path: "Tests/CHakmemWhiteBox"),
    .executableTarget(
      name: "HakmemWhiteBoxTests",
      dependencies: [
        "HakmemThreadCache", "HakmemRecorder", "HakmemSlabs", "HakmemPages", "HakmemPlatform",
        "CHakmemShims", "CHakmemWhiteBox",
      ],
      path: "Tests/HakmemWhiteBoxTests", swiftSettings: embeddedProgram),
    .testTarget(name: "HakmemUnitTests", dependencies: ["HakmemTestSupport"]),

    // The numbers of the trace format, for the recorder and for the replaying workload.
    .systemLibrary(name: "CHakmemTrace", path: "Sources/CHakmemTrace/include"),

    // The benchmark's workloads. They call malloc and run on any allocator by preload.
    .target(name: "HakmemWorkloadsSystem"),
    .target(
      name: "HakmemWorkloadsHarness", dependencies: ["HakmemWorkloadsSystem"],
      swiftSettings: embeddedProgram),
    .target(
      name: "HakmemWorkloads",
      dependencies: ["HakmemWorkloadsHarness", "HakmemWorkloadsSystem", "CHakmemTrace"],
      swiftSettings: embeddedProgram),
    .executableTarget(
      name: "HakmemWorkloadMain",
      dependencies: ["HakmemWorkloads", "HakmemWorkloadsHarness", "HakmemWorkloadsSystem"],
      swiftSettings: embeddedProgram, linkerSettings: withoutDebugInformation),
    // The benchmarks that have names of their own, and readable output.
    .target(
      name: "HakmemWorkloadsBench",
      dependencies: [
        "CHakmem", "HakmemWorkloads", "HakmemWorkloadsHarness", "HakmemWorkloadsSystem",
      ],
      swiftSettings: embeddedProgram),
    .executableTarget(
      name: "HakmemBenchRandomMixed",
      dependencies: [
        "HakmemWorkloadsBench", "HakmemWorkloads", "HakmemWorkloadsHarness",
        "HakmemWorkloadsSystem",
      ],
      swiftSettings: embeddedProgram, linkerSettings: withoutDebugInformation),
    .executableTarget(
      name: "HakmemBenchTinyHot",
      dependencies: [
        "HakmemWorkloadsBench", "HakmemWorkloads", "HakmemWorkloadsHarness",
        "HakmemWorkloadsSystem",
      ],
      swiftSettings: embeddedProgram, linkerSettings: withoutDebugInformation),
    .executableTarget(
      name: "HakmemBenchAllocators",
      dependencies: [
        "HakmemWorkloadsBench", "HakmemWorkloads", "HakmemWorkloadsHarness",
        "HakmemWorkloadsSystem",
      ],
      swiftSettings: embeddedProgram, linkerSettings: withoutDebugInformation),
    .testTarget(name: "HakmemWorkloadTests", dependencies: ["HakmemTestSupport"]),

    // The command-line tool, in ordinary Swift: its logic, and the commands on top of it.
    .target(name: "CHakmemToolSystem"),
    .systemLibrary(name: "CZlib", path: "Sources/CZlib/include"),
    .target(
      name: "HakmemToolKit",
      dependencies: [
        "CHakmem",
        "CHakmemClasses",
        "CHakmemToolSystem",
        "CHakmemTrace",
        "CZlib",
        .product(name: "Histogram", package: "hdrhistogram-swift"),
        .product(name: "Mustache", package: "swift-mustache"),
        .product(name: "Rainbow", package: "Rainbow"),
        .product(name: "TextTable", package: "TextTable"),
      ],
      // The tests look inside, in release builds too.
      swiftSettings: [.unsafeFlags(["-enable-testing"], .when(configuration: .release))]
    ),
    .executableTarget(
      name: "HakmemTool",
      dependencies: [
        "HakmemToolKit",
        .product(name: "ArgumentParser", package: "swift-argument-parser"),
      ]
    ),
    .testTarget(
      name: "HakmemToolTests", dependencies: ["CHakmem", "HakmemToolKit", "HakmemTool"]),

    // Black-box tests: small programs of Tests/Programs and real ones, each run on the library.
    .target(name: "HakmemTestSupport", path: "Tests/HakmemTestSupport"),
    .testTarget(
      name: "HakmemInterfaceTests", dependencies: ["HakmemTestSupport"],
      exclude: ["exports.txt", "fast-paths.txt"]),
    .testTarget(name: "HakmemLifecycleTests", dependencies: ["HakmemTestSupport"]),
    .testTarget(name: "HakmemProgramTests", dependencies: ["HakmemTestSupport"]),
  ]
)

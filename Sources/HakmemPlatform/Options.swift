import CHakmemShims

/// The options of the environment, one row each: the only table. Values are read once, when the
/// allocator starts, and never in a setuid program.
package enum Option: Int {
  case mode, quiet, verbose, statistics, statisticsPage, purge, purgeDelay, warmBytes, cacheBytes,
    prewarm,
    prefault, hugePages, hugeTLB, background, numaNodes, limit, controlGroup, mapTrace, profile,
    profileSample,
    record,
    canary, zeroOnFree, verifyZero, quarantine, randomPlacement, guardPages, guardSample

  /// Calls `body` for every option, in the order of the table.
  package static func forEach(_ body: (Option) -> Void) {
    var index = 0
    while let option = Option(rawValue: index) {
      body(option)
      index += 1
    }
  }

  package struct Row {
    package let name: StaticString
    package let help: StaticString
    /// What is accepted, as shown to users; for keywords, separated by «|».
    package let range: StaticString
    package let standard: StaticString
    let minimum: UInt
    let maximum: UInt
    var isKeyword: Bool { maximum == 0 && minimum == 0 }
    /// A text shorter than `minimum`, which stands above the maximum; the value is the address of a
    /// copy.
    var isText: Bool { minimum > maximum }
  }

  package var row: Row {
    switch self {
    case .mode:
      Row(
        name: "HAKMEM_MODE", help: "Trade between speed, memory and safety.",
        range: "balanced|speed|memory|hardened", standard: "balanced", minimum: 0, maximum: 0)
    case .quiet:
      Row(
        name: "HAKMEM_QUIET", help: "1: print nothing but fatal errors.",
        range: "0…1", standard: "0", minimum: 0, maximum: 1)
    case .verbose:
      Row(
        name: "HAKMEM_VERBOSE", help: "1: print version, options and kernel features at start.",
        range: "0…1", standard: "0", minimum: 0, maximum: 1)
    case .statistics:
      Row(
        name: "HAKMEM_STATS", help: "1: print a summary of the heap at exit.",
        range: "0…1", standard: "0", minimum: 0, maximum: 1)
    case .statisticsPage:
      Row(
        name: "HAKMEM_STATS_PAGE",
        help: "1: show the heap's figures and events to others in a file of /dev/shm.",
        range: "0…1", standard: "0", minimum: 0, maximum: 1)
    case .purge:
      Row(
        name: "HAKMEM_PURGE",
        help: "How free pages go back: at once, or when the kernel is short of memory.",
        range: "dontneed|free", standard: "dontneed", minimum: 0, maximum: 0)
    case .purgeDelay:
      Row(
        name: "HAKMEM_PURGE_DELAY", help: "Milliseconds before free pages return to the kernel.",
        range: "0…3600000", standard: "200", minimum: 0, maximum: 3_600_000)
    case .warmBytes:
      Row(
        name: "HAKMEM_WARM_MIB",
        help: "MiB of free memory kept for reuse at most; of large blocks four times as many.",
        range: "0…1048576", standard: "128", minimum: 0, maximum: 1 << 20)
    case .cacheBytes:
      Row(
        name: "HAKMEM_CACHE_KIB", help: "KiB that a thread caches of each size class, at most.",
        range: "1…1024", standard: "32", minimum: 1, maximum: 1024)
    case .prewarm:
      Row(
        name: "HAKMEM_PREWARM",
        help: "MiB of SuperSlabs made ready at start, or blocks by size as in 256=4096,1024=100.",
        range: "0…1048576|SIZE=COUNT,…", standard: "0", minimum: 0, maximum: 1)
    case .prefault:
      Row(
        name: "HAKMEM_SS_PREFAULT",
        help: "How memory gets pages before its use: 0 not at all, 1 populate, 2 touch.",
        range: "0…2", standard: "1", minimum: 0, maximum: 2)
    case .hugePages:
      Row(
        name: "HAKMEM_THP",
        help: "Transparent huge pages: for no memory, for large blocks that grow, for all.",
        range: "off|auto|on", standard: "off", minimum: 0, maximum: 0)
    case .hugeTLB:
      Row(
        name: "HAKMEM_HUGETLB",
        help: "1: take SuperSlabs from the kernel's pool of huge pages while it has any.",
        range: "0…1", standard: "0", minimum: 0, maximum: 1)
    case .background:
      Row(
        name: "HAKMEM_BACKGROUND",
        help: "1: a thread of the library's own purges, prewarms and makes huge pages.",
        range: "0…1", standard: "0", minimum: 0, maximum: 1)
    case .numaNodes:
      Row(
        name: "HAKMEM_NUMA_NODES",
        help: "Folder to read the NUMA nodes from, in place of /sys/devices/system/node.",
        range: "a folder's path", standard: "", minimum: 900, maximum: 0)
    case .limit:
      Row(
        name: "HAKMEM_LIMIT",
        help: "Most memory the heap may take; at the soft limit all that is free goes back.",
        range: "0|SIZE|soft:SIZE[,hard:SIZE], SIZE from 16M on as in 512M or 2G", standard: "0",
        minimum: 0, maximum: 1)
    case .controlGroup:
      Row(
        name: "HAKMEM_CGROUP", help: "1: mind the control group's memory and processor limits.",
        range: "0…1", standard: "1", minimum: 0, maximum: 1)
    case .mapTrace:
      Row(
        name: "HAKMEM_SS_MAP_TRACE", help: "1: print SuperSlabs as they are mapped and emptied.",
        range: "0…1", standard: "0", minimum: 0, maximum: 1)
    case .profile:
      Row(
        name: "HAKMEM_PROFILE", help: "Folder for what «hakmem profile» reads.",
        range: "a folder's path", standard: "", minimum: UInt(ProfileFolder.capacity), maximum: 0)
    case .profileSample:
      Row(
        name: "HAKMEM_PROFILE_SAMPLE",
        help: "Bytes between two samples of the heap profile; 1: every block, 0: none.",
        range: "0…1099511627776", standard: "1048576", minimum: 0, maximum: 1 << 40)
    case .record:
      Row(
        name: "HAKMEM_RECORD",
        help: "Record every call in a trace file; %p in its name becomes the process id.",
        range: "a file's path", standard: "", minimum: 4096, maximum: 0)
    case .canary:
      Row(
        name: "HAKMEM_CANARY", help: "1: a secret word behind each block, verified at free.",
        range: "0…1", standard: "0", minimum: 0, maximum: 1)
    case .zeroOnFree:
      Row(
        name: "HAKMEM_ZERO_ON_FREE", help: "1: clear blocks as they are freed.",
        range: "0…1", standard: "0", minimum: 0, maximum: 1)
    case .verifyZero:
      Row(
        name: "HAKMEM_VERIFY_ZERO",
        help: "1: verify that free blocks are still clear as they are used again.",
        range: "0…1", standard: "0", minimum: 0, maximum: 1)
    case .quarantine:
      Row(
        name: "HAKMEM_QUARANTINE_KIB",
        help:
          "KiB of blocks freed last, of each doubling of sizes, that a thread keeps from reuse.",
        range: "0…65536", standard: "0", minimum: 0, maximum: 1 << 16)
    case .randomPlacement:
      Row(
        name: "HAKMEM_RANDOM", help: "1: hand blocks and regions out in random order.",
        range: "0…1", standard: "0", minimum: 0, maximum: 1)
    case .guardPages:
      Row(
        name: "HAKMEM_GUARD_PAGES",
        help: "1: an inaccessible page behind each slab and each block above 32 KiB.",
        range: "0…1", standard: "0", minimum: 0, maximum: 1)
    case .guardSample:
      Row(
        name: "HAKMEM_GUARD_SAMPLE",
        help: "N: one of about N allocations stands alone against an inaccessible page; 0: none.",
        range: "0…1000000000", standard: "0", minimum: 0, maximum: 1_000_000_000)
    }
  }

  package enum Source: UInt {
    case standard = 0
    case environment = 1
    case mode = 2
    case program = 3
    package var text: StaticString {
      switch self {
      case .standard: "default"
      case .environment: "environment"
      case .mode: "mode"
      case .program: "program"
      }
    }
  }

  static let slotBytes = 16
  var slot: UInt { PlatformStorage.options &+ UInt(rawValue &* Self.slotBytes) }

  /// The value in force: the number, the keyword's place in the range, or where the text lies.
  package var value: UInt { Memory.loadWord(at: slot) }
  /// The text in force, as a C string; nil when it is empty.
  package var text: UnsafePointer<UInt8>? {
    value == 0 ? nil : UnsafePointer(Memory.pointer(at: value, to: UInt8.self))
  }
  package var isOn: Bool { value != 0 }
  package var source: Source {
    Source(rawValue: Memory.loadWord(at: slot &+ 8)) ?? .standard
  }

  package func set(_ value: UInt, from source: Source) {
    Memory.storeWord(value, at: slot)
    Memory.storeWord(source.rawValue, at: slot &+ 8)
  }

  /// Appends the value as a user would write it.
  package func appendValue(to text: inout Text) {
    if case .limit = self { return LimitValue(packed: value).append(to: &text) }
    if row.isText {
      if let value = self.text { text.append(cString: value) }
      return
    }
    if case .prewarm = self { return PrewarmValue.append(value, to: &text) }
    guard row.isKeyword else { return text.append(value) }
    var place: UInt = 0
    for index in 0..<row.range.utf8CodeUnitCount {
      let byte = row.range.utf8Start[index]
      if byte == UInt8(ascii: "|") { place += 1 } else if place == value { text.append(byte: byte) }
    }
  }
}

/// HAKMEM_THP's values, in the order of its range.
package enum HugePages: UInt {
  case off = 0
  case auto = 1
  case on = 2
  package static var current: HugePages { HugePages(rawValue: Option.hugePages.value) ?? .auto }
}

/// HAKMEM_MODE's values, in the order of its range.
package enum Mode: UInt {
  case balanced = 0
  case speed = 1
  case memory = 2
  case hardened = 3
  package static var current: Mode { Mode(rawValue: Option.mode.value) ?? .balanced }
}

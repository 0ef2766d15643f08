/// Where a process's resident memory is: lines that sum to what the kernel counts (smaps).
package struct Ledger: Codable, Equatable, Sendable {
  /// What memory is used for.
  package enum Use: String, Codable, CaseIterable, Sendable {
    case blocks, liveSmall, liveMedium, liveLarge
    case threadCaches, depot, freeInSlabs, neverUsed, slabTails, freePages, lazilyFreed, keptLarge
    case metadata, library, changing
    case program, libc, loader, otherLibraries, files, shared, stack, threadStacks, programBreak
    case anonymous, kernel

    /// Whether it is HAKMEM's.
    package var isHeap: Bool {
      Use.allCases.firstIndex(of: self)! <= Use.allCases.firstIndex(of: .changing)!
    }
  }

  /// One line.
  package struct Line: Codable, Equatable, Sendable {
    package var use: Use
    /// Bytes that are resident.
    package var resident: Int
    /// Bytes of address space, resident or not.
    package var total: Int
    package var title: String
    /// What would give the memory back.
    package var release: String

    package init(_ use: Use, resident: Int, total: Int) {
      self.use = use
      self.resident = resident
      self.total = total
      title = use.title
      release = use.release
    }
  }

  /// Memory of a SuperSlab that few live blocks keep.
  package struct Pin: Codable, Equatable, Sendable {
    package var start: UInt
    package var resident: Int
    package var live: Int
    /// Who holds it, most bytes first.
    package var holders: [Holder]
  }

  /// Live blocks of one size in a SuperSlab.
  package struct Holder: Codable, Equatable, Sendable {
    /// 0 for medium blocks.
    package var blockSize: Int
    package var blocks: Int
    package var bytes: Int
    /// Who allocated them, most blocks first, when the process writes a heap profile.
    package var stacks: [HoldingStack]?
  }

  /// A call stack and how many live blocks of a holder the heap profile knows of it.
  package struct HoldingStack: Codable, Equatable, Sendable {
    /// Innermost first.
    package var functions: [String]
    package var blocks: Int
    /// Blocks of this size in all the heap: a sample lies on pages of its own, not in the SuperSlab.
    package var isOfAnySuperSlab: Bool
  }

  /// In the order of `Use`; uses without resident memory are left out.
  package var lines: [Line]
  /// The kernel's own sum, bytes.
  package var resident: Int
  package var swapped: Int
  /// What rounding up to size classes may have cost at most.
  package var roundingBound: Int
  /// SuperSlabs of which less than half is live, the most costly first.
  package var pins: [Pin]

  package func resident(_ use: Use) -> Int { lines.first { $0.use == use }?.resident ?? 0 }
  package var sum: Int { lines.reduce(0) { $0 + $1.resident } }
}

extension Ledger.Use {
  package var title: String {
    switch self {
    case .blocks: "blocks, free and live"
    case .liveSmall: "live blocks in slabs"
    case .liveMedium: "live page runs"
    case .liveLarge: "live large blocks"
    case .threadCaches: "thread caches"
    case .depot: "depot"
    case .freeInSlabs: "free in slabs"
    case .neverUsed: "never used"
    case .slabTails: "ends of slabs"
    case .freePages: "free pages"
    case .lazilyFreed: "lazily freed"
    case .keptLarge: "kept large blocks"
    case .metadata: "metadata"
    case .library: "libhakmem.so"
    case .changing: "changed meanwhile"
    case .program: "program"
    case .libc: "libc"
    case .loader: "loader"
    case .otherLibraries: "other libraries"
    case .files: "mapped files"
    case .shared: "shared memory"
    case .stack: "stack"
    case .threadStacks: "thread stacks"
    case .programBreak: "program break"
    case .anonymous: "other mappings"
    case .kernel: "kernel's pages"
    }
  }

  package var release: String {
    switch self {
    case .blocks: "not told apart: the memory may not be read"
    case .liveSmall, .liveMedium, .liveLarge: "the program, when it frees them"
    case .threadCaches: "slow calls, when idle; HAKMEM_CACHE_KIB; hakmem_purge()"
    case .depot: "slow calls, when idle; hakmem_purge()"
    case .freeInSlabs: "the end of the live blocks in these slabs"
    case .neverUsed: "nothing: shares pages with used blocks, or was prefaulted"
    case .slabTails: "whole pages: slow calls; the rest: the end of these slabs"
    case .freePages: "slow calls after HAKMEM_PURGE_DELAY; hakmem_purge()"
    case .lazilyFreed: "the kernel, when memory is short"
    case .keptLarge: "slow calls after HAKMEM_PURGE_DELAY; hakmem_purge()"
    case .metadata: "nothing: it is used again"
    case .library, .kernel: "nothing"
    case .changing: "the heap changed while it was read"
    case .program, .libc, .loader, .otherLibraries: "the kernel: code, but not data"
    case .files, .shared: "the program, by munmap"
    case .stack, .threadStacks: "the end of the thread"
    case .programBreak: "the program: not HAKMEM's"
    case .anonymous: "whoever mapped them"
    }
  }
}

/// Whose memory an address is.
package enum Owner: Hashable, Comparable, Sendable {
  /// A block of a size class.
  case small(Int)
  case medium
  case large
  /// Memory for blocks that serves none at that moment.
  case freeBlocks
  /// The allocator's records.
  case metadata
  case classMap
  /// The library's code and variables.
  case library
  /// Memory that the program mapped itself.
  case mapping
  /// The old program break, glibc's own heap.
  case programBreak
  case threadLocal
  case stack
  case program
  case libc
  case loader
  case otherLibrary
  case file
  /// What this profile itself costs.
  case profile
  case kernel
  case unknown

  /// The kinds of owners, size classes taken together, in the order of reports.
  package enum Kind: String, CaseIterable, Codable, Sendable {
    case small = "small blocks"
    case medium = "medium blocks"
    case large = "large blocks"
    case freeBlocks = "memory for blocks, unused"
    case metadata = "allocator: records"
    case classMap = "allocator: class map"
    case library = "allocator: code and variables"
    case mapping = "other mappings"
    case programBreak = "program break"
    case threadLocal = "thread-local storage"
    case stack = "stacks"
    case program = "the program's file"
    case libc = "libc"
    case loader = "the loader"
    case otherLibrary = "other libraries"
    case file = "mapped files"
    case profile = "this profile"
    case kernel = "kernel pages (vdso)"
    case unknown = "unknown"
    /// Charged to the process without an event: for what its allocator populated, and for the rest:
    /// exec, and what the program populates itself.
    case filledAhead = "filled ahead for the allocator"
    case filledOtherwise = "filled by other system calls"

    /// Whether it has samples, with addresses and stacks.
    package var isSampled: Bool { self != .filledAhead && self != .filledOtherwise }
  }

  package var kind: Kind {
    switch self {
    case .small: .small
    case .medium: .medium
    case .large: .large
    case .freeBlocks: .freeBlocks
    case .metadata: .metadata
    case .classMap: .classMap
    case .library: .library
    case .mapping: .mapping
    case .programBreak: .programBreak
    case .threadLocal: .threadLocal
    case .stack: .stack
    case .program: .program
    case .libc: .libc
    case .loader: .loader
    case .otherLibrary: .otherLibrary
    case .file: .file
    case .profile: .profile
    case .kernel: .kernel
    case .unknown: .unknown
    }
  }
}

/// Why a page fault came.
package enum FaultCause: String, CaseIterable, Codable, Sendable {
  case firstTouch = "first touch"
  case refault = "again after purge"
  case hugePage = "huge page"
  case copyOnWrite = "copy after fork"
  case written = "written after read"
  case systemCall = "by a system call"
}

/// When it came.
package enum Phase: String, CaseIterable, Codable, Sendable {
  /// Until the library is set up: loading and linking.
  case start = "start"
  case run
  /// From the library's last destructor on.
  case exit
}

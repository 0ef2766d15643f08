import CHakmem

/// Adds up the ledger: what the heap says of its memory, page by page against what is present, and
/// what the kernel says of all the rest.
struct LedgerBuilder {
  private let areas: [MemoryArea]
  private let present: PresentPages
  private let library: String
  private let program: String
  private var cursor = 0
  private var resident: [Ledger.Use: Int] = [:]
  private var total: [Ledger.Use: Int] = [:]
  /// Present bytes of each area that the heap explained.
  private var explained: [Int]
  private(set) var superSlabs: [UInt: SuperSlabPicture] = [:]
  private(set) var largeBlocks: [HeapMap.Large] = []
  private let blockSize: (Int32) -> Int

  /// - Parameter blockSize: Of a size class by its number.
  init(
    areas: [MemoryArea], present: PresentPages, library: String, program: String,
    blockSize: @escaping (Int32) -> Int
  ) {
    self.areas = areas
    self.present = present
    self.library = library
    self.program = program
    self.blockSize = blockSize
    explained = Array(repeating: 0, count: areas.count)
  }

  private static let superSlabBytes: UInt = 2 << 20

  mutating func add(_ stretch: hakmem_stretch_t) {
    let addresses = stretch.start..<(stretch.start + UInt(stretch.size))
    let superSlab = stretch.start / Self.superSlabBytes * Self.superSlabBytes
    let use = Self.use(
      stretch,
      isLarge: addresses.upperBound > superSlab + Self.superSlabBytes
        || isLarge(stretch))
    var bytes = 0
    var huge = 0
    present.forEachPart(of: addresses, cursor: &cursor) { part, whole in
      bytes += part.count
      if whole.isHuge { huge += part.count }
      explained[whole.area] += part.count
    }
    resident[use, default: 0] += bytes
    total[use, default: 0] += stretch.size
    switch use {
    case .metadata: return
    case .liveLarge, .keptLarge:
      largeBlocks.append(
        HeapMap.Large(
          start: stretch.start, bytes: stretch.size, resident: bytes, huge: huge,
          isLive: use == .liveLarge))
    default:
      superSlabs[superSlab, default: SuperSlabPicture(start: superSlab)].add(
        addresses, stretch.state, blocks: stretch.blocks,
        blockSize: blockSize(stretch.size_class), resident: bytes, huge: huge)
    }
  }

  /// A block of pages that begins a SuperSlab's worth of addresses is large unless runs lie there:
  /// the heap tells large blocks apart by their length, above 1 MiB.
  private func isLarge(_ stretch: hakmem_stretch_t) -> Bool {
    stretch.size_class == 0 && stretch.blocks == 1 && stretch.size > 1 << 20
  }

  private static func use(_ stretch: hakmem_stretch_t, isLarge: Bool) -> Ledger.Use {
    switch stretch.state {
    case HAKMEM_LIVE:
      stretch.size_class != 0 ? .liveSmall : isLarge ? .liveLarge : .liveMedium
    case HAKMEM_CACHED: .threadCaches
    case HAKMEM_IN_DEPOT: .depot
    case HAKMEM_IN_SLAB: .freeInSlabs
    case HAKMEM_FRESH: .neverUsed
    case HAKMEM_SLAB_TAIL: .slabTails
    case HAKMEM_FREE_USED, HAKMEM_FREE_CLEAN: .freePages
    case HAKMEM_KEPT: .keptLarge
    default: .metadata
    }
  }

  /// The ledger, once the whole heap was added.
  func ledger(roundingBound: Int) -> Ledger {
    var resident = resident
    var total = total
    for (index, area) in areas.enumerated() {
      let rest = area.resident - explained[index]
      let use = use(of: area, at: index)
      if explained[index] == 0 || rest != 0 { resident[use, default: 0] += rest }
      if explained[index] == 0 { total[use, default: 0] += area.addresses.count }
      guard explained[index] > 0, area.lazilyFreed > 0 else { continue }
      let lazily = min(area.lazilyFreed, resident[.freePages] ?? 0)
      resident[.freePages, default: 0] -= lazily
      resident[.lazilyFreed, default: 0] += lazily
      total[.lazilyFreed, default: 0] += lazily
    }
    let lines = Ledger.Use.allCases.compactMap { use -> Ledger.Line? in
      guard let bytes = resident[use], bytes != 0 else { return nil }
      return Ledger.Line(use, resident: bytes, total: total[use] ?? 0)
    }
    return Ledger(
      lines: lines, resident: areas.reduce(0) { $0 + $1.resident },
      swapped: areas.reduce(0) { $0 + $1.swapped }, roundingBound: roundingBound, pins: pins)
  }

  private static let mostPins = 10

  private var pins: [Ledger.Pin] {
    let sparse = superSlabs.values.filter { $0.live > 0 && $0.resident >= 2 * $0.live }
    return sparse.sorted { ($1.resident - $1.live, $0.start) < ($0.resident - $0.live, $1.start) }
      .prefix(Self.mostPins).map {
        Ledger.Pin(start: $0.start, resident: $0.resident, live: $0.live, holders: $0.holders)
      }
  }

  /// What an area, or the part of it that is not the heap's, is used for.
  private func use(of area: MemoryArea, at index: Int) -> Ledger.Use {
    let name = area.name
    // Without a name the kernel joins the heap's mappings with others beside them.
    if explained[index] > 0, name.hasPrefix("[anon:hakmem") { return .changing }
    if name == "[anon:hakmem blocks]" || name == "[anon:hakmem large]" { return .blocks }
    if name.hasPrefix("[anon:hakmem") { return .metadata }
    if name == "[heap]" { return .programBreak }
    if name == "[stack]" { return .stack }
    if name.hasPrefix("[v") { return .kernel }
    if name.isEmpty || name.hasPrefix("[anon") { return useOfAnonymous(at: index) }
    if PublishedPage.isName(name) { return .metadata }
    if name.hasPrefix("/dev/shm/") || name.hasPrefix("/SYSV") || name.hasPrefix("/memfd:")
      || name.hasPrefix("/dev/zero")
    {
      return .shared
    }
    return use(ofFile: name)
  }

  private func use(ofFile path: String) -> Ledger.Use {
    let file = path.split(separator: "/").last.map(String.init) ?? path
    if path == library { return .library }
    if path == program { return .program }
    if file.hasPrefix("libc.so") || file.hasPrefix("libc-2") { return .libc }
    if file.hasPrefix("ld-linux") || file.hasPrefix("ld-2") { return .loader }
    return file.hasPrefix("lib") && file.contains(".so") || file.hasSuffix(".so")
      ? .otherLibraries : .files
  }

  /// Behind a file's data lies the part of it that began as zeroes; above a page without access, a
  /// thread's stack.
  private func useOfAnonymous(at index: Int) -> Ledger.Use {
    guard index > 0 else { return .anonymous }
    let before = areas[index - 1]
    guard before.addresses.upperBound == areas[index].addresses.lowerBound else {
      return .anonymous
    }
    if before.name.hasPrefix("/") { return use(ofFile: before.name) }
    let largestGuard = 1 << 20
    let isGuarded = before.permissions.hasPrefix("---") && before.addresses.count <= largestGuard
    return isGuarded && before.name.isEmpty ? .threadStacks : .anonymous
  }
}

/// What lies where in one process at one moment, followed through the records of the kernel and of
/// the library.
struct AddressSpace {
  /// A mapping as the kernel reported it.
  struct Mapping {
    var start: UInt64
    var end: UInt64
    var fileOffset: UInt64
    var name: String
    var protection: Int32
    var object: Symbols.Object?
  }

  private struct Range {
    var start: UInt64
    var end: UInt64
  }

  /// The allocator's 2 MiB: what each 64 KiB serves.
  private struct SuperSlab {
    var use: UInt8
    var classes: [UInt8]
  }

  private enum PageState {
    case present(forks: Int)
    case purged
  }

  /// The program that runs there; grows with each exec, so that frames are told apart.
  var program: Int
  private var programName = ""
  private var objectNames: Set<String> = []
  private var mappings: [Mapping] = []
  private var superSlabs: [UInt64: SuperSlab] = [:]
  private var large: [UInt64: UInt64] = [:]
  private var metadata: [Range] = []
  private var classMap: [Range] = []
  private var threads: [UInt64] = []
  private var threadLocalBytes: UInt64 = 0
  private var pages: [UInt64: PageState] = [:]
  private var forks = 0
  private(set) var phase: Phase

  private static let superSlabShift: UInt64 = 21
  private static let granuleShift: UInt64 = 16
  private static let pageShift: UInt64 = 12
  /// struct pthread of glibc, which begins at the thread pointer, and what the loader keeps free
  /// among the thread-local variables.
  private static let threadRecordBytes: UInt64 = 2304
  private static let threadLocalSurplus: UInt64 = 1664 + 64
  private static let largestStack: UInt64 = 64 << 20

  /// - Parameter threads: The thread pointers that the program's threads will have. The loader fills
  ///   their thread-local variables before the library hears of them.
  init(program: Int, threads: [UInt64]) {
    self.program = program
    self.threads = threads
    // A program whose library says nothing has one phase.
    phase = threads.isEmpty ? .run : .start
  }

  // MARK: What the kernel says

  mutating func add(_ record: PerfRecord.Mapping, symbols: Symbols, profileFolder: String) {
    let end = record.start &+ record.byteCount
    if !isSameMemory(record, end) { forgetPages(record.start, end) }
    remove(record.start, end)
    var mapping = Mapping(
      start: record.start, end: end, fileOffset: record.fileOffset, name: record.name,
      protection: record.protection, object: nil)
    if AddressSpace.isFile(record.name), !record.name.hasPrefix(profileFolder) {
      let object = symbols.object(record.name)
      if object.isELF { mapping.object = object }
      if record.isExecutable && object.isELF {
        if objectNames.insert(record.name).inserted { threadLocalBytes += object.threadLocalBytes }
        if programName.isEmpty { programName = record.name }
      }
    }
    mappings.insert(mapping, at: index(of: record.start))
  }

  private static func isFile(_ name: String) -> Bool {
    name.hasPrefix("/") && !name.hasPrefix("//anon") && !name.hasPrefix("/dev/zero")
      && !name.hasPrefix("/memfd:") && !name.hasPrefix("/SYSV")
  }

  /// The kernel also reports what grows or changes its protection, and never what is unmapped: so a
  /// mapping with another protection, but some, is taken for the one that was there.
  private func isSameMemory(_ record: PerfRecord.Mapping, _ end: UInt64) -> Bool {
    if record.name == "[stack]" || record.name == "[heap]" { return true }
    guard let old = mapping(at: record.start), old.name == record.name, end <= old.end else {
      return false
    }
    return record.protection != 0 && record.protection != old.protection
  }

  /// The first mapping that ends above an address.
  private func index(of address: UInt64) -> Int {
    var low = 0
    var high = mappings.count
    while low < high {
      let middle = (low + high) / 2
      if mappings[middle].end <= address { low = middle + 1 } else { high = middle }
    }
    return low
  }

  private mutating func remove(_ start: UInt64, _ end: UInt64) {
    let first = index(of: start)
    var kept: [Mapping] = []
    var last = first
    while last < mappings.count, mappings[last].start < end {
      let old = mappings[last]
      if old.start < start {
        var head = old
        head.end = start
        kept.append(head)
      }
      if old.end > end {
        var tail = old
        tail.fileOffset += end - old.start
        tail.start = end
        kept.append(tail)
      }
      last += 1
    }
    mappings.replaceSubrange(first..<last, with: kept)
  }

  func mapping(at address: UInt64) -> Mapping? {
    let index = index(of: address)
    guard index < mappings.count, mappings[index].start <= address else { return nil }
    return mappings[index]
  }

  /// The child's, at a fork: the same, all pages shared until one of the two writes.
  mutating func forked() -> AddressSpace {
    forks += 1
    return self
  }

  // MARK: What the library says

  mutating func apply(_ entry: MapLogFile.Entry) {
    let end = entry.start &+ entry.byteCount
    switch entry.event {
    case .superSlab:
      let number = entry.start >> AddressSpace.superSlabShift
      superSlabs[number, default: SuperSlab(use: 0, classes: Array(repeating: 0, count: 32))].use =
        entry.number
    case .slab:
      let first = Int(entry.start >> AddressSpace.granuleShift & 31)
      let count = Int(entry.byteCount >> AddressSpace.granuleShift)
      for granule in first..<min(first + count, 32) {
        superSlabs[entry.start >> AddressSpace.superSlabShift]?.classes[granule] = entry.number
      }
    case .large: large[entry.start] = end
    case .unmapped:
      large[entry.start] = nil
      for (start, oldEnd) in large where start < entry.start && oldEnd > entry.start {
        large[start] = entry.start
      }
      forgetPages(entry.start, end)
    case .moved: large[entry.start] = nil
    case .populated:
      let first = entry.start >> AddressSpace.pageShift
      for page in first..<(first + UInt64(entry.filled.pages)) {
        pages[page] = .present(forks: forks)
      }
    case .metadata: metadata.append(Range(start: entry.start, end: end))
    case .classMap: classMap.append(Range(start: entry.start, end: end))
    case .purged: purge(entry.start, end)
    // Known from the start: see `init`.
    case .thread: break
    case .began: phase = .run
    case .ends: phase = .exit
    }
  }

  private mutating func forgetPages(_ start: UInt64, _ end: UInt64) {
    forEachPage(start, end) { pages[$0] = nil }
  }

  private mutating func purge(_ start: UInt64, _ end: UInt64) {
    forEachPage(start, end) { if pages[$0] != nil { pages[$0] = .purged } }
  }

  /// The known pages of a range; a range may be far larger than what was touched of it.
  private func forEachPage(_ start: UInt64, _ end: UInt64, _ body: (UInt64) -> Void) {
    let first = start >> AddressSpace.pageShift
    let last = (end + 4095) >> AddressSpace.pageShift
    if last - first < UInt64(pages.count) {
      for page in first..<last { body(page) }
    } else {
      for page in Array(pages.keys) where page >= first && page < last { body(page) }
    }
  }

  // MARK: Faults

  /// Says whose page faulted, and why; remembers that it is present now.
  mutating func fault(
    at address: UInt64, stackPointer: UInt64, isHuge: Bool
  ) -> (owner: Owner, cause: FaultCause, phase: Phase) {
    let owner = owner(of: address, stackPointer: stackPointer)
    let page = address >> AddressSpace.pageShift
    var cause = FaultCause.firstTouch
    switch pages[page] {
    case .present(let since)?: cause = since < forks ? .copyOnWrite : .written
    case .purged?: cause = .refault
    case nil: break
    }
    if isHuge, cause == .firstTouch || cause == .refault {
      cause = .hugePage
      let first = page & ~511
      for other in first..<(first + 512) { pages[other] = .present(forks: forks) }
    }
    pages[page] = .present(forks: forks)
    return (owner, cause, phase)
  }

  func owner(of address: UInt64, stackPointer: UInt64) -> Owner {
    if let own = allocatorOwner(of: address) { return own }
    if isThreadLocal(address) { return .threadLocal }
    guard let mapping = mapping(at: address) else {
      return isNearStack(address, stackPointer) ? .stack : .unknown
    }
    if mapping.name == "[stack]" { return .stack }
    if let object = mapping.object { return owner(of: object) }
    if mapping.name.hasPrefix("[v") { return .kernel }
    if mapping.name == "[heap]" { return .programBreak }
    if mapping.name.contains("/map.") || mapping.name.contains("/heap.") { return .profile }
    if AddressSpace.isFile(mapping.name) { return .file }
    if let object = objectBefore(mapping) { return owner(of: object) }
    if stackPointer >= mapping.start, stackPointer < mapping.end { return .stack }
    return .mapping
  }

  private func allocatorOwner(of address: UInt64) -> Owner? {
    if let superSlab = superSlabs[address >> AddressSpace.superSlabShift] {
      let slabs: UInt8 = 1
      let pageRuns: UInt8 = 2
      if superSlab.use == pageRuns { return .medium }
      let number = superSlab.classes[Int(address >> AddressSpace.granuleShift & 31)]
      return superSlab.use == slabs && number != 0 ? .small(Int(number)) : .freeBlocks
    }
    for (start, end) in large where address >= start && address < end { return .large }
    if metadata.contains(where: { address >= $0.start && address < $0.end }) { return .metadata }
    if classMap.contains(where: { address >= $0.start && address < $0.end }) { return .classMap }
    return nil
  }

  private func isThreadLocal(_ address: UInt64) -> Bool {
    let below = threadLocalBytes + AddressSpace.threadLocalSurplus
    return threads.contains {
      address >= $0 - min($0, below) && address < $0 + AddressSpace.threadRecordBytes
    }
  }

  private func isNearStack(_ address: UInt64, _ stackPointer: UInt64) -> Bool {
    let stack = mappings.first { $0.name == "[stack]" }
    if let stack, address < stack.end, stack.end - address < AddressSpace.largestStack {
      return true
    }
    return stackPointer != 0 && address &+ 65536 >= stackPointer
      && address < stackPointer &+ AddressSpace.largestStack
  }

  private func owner(of object: Symbols.Object) -> Owner {
    let name = object.name
    if object.path == programName { return .program }
    if name.hasPrefix("libhakmem") { return .library }
    if name.hasPrefix("ld-linux") || name.hasPrefix("ld.so") || name.hasPrefix("ld-2") {
      return .loader
    }
    let parts = ["libc.so", "libc-2", "libm.so", "libpthread.so", "libdl.so", "librt.so"]
    return parts.contains { name.hasPrefix($0) } ? .libc : .otherLibrary
  }

  /// The object whose variables without contents an anonymous mapping holds: it begins inside the
  /// object's image.
  private func objectBefore(_ mapping: Mapping) -> Symbols.Object? {
    var index = index(of: mapping.start)
    while index > 0 {
      index -= 1
      let before = mappings[index]
      guard before.end == mappings[index + 1].start else { return nil }
      guard let object = before.object else { continue }
      guard let last = object.segments.last,
        let address = object.address(
          ofFileOffset: max(before.fileOffset, last.fileOffset))
      else { return nil }
      let base = before.start &- (address & ~4095)
      let imageEnd = (base &+ last.address &+ last.memorySize + 4095) & ~4095
      return mapping.start < imageEnd ? object : nil
    }
    return nil
  }

  // MARK: Code

  /// The object and the place in it of an instruction.
  func code(at address: UInt64) -> (object: Symbols.Object, fileOffset: UInt64)? {
    guard let mapping = mapping(at: address), let object = mapping.object else { return nil }
    return (object, address - mapping.start + mapping.fileOffset)
  }
}
